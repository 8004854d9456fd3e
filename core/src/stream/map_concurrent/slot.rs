use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::Stream;
use pin_project_lite::pin_project;

use super::{
    driver::{BoxFeed, Inner, NAME, Outcome},
    state::Turn,
};
use crate::rt::{Coop, JoinError, Panic};

pin_project! {
    /// A task that works on one item after the other. So an item costs no spawn and no allocation.
    pub(super) struct Slot<S, F, Fut: Future> {
        #[pin]
        future: Option<Fut>,
        at: At<BoxFeed<S, F>>,
        inner: Arc<Inner<S, F, Fut::Output>>,
        number: usize,
        coop: Coop,
    }

    impl<S, F, Fut: Future> PinnedDrop for Slot<S, F, Fut> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let inner = this.inner;
            let item = match std::mem::replace(this.at, At::End) {
                At::End => return,
                At::Free => None,
                At::Asking(feed) => {
                    inner.drop_quietly(feed);
                    None
                }
                At::Working(item) => {
                    inner.quietly(|| this.future.set(None));
                    Some(item)
                }
            };
            inner.lost(item);
        }
    }
}

/// What a slot is at.
enum At<Feed> {
    Free,
    /// It waits for an item; nobody else can.
    Asking(Feed),
    /// On the item of that number.
    Working(u64),
    End,
}

impl<S, F, Fut: Future> Slot<S, F, Fut> {
    pub(super) fn new(inner: Arc<Inner<S, F, Fut::Output>>, number: usize) -> Self {
        Self { future: None, at: At::Free, inner, number, coop: Coop::default() }
    }
}

pub(super) fn catch<V>(work: impl FnOnce() -> V) -> Result<V, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(work))
}

fn panicked<T>(payload: Box<dyn Any + Send>) -> Outcome<T> {
    let panic = Panic::new(NAME, payload);
    tracing::warn!(name: "seaworthy.stream.panicked", message = panic.message(), "an item panicked");
    Err(JoinError::Panicked(panic))
}

impl<S, F, Fut> Slot<S, F, Fut>
where
    S: Stream + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    /// Asks the source for an item.
    fn ask(self: Pin<&mut Self>, mut feed: BoxFeed<S, F>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let inner = this.inner;
        *this.at = At::End;
        let last = match catch(|| feed.as_mut().project().source.poll_next(cx)) {
            Ok(Poll::Pending) => {
                *this.at = At::Asking(feed);
                this.coop.waited();
                return Poll::Pending;
            }
            Ok(Poll::Ready(Some(item))) => {
                let begun = catch(|| (feed.as_mut().project().map)(item));
                let Some(number) = inner.took(feed) else {
                    inner.drop_quietly(begun);
                    return Poll::Ready(());
                };
                match begun {
                    Ok(future) => {
                        this.future.set(Some(future));
                        *this.at = At::Working(number);
                    }
                    Err(payload) => {
                        inner.finish(number, panicked(payload));
                        *this.at = At::Free;
                    }
                }
                return Poll::Ready(());
            }
            Ok(Poll::Ready(None)) => None,
            Err(payload) => Some(panicked(payload)),
        };
        // The source goes first: whoever sees the end knows that its destructor has run.
        inner.drop_quietly(feed);
        inner.exhaust(last);
        Poll::Ready(())
    }

    /// Works on an item.
    fn work(self: Pin<&mut Self>, number: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let inner = this.inner;
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let result = match catch(|| future.poll(cx)) {
            Ok(Poll::Pending) => {
                *this.at = At::Working(number);
                this.coop.waited();
                return Poll::Pending;
            }
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => panicked(payload),
        };
        inner.quietly(|| this.future.set(None));
        inner.finish(number, result);
        *this.at = At::Free;
        Poll::Ready(())
    }
}

impl<S, F, Fut> Future for Slot<S, F, Fut>
where
    S: Stream + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let this = self.as_mut().project();
            match std::mem::replace(this.at, At::End) {
                At::Free => {
                    *this.at = At::Free;
                    ready!(this.coop.poll_turn(cx));
                    match this.inner.look(*this.number, cx) {
                        Turn::Ask(feed) => *this.at = At::Asking(feed),
                        Turn::Park => {
                            this.coop.waited();
                            return Poll::Pending;
                        }
                        Turn::End => *this.at = At::End,
                    }
                }
                At::Asking(feed) => ready!(self.as_mut().ask(feed, cx)),
                At::Working(number) => ready!(self.as_mut().work(number, cx)),
                At::End => return Poll::Ready(()),
            }
        }
    }
}
