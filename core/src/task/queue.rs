use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::{Mutex, MutexGuard};

use crate::{
    ConfigError, canary,
    rt::wake_unreported,
    wait::{Key, Left, Ordered, Ticket, WaitQueue},
};

/// A bounded queue that hands out the item of the highest priority first, and the oldest of those.
///
/// Any number of producers and consumers share it; clones are the same queue. Consumers wait in line while it is empty,
/// producers while it is full, those of higher priority first. Each item goes to exactly one consumer. After
/// [`close`](Self::close) what is left can still be taken.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::task::PriorityQueue;
///
/// let queue = PriorityQueue::new(100).unwrap();
/// let consumer = rt.spawn("consumer", {
///     let queue = queue.clone();
///     async move {
///         let mut taken = Vec::new();
///         while let Some(item) = queue.pop().await {
///             taken.push(item);
///         }
///         taken
///     }
/// });
/// queue.push(1, "routine").await.unwrap();
/// queue.push(9, "urgent").await.unwrap();
/// queue.close();
/// assert_eq!(consumer.await.unwrap().len(), 2);
/// # });
/// ```
pub struct PriorityQueue<T> {
    shared: Arc<Mutex<State<T>>>,
}

/// How many items are taken, or queued, without a wait before others get a chance to run.
const IMMEDIATE_MAX: u32 = 128;

struct State<T> {
    items: Ordered<T>,
    capacity: usize,
    /// A grant is the right to one item, whichever is first when its owner comes to take it.
    consumers: WaitQueue<()>,
    /// A grant is the right to one free place.
    producers: WaitQueue<()>,
    taken_at_once: u32,
    queued_at_once: u32,
    closed: bool,
}

/// The queue is closed. The item comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct PushError<T>(pub T);

/// An item that was not queued. It comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TryPushError<T> {
    /// There is no room, or what there is was promised to those who wait.
    #[error("the queue is full")]
    Full(T),
    /// The queue is closed.
    #[error("the queue is closed")]
    Closed(T),
}

/// There is no item to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryPopError {
    /// Not now: it is empty, or what there is was promised to those who wait.
    #[error("the queue is empty")]
    Empty,
    /// Never again: it is empty and closed.
    #[error("the queue is empty and closed")]
    Closed,
}

impl<T> PriorityQueue<T> {
    /// An empty queue for at most `capacity` items, 1 to 100,000,000. Nothing is allocated ahead.
    ///
    /// # Errors
    ///
    /// If the capacity is out of range.
    pub fn new(capacity: usize) -> Result<Self, ConfigError> {
        if !(1..=100_000_000).contains(&capacity) {
            return Err(ConfigError::new("task::PriorityQueue::capacity", capacity, "1 to 100000000"));
        }
        let state = State {
            items: Ordered::default(),
            capacity,
            // Each waiter is a future that its owner holds; the bound is theirs.
            consumers: WaitQueue::new(usize::MAX),
            producers: WaitQueue::new(usize::MAX),
            taken_at_once: 0,
            queued_at_once: 0,
            closed: false,
        };
        Ok(Self { shared: Arc::new(Mutex::new(state)) })
    }

    /// Queues `item`, waiting for room if there is none.
    ///
    /// Once in 128 items for which there was room at once it lets other tasks run, so a producer whose consumers are quick
    /// starves nobody.
    ///
    /// # Errors
    ///
    /// [`PushError`], with the item, if the queue is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the item was not queued and is dropped with it; the next in line takes its place.
    pub fn push(&self, priority: i32, item: T) -> Push<'_, T> {
        Push { queue: self, key: Key::strict(priority), item: Some(item), ticket: None, yielded: false }
    }

    /// Takes the first item, waiting for one if there is none. `None` when the queue is closed and empty.
    ///
    /// Once in 128 items that were there at once it lets other tasks run, so a consumer of a full queue starves nobody.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, no item and no wake-up is lost: the next consumer gets its turn.
    pub fn pop(&self) -> Pop<'_, T> {
        Pop { queue: self, ticket: None, yielded: false }
    }

    /// Queues `item` if there is room now.
    ///
    /// # Errors
    ///
    /// The item comes back if the queue is full or closed, or if others wait for room.
    pub fn try_push(&self, priority: i32, item: T) -> Result<(), TryPushError<T>> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(TryPushError::Closed(item));
        }
        if !state.has_room() {
            return Err(TryPushError::Full(item));
        }
        state.items.insert(Key::strict(priority), item);
        settle(state);
        Ok(())
    }

    /// Takes the first item if there is one now.
    ///
    /// # Errors
    ///
    /// If there is none, or what there is belongs to those who wait; and whether there may be one later.
    pub fn try_pop(&self) -> Result<T, TryPopError> {
        let state = self.shared.lock();
        if !state.has_item() {
            return Err(if state.is_over() { TryPopError::Closed } else { TryPopError::Empty });
        }
        take(state).ok_or(TryPopError::Empty)
    }

    /// Accepts no more items and wakes everyone who waits. What is left can still be taken.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let mut waiting = state.consumers.wakers();
        waiting.append(&mut state.producers.wakers());
        drop(state);
        wake_unreported(waiting);
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// How many items are queued.
    pub fn len(&self) -> usize {
        self.shared.lock().items.len()
    }

    /// Whether no items are queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items it holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.lock().capacity
    }
}

impl<T> State<T> {
    /// An item that is promised to nobody.
    fn has_item(&self) -> bool {
        self.items.len() > self.consumers.granted()
    }

    /// A place that is promised to nobody.
    fn has_room(&self) -> bool {
        self.items.len() + self.producers.granted() < self.capacity
    }

    /// Nothing is left and nothing will come. An item that is promised may still come back.
    fn is_over(&self) -> bool {
        self.closed && self.items.is_empty()
    }
}

/// Hands an item or a place that has become free to the first who waits for it. Every change frees at most one.
fn settle<T>(mut state: MutexGuard<'_, State<T>>) {
    if state.consumers.is_empty() && state.producers.is_empty() {
        return;
    }
    let consumer = if state.has_item() { state.consumers.grant(()).ok() } else { None };
    let producer = if state.has_room() { state.producers.grant(()).ok() } else { None };
    drop(state);
    wake_unreported(consumer.into_iter().chain(producer));
}

/// Takes the first item.
fn take<T>(mut state: MutexGuard<'_, State<T>>) -> Option<T> {
    let item = state.items.pop();
    // With the last item of a closed queue ends the wait of all others.
    let others = if state.is_over() { state.consumers.wakers() } else { Vec::new() };
    settle(state);
    wake_unreported(others);
    item
}

/// A waker to wait with, for whoever has a place in line: one that comes without need not wait as a rule.
///
/// A waker is the code of others, so it is cloned before the lock is taken and dropped when that is released.
fn waker_of(ticket: Option<&Ticket>, cx: &Context<'_>) -> Waker {
    if ticket.is_some() { cx.waker().clone() } else { Waker::noop().clone() }
}

/// The future of [`PriorityQueue::pop`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Pop<'a, T> {
    queue: &'a PriorityQueue<T>,
    ticket: Option<Ticket>,
    yielded: bool,
}

impl<T> Future for Pop<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut waker = waker_of(self.ticket.as_ref(), cx);
        let mut state = self.queue.shared.lock();
        if self.ticket.is_none() && !state.has_item() {
            drop(state);
            waker = cx.waker().clone();
            state = self.queue.shared.lock();
        }
        if self.ticket.is_some() {
            if state.consumers.poll_with(&mut self.ticket, &mut waker).is_pending() {
                return if state.is_over() { Poll::Ready(None) } else { Poll::Pending };
            }
        } else if !state.has_item() {
            if state.is_over() {
                return Poll::Ready(None);
            }
            state.taken_at_once = 0;
            self.ticket = state.consumers.join(Key::default(), waker).ok();
            return Poll::Pending;
        } else if state.taken_at_once >= IMMEDIATE_MAX && !self.yielded {
            state.taken_at_once = 0;
            drop(state);
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        } else {
            state.taken_at_once += 1;
        }
        Poll::Ready(take(state))
    }
}

impl<T> Drop for Pop<'_, T> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let mut state = self.queue.shared.lock();
        // An item it was promised goes to the next.
        let left = state.consumers.leave(ticket);
        if matches!(left, Left::Granted(())) && canary::is_on("task.queue-loses-the-item-of-a-dropped-pop") {
            let lost = state.items.pop();
            drop(state);
            return drop(lost);
        }
        settle(state);
    }
}

/// The future of [`PriorityQueue::push`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Push<'a, T> {
    queue: &'a PriorityQueue<T>,
    key: Key,
    item: Option<T>,
    ticket: Option<Ticket>,
    yielded: bool,
}

impl<T> Unpin for Push<'_, T> {}

impl<T> Future for Push<'_, T> {
    type Output = Result<(), PushError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waker = waker_of(self.ticket.as_ref(), cx);
        let mut state = self.queue.shared.lock();
        if self.ticket.is_none() && !state.has_room() {
            drop(state);
            waker = cx.waker().clone();
            state = self.queue.shared.lock();
        }
        if !state.closed {
            if self.ticket.is_some() {
                if state.producers.poll_with(&mut self.ticket, &mut waker).is_pending() {
                    return Poll::Pending;
                }
            } else if !state.has_room() {
                state.queued_at_once = 0;
                self.ticket = state.producers.join(self.key, waker).ok();
                return Poll::Pending;
            } else if state.queued_at_once >= IMMEDIATE_MAX && !self.yielded {
                state.queued_at_once = 0;
                drop(state);
                self.yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            } else {
                state.queued_at_once += 1;
            }
        }
        let Some(item) = self.item.take() else { return Poll::Ready(Ok(())) };
        if state.closed {
            return Poll::Ready(Err(PushError(item)));
        }
        state.items.insert(self.key, item);
        settle(state);
        Poll::Ready(Ok(()))
    }
}

impl<T> Drop for Push<'_, T> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let mut state = self.queue.shared.lock();
        // A place it was promised goes to the next.
        let _left = state.producers.leave(ticket);
        settle(state);
    }
}

impl<T> Clone for PriorityQueue<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for PriorityQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("PriorityQueue")
            .field("len", &state.items.len())
            .field("capacity", &state.capacity)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Pop<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pop").field(self.queue).finish()
    }
}

impl<T> fmt::Debug for Push<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Push").field(self.queue).finish()
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushError(..)")
    }
}

impl<T> fmt::Debug for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}
