//! The laws of a tee, each with a test that goes red when it is broken.

mod ending;
mod machine;
mod sharing;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::{Stream, StreamExt, channel::mpsc, stream};
use parking_lot::Mutex;

use super::{Config, OnLag, Tee, TeeError, tee};

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), Waker::from(bell))
}

fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(waker))
}

fn config(lag_max: usize, on_lag: OnLag) -> Config {
    Config { lag_max, on_lag }
}

/// A reader of what a test sends.
fn channel(config: Config) -> (mpsc::UnboundedSender<u64>, Tee<mpsc::UnboundedReceiver<u64>>) {
    let (sender, receiver) = mpsc::unbounded();
    (sender, tee(receiver, config).expect("a good config"))
}

fn item<T>(item: T) -> Poll<Option<Result<T, TeeError>>> {
    Poll::Ready(Some(Ok(item)))
}
