use super::{super::stats::Reason, Leak};

/// What is to be done once the lock is released.
#[derive(Debug)]
#[must_use]
pub(in super::super) struct Effects<C, W> {
    /// The first to be woken, which mostly is all, and the others.
    pub(super) first: Option<W>,
    pub(super) more: Vec<W>,
    pub(in super::super) departures: Vec<Departure<C>>,
    /// The slots for which a connection is to be made.
    pub(in super::super) connects: Vec<usize>,
    /// A connection to be checked although nobody asks for it.
    pub(in super::super) keepalive: Option<(usize, C)>,
    /// A lease that was reported and came back.
    pub(in super::super) returned: Option<Leak>,
    /// Whether the counts may have changed, for those who watch them.
    pub(in super::super) changed: bool,
}

/// A connection on its way out. Its place is free once it is gone.
#[derive(Debug)]
pub(in super::super) struct Departure<C> {
    pub(in super::super) index: usize,
    pub(in super::super) connection: C,
    pub(in super::super) reason: Reason,
}

impl<C, W> Default for Effects<C, W> {
    fn default() -> Self {
        let (departures, connects) = (Vec::new(), Vec::new());
        let (first, keepalive, returned) = (None, None, None);
        Self { first, more: Vec::new(), departures, connects, keepalive, returned, changed: false }
    }
}

impl<C, W> Effects<C, W> {
    pub(super) fn wake(&mut self, waker: W) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push(waker);
        }
    }

    /// Those to be woken.
    pub(in super::super) fn take_wakers(&mut self) -> impl Iterator<Item = W> + use<C, W> {
        self.first.take().into_iter().chain(std::mem::take(&mut self.more))
    }
}
