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
use crate::stream::script::{bell, poll};

const MS: Duration = Duration::from_millis(1);

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
