//! A stream out of an async function.

mod out;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use futures::{Stream, future::BoxFuture, stream::FusedStream};

use self::out::Shared;
use crate::rt::Coop;

pub use out::{Out, Sending, Sent};

/// Makes a stream of what an async function sends.
///
/// The generator runs within the poll of its stream: in the same task, without a channel, and only as far as it is read.
/// It starts with the first poll; [`send`](Out::send) returns when the item was taken and the next one is asked for. So
/// one item is in flight, and none is made ahead. The generator ends with the stream: when it returns the stream has ended,
/// and when the stream is dropped, so is the generator.
///
/// An item costs no allocation. The stream costs two, and one more for each task that comes to read it.
///
/// All generators of items `T` are of one type, so [`merge`](super::merge()) takes them as they are. They are `Unpin`. Once in
/// 128 items without a wait they let other tasks run.
///
/// # Panics
///
/// A panic of the generator comes through the poll of the stream, which has ended then.
///
/// # Cancel safety
///
/// Dropping a future of `next` loses nothing: an item is handed over in the poll that takes it.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use std::time::Duration;
/// use futures::StreamExt;
/// use seaworthy_core::stream;
///
/// let mut ticks = stream::generate(|mut out| async move {
///     for number in 1..=3 {
///         rt.sleep(Duration::from_secs(number)).await;
///         out.send(number).await;
///     }
/// });
/// assert_eq!(ticks.next().await, Some(1));
/// assert_eq!(ticks.collect::<Vec<_>>().await, [2, 3]);
/// # });
/// ```
pub fn generate<'a, T, F>(generator: impl FnOnce(Out<T>) -> F) -> Generate<'a, T>
where
    F: Future<Output = ()> + Send + 'a,
{
    Generate { core: Core::new(generator) }
}

/// Makes a stream of results out of what an async function sends and what it returns.
///
/// As [`generate`], but the generator may fail: then its error is the last item.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use futures::StreamExt;
/// use seaworthy_core::stream;
///
/// let numbers = stream::try_generate(|mut out| async move {
///     for text in ["1", "2", "three", "4"] {
///         out.send(text.parse::<u32>()?).await;
///     }
///     Ok::<_, std::num::ParseIntError>(())
/// });
/// let numbers: Vec<_> = numbers.map(Result::ok).collect().await;
/// assert_eq!(numbers, [Some(1), Some(2), None]);
/// # });
/// ```
pub fn try_generate<'a, T, E, F>(generator: impl FnOnce(Out<T>) -> F) -> TryGenerate<'a, T, E>
where
    F: Future<Output = Result<(), E>> + Send + 'a,
{
    TryGenerate { core: Core::new(generator) }
}

/// The stream of [`generate`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct Generate<'a, T> {
    core: Core<'a, T, ()>,
}

/// The stream of [`try_generate`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct TryGenerate<'a, T, E> {
    core: Core<'a, T, Result<(), E>>,
}

/// A generator that returns an `R` at its end.
struct Core<'a, T, R> {
    /// `None` when it has returned or panicked.
    future: Option<BoxFuture<'a, R>>,
    /// What it has returned, until that is handed out.
    returned: Option<R>,
    shared: Arc<Shared<T>>,
    /// The waker that `shared` knows.
    reader: Option<Arc<Waker>>,
    coop: Coop,
}

/// What a poll of a generator gave.
enum Given<T, R> {
    Item(T),
    Returned(R),
    Over,
}

impl<'a, T, R> Core<'a, T, R> {
    fn new<F>(generator: impl FnOnce(Out<T>) -> F) -> Self
    where
        F: Future<Output = R> + Send + 'a,
    {
        let shared = Arc::new(Shared::new());
        let future = Some(Box::pin(generator(Out::new(&shared))) as BoxFuture<'a, R>);
        Self { future, returned: None, shared, reader: None, coop: Coop::default() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<T, R>> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(self.returned.take().map_or(Given::Over, Given::Returned));
        };
        ready!(self.coop.poll_turn(cx));
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            let reader = Arc::new(cx.waker().clone());
            self.shared.set_reader(Arc::clone(&reader));
            self.reader = Some(reader);
        }
        self.shared.begin_poll();
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))).unwrap_or_else(|payload| {
            self.end();
            resume_unwind(payload)
        });
        let item = self.shared.end_poll();
        if let Poll::Ready(returned) = polled {
            self.returned = Some(returned);
            self.end();
        }
        if let Some(item) = item {
            return Poll::Ready(Given::Item(item));
        }
        if let Some(returned) = self.returned.take() {
            return Poll::Ready(Given::Returned(returned));
        }
        self.coop.waited();
        Poll::Pending
    }

    /// Refuses what is sent from now on, and drops the generator.
    fn end(&mut self) {
        self.shared.close();
        self.reader = None;
        self.future = None;
    }

    fn is_over(&self) -> bool {
        self.future.is_none() && self.returned.is_none()
    }
}

impl<T, R> Drop for Core<'_, T, R> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

// The generator is in a box, and no item is pinned.
impl<T, R> Unpin for Core<'_, T, R> {}

impl<T> Stream for Generate<'_, T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(match ready!(self.core.poll(cx)) {
            Given::Item(item) => Some(item),
            Given::Returned(()) | Given::Over => None,
        })
    }
}

impl<T, E> Stream for TryGenerate<'_, T, E> {
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        Poll::Ready(match ready!(self.core.poll(cx)) {
            Given::Item(item) => Some(Ok(item)),
            Given::Returned(Err(error)) => Some(Err(error)),
            Given::Returned(Ok(())) | Given::Over => None,
        })
    }
}

impl<T> FusedStream for Generate<'_, T> {
    fn is_terminated(&self) -> bool {
        self.core.is_over()
    }
}

impl<T, E> FusedStream for TryGenerate<'_, T, E> {
    fn is_terminated(&self) -> bool {
        self.core.is_over()
    }
}

impl<T> fmt::Debug for Generate<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generate").field("is_over", &self.core.is_over()).finish_non_exhaustive()
    }
}

impl<T, E> fmt::Debug for TryGenerate<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGenerate").field("is_over", &self.core.is_over()).finish_non_exhaustive()
    }
}
