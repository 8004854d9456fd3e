//! One stream for several readers, who lag behind each other within a bound.

mod config;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
};

use futures::{Stream, stream::FusedStream};
use parking_lot::{Mutex, MutexGuard};

use self::state::{Line, Read};
use super::panics::caught;
use crate::{
    ConfigError,
    rt::{Coop, wake_unreported},
};

pub use config::{Config, OnLag};

/// Lets several readers have one stream: [`Tee::new`].
///
/// # Errors
///
/// If the config is refused.
pub fn tee<S>(stream: S, config: Config) -> Result<Tee<S>, ConfigError>
where
    S: Stream + Send + 'static,
    S::Item: Clone + Send + Sync + 'static,
{
    Tee::new(stream, config)
}

/// A reader of a stream that has several. Clone it for another one, which goes on from the same place.
///
/// It guarantees:
///
/// - Each reader gets every item in order, each once; or is told how many it missed, if [`OnLag::Skip`] allows that.
/// - At most [`lag_max`](Config::lag_max) items are kept. An item is dropped when the last reader has it.
/// - Whoever is polled and has read everything polls the stream. Its wake goes to all readers that wait, so none is held up
///   by one that is dropped or polled no more. A reader that is dropped gives up its claim to items at once.
/// - A stream that panics ends with [`TeeError::Panicked`] for every reader.
/// - The stream is dropped when it has ended, or with the last reader.
/// - Once in 128 items without a wait a reader lets other tasks run.
///
/// Every item is put behind an `Arc`, and cloned for each reader but the last to read it.
///
/// # Cancel safety
///
/// Dropping a future of `next` loses nothing: an item is this reader's in the poll that returns it.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use futures::{StreamExt, TryStreamExt, stream::iter};
/// use seaworthy_core::stream::{tee, tee::Config};
///
/// let one = tee(iter(1..=3), Config::default()).unwrap();
/// let other = one.clone();
/// let sum = rt.spawn("sum", one.try_fold(0, |sum, number| async move { Ok(sum + number) }));
/// let all = rt.spawn("all", other.try_collect::<Vec<_>>());
/// assert_eq!(sum.await.unwrap(), Ok(6));
/// assert_eq!(all.await.unwrap(), Ok(vec![1, 2, 3]));
/// # });
/// ```
pub struct Tee<S: Stream> {
    shared: Arc<Shared<S>>,
    reader: usize,
    /// What the stream wakes: everyone who waits.
    bell: Waker,
    /// The reader has seen the end.
    ended: bool,
    coop: Coop,
}

/// What a reader of a [`Tee`] has to know beside the items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TeeError {
    /// It lagged too far behind, and so many items are gone. The next item is the oldest that is left.
    #[error(
        "{0} items are gone before this reader came to them; read faster, raise `lag_max`, or let the others wait"
    )]
    Missed(u64),
    /// The stream panicked with this text. It has ended.
    #[error("the stream panicked and has ended: {0}")]
    Panicked(String),
}

/// What has gone through a [`Tee`] so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TeeStats {
    /// How many readers there are.
    pub readers: usize,
    /// How many items the stream gave.
    pub items: u64,
    /// How many of them are kept for those who lag.
    pub kept: usize,
    /// How many items were missed, by all readers together.
    pub missed: u64,
}

struct Shared<S: Stream>(Mutex<State<S>>);

struct State<S: Stream> {
    line: Line<Arc<S::Item>>,
    source: Source<S>,
    /// The stream was woken since its last poll began.
    rung: bool,
    /// The readers that wait, for the stream or for the slowest of them.
    waiting: BTreeMap<usize, Waker>,
    missed: u64,
}

enum Source<S> {
    Idle(Pin<Box<S>>),
    /// A reader has it out, to poll it without the lock.
    Out,
    Ended,
    Panicked(String),
}

impl<S> Tee<S>
where
    S: Stream + Send + 'static,
    S::Item: Clone + Send + Sync + 'static,
{
    /// The first reader of `stream`.
    ///
    /// # Errors
    ///
    /// If the config is refused.
    pub fn new(stream: S, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let mut line = Line::new(config);
        let reader = line.join();
        let source = Source::Idle(Box::pin(stream));
        let state = State { line, source, rung: false, waiting: BTreeMap::new(), missed: 0 };
        let shared = Arc::new(Shared(Mutex::new(state)));
        let bell = Waker::from(Arc::clone(&shared));
        Ok(Self { shared, reader, bell, ended: false, coop: Coop::default() })
    }
}

impl<S: Stream> Tee<S> {
    /// How many items this reader has yet to read, of those the stream gave; those it missed and was not told of count too.
    pub fn lag(&self) -> u64 {
        self.shared.0.lock().line.lag(self.reader)
    }

    /// What has gone through so far.
    pub fn stats(&self) -> TeeStats {
        let state = self.shared.0.lock();
        TeeStats {
            readers: state.line.readers(),
            items: state.line.end(),
            kept: state.line.len(),
            missed: state.missed,
        }
    }
}

impl<S: Stream> State<S> {
    /// Keeps `waker` for the reader. Returns one that is to be dropped when the lock is released.
    fn wait(&mut self, reader: usize, waker: Waker) -> Option<Waker> {
        self.waiting.insert(reader, waker)
    }

    fn waits_with(&self, reader: usize, waker: &Waker) -> bool {
        self.waiting.get(&reader).is_some_and(|kept| kept.will_wake(waker))
    }
}

/// Wakes everyone who waited, once the lock is released.
fn wake_all<S: Stream>(mut state: MutexGuard<'_, State<S>>) {
    let waiting = mem::take(&mut state.waiting);
    drop(state);
    wake_unreported(waiting.into_values());
}

/// A stream that ends, or is dropped with its readers: a panic of its destructor harms nobody.
fn drop_quietly<T>(value: T) {
    if let Err(message) = caught(|| drop(value)) {
        tracing::warn!(
            name: "seaworthy.stream.panicked",
            message,
            "the stream of a tee panicked as it was dropped"
        );
    }
}

type Given<S> = Option<Result<<S as Stream>::Item, TeeError>>;

impl<S> Tee<S>
where
    S: Stream,
    S::Item: Clone,
{
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Given<S>> {
        let mut spare = None;
        loop {
            let mut state = self.shared.0.lock();
            let was_full = state.line.is_full();
            match state.line.read(self.reader) {
                Read::Item(item) => {
                    if was_full && !state.line.is_full() {
                        wake_all(state);
                    } else {
                        drop(state);
                    }
                    return Poll::Ready(Some(Ok(Arc::unwrap_or_clone(item))));
                }
                Read::Missed(missed) => {
                    state.missed += missed;
                    return Poll::Ready(Some(Err(TeeError::Missed(missed))));
                }
                Read::Full => {}
                Read::Wanted => match mem::replace(&mut state.source, Source::Out) {
                    Source::Idle(source) => {
                        state.rung = false;
                        drop(state);
                        return self.poll_source(source, cx);
                    }
                    Source::Out => {}
                    Source::Ended => {
                        state.source = Source::Ended;
                        return Poll::Ready(None);
                    }
                    Source::Panicked(message) => {
                        state.source = Source::Panicked(message.clone());
                        drop(state);
                        self.ended = true;
                        return Poll::Ready(Some(Err(TeeError::Panicked(message))));
                    }
                },
            }
            if state.waits_with(self.reader, cx.waker()) {
                return Poll::Pending;
            }
            if let Some(waker) = spare.take() {
                let before = state.wait(self.reader, waker);
                drop(state);
                drop(before);
                return Poll::Pending;
            }
            drop(state);
            // A clone is user code, and so needs a lock that is free.
            spare = Some(cx.waker().clone());
        }
    }

    /// Polls the stream, which this reader has out, and puts it back.
    fn poll_source(&mut self, mut source: Pin<Box<S>>, cx: &mut Context<'_>) -> Poll<Given<S>> {
        let polled = caught(|| source.as_mut().poll_next(&mut Context::from_waker(&self.bell)));
        match polled {
            Ok(Poll::Ready(Some(item))) => {
                let item = Arc::new(item);
                let mut state = self.shared.0.lock();
                let gone = state.line.push(self.reader, Arc::clone(&item));
                state.source = Source::Idle(source);
                wake_all(state);
                drop(gone);
                Poll::Ready(Some(Ok(Arc::unwrap_or_clone(item))))
            }
            Ok(Poll::Pending) => {
                let waker = cx.waker().clone();
                let mut state = self.shared.0.lock();
                state.source = Source::Idle(source);
                let before = state.wait(self.reader, waker);
                if state.rung {
                    // It was woken meanwhile, and not all who wait now have heard of it.
                    wake_all(state);
                } else {
                    drop(state);
                }
                drop(before);
                Poll::Pending
            }
            Ok(Poll::Ready(None)) => {
                self.end(Source::Ended, source);
                Poll::Ready(None)
            }
            Err(message) => {
                tracing::warn!(name: "seaworthy.stream.panicked", message, "the stream of a tee panicked");
                self.ended = true;
                self.end(Source::Panicked(message.clone()), source);
                Poll::Ready(Some(Err(TeeError::Panicked(message))))
            }
        }
    }

    fn end(&self, how: Source<S>, source: Pin<Box<S>>) {
        let mut state = self.shared.0.lock();
        state.source = how;
        wake_all(state);
        drop_quietly(source);
    }
}

impl<S> Stream for Tee<S>
where
    S: Stream,
    S::Item: Clone,
{
    type Item = Result<S::Item, TeeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        ready!(self.coop.poll_turn(cx));
        let given = self.poll_read(cx);
        match &given {
            Poll::Pending => self.coop.waited(),
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(_)) => {}
        }
        given
    }
}

impl<S> FusedStream for Tee<S>
where
    S: Stream,
    S::Item: Clone,
{
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

/// Another reader, which goes on from the same place.
impl<S: Stream> Clone for Tee<S> {
    fn clone(&self) -> Self {
        let reader = self.shared.0.lock().line.fork(self.reader);
        Self {
            shared: Arc::clone(&self.shared),
            reader,
            bell: self.bell.clone(),
            ended: self.ended,
            coop: Coop::default(),
        }
    }
}

impl<S: Stream> Drop for Tee<S> {
    fn drop(&mut self) {
        let mut state = self.shared.0.lock();
        let was_full = state.line.is_full();
        let items = state.line.leave(self.reader);
        let waker = state.waiting.remove(&self.reader);
        let source = if state.line.readers() == 0 {
            // The stream may hold its waker, and so the state that holds the stream.
            mem::replace(&mut state.source, Source::Ended)
        } else {
            Source::Ended
        };
        if was_full && !state.line.is_full() {
            wake_all(state);
        } else {
            drop(state);
        }
        drop((items, waker));
        drop_quietly(source);
    }
}

impl<S> Wake for Shared<S>
where
    S: Stream + Send + 'static,
    S::Item: Send + Sync + 'static,
{
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.0.lock();
        state.rung = true;
        wake_all(state);
    }
}

// The stream is pinned in a box.
impl<S: Stream> Unpin for Tee<S> {}

impl<S: Stream> fmt::Debug for Tee<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tee").field("lag", &self.lag()).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
