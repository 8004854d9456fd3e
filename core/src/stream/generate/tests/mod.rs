//! The laws of generators, each with a test that goes red when it is broken.

mod dropping;
mod ending;
mod giving;
mod sending;

use std::time::Duration;

use futures::{FutureExt, channel::oneshot, future};

use super::{Generate, Out, Sent, generate, try_generate};
use crate::stream::script::{bell, poll};

const MS: Duration = Duration::from_millis(1);

/// A generator that waits for ever and has given its `Out` away.
fn given_away<T: Send + 'static>() -> (Generate<'static, T>, Out<T>) {
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|out| async move {
        drop(sender.send(out));
        future::pending::<()>().await;
    });
    let (_, waker) = bell();
    assert!(poll(&mut stream, &waker).is_pending());
    let out = receiver.now_or_never().expect("it was sent").expect("it was sent");
    (stream, out)
}
