use std::task::Waker;

use crate::rt::{Rt, wake_each};

/// Wakes everyone. A waker that panics is reported: the others are woken all the same, and whoever came by is not harmed.
pub(crate) fn wake_all(rt: &Rt, wakers: impl IntoIterator<Item = Waker>) {
    wake_each(wakers, |panic| rt.report_panic(&panic));
}
