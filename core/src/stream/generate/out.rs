use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// Where a generator sends its items, one after the other.
pub struct Out<T> {
    shared: Arc<Shared<T>>,
}

/// What became of an item, by [`Out::send`].
///
/// Within the generator it is always taken, as a generator is dropped with its stream; so nobody has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<T> {
    /// Whoever reads the stream has it.
    Taken,
    /// The stream has ended, or is gone. The item comes back.
    Refused(T),
}

/// What a stream and the `Out` of its generator share.
pub(super) struct Shared<T> {
    slot: Mutex<Slot<T>>,
    /// Whether there is an item in the slot. Changed under the lock; the sender reads it without.
    full: AtomicBool,
    /// Whether the stream polls its generator and will look into the slot when that returns.
    polling: AtomicBool,
}

struct Slot<T> {
    item: Option<T>,
    /// Who waits for the item to be taken, if it is not the generator within the poll of its stream.
    sender: Option<Waker>,
    /// Who reads the stream.
    reader: Option<Arc<Waker>>,
    /// Nothing is accepted any more.
    over: bool,
}

impl<T> Out<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// Gives `item` to whoever reads the stream, and waits until it was taken.
    ///
    /// An `Out` may leave its generator and send from another task. The stream ends when the generator returns, whoever
    /// else holds the `Out`; then what is sent [comes back](Sent::Refused).
    ///
    /// # Cancel safety
    ///
    /// Dropped before the item was taken, the item is dropped with the future and nobody has seen it.
    pub fn send(&mut self, item: T) -> Sending<'_, T> {
        Sending { shared: &self.shared, item: Some(item), waits: false }
    }
}

/// The future of [`Out::send`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sending<'a, T> {
    shared: &'a Shared<T>,
    /// Until it is in the slot.
    item: Option<T>,
    /// Whether the item is in the slot, as far as this future knows.
    waits: bool,
}

impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Sent<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Sent<T>> {
        let shared = self.shared;
        if self.waits && !shared.full.load(Ordering::Acquire) {
            self.waits = false;
            return Poll::Ready(Sent::Taken);
        }
        let mut spare = None;
        loop {
            let mut slot = shared.slot.lock();
            if slot.over {
                let item = if self.waits { slot.take(shared) } else { self.item.take() };
                self.waits = false;
                // A future that was completed before has nothing to give back.
                return Poll::Ready(item.map_or(Sent::Taken, Sent::Refused));
            }
            if self.waits && slot.item.is_none() {
                self.waits = false;
                return Poll::Ready(Sent::Taken);
            }
            // Within the poll of the stream and with its waker, this is polled again whenever the stream is.
            let polling = shared.polling.load(Ordering::Relaxed);
            let is_reader = slot.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker()));
            let is_kept = slot.sender.as_ref().is_some_and(|sender| sender.will_wake(cx.waker()));
            let is_polled = polling && is_reader;
            if !is_polled && !is_kept && spare.is_none() {
                drop(slot);
                // A clone is user code, and so needs a lock that is free.
                spare = Some(cx.waker().clone());
                continue;
            }
            let spent = if is_polled || is_kept { None } else { mem::replace(&mut slot.sender, spare) };
            // There may be an item of a future that was forgotten.
            let put = !self.waits && slot.item.is_none() && self.item.is_some();
            if put {
                slot.item = self.item.take();
                shared.full.store(true, Ordering::Relaxed);
                self.waits = true;
            }
            let reader = if put && !polling { slot.reader.clone() } else { None };
            drop(slot);
            drop(spent);
            if let Some(reader) = reader {
                reader.wake_by_ref();
            }
            return Poll::Pending;
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if !self.waits || !self.shared.full.load(Ordering::Acquire) {
            return;
        }
        let mut slot = self.shared.slot.lock();
        let withdrawn = (slot.take(self.shared), slot.sender.take());
        drop(slot);
        drop(withdrawn);
    }
}

impl<T> Slot<T> {
    fn take(&mut self, shared: &Shared<T>) -> Option<T> {
        let item = self.item.take();
        shared.full.store(false, Ordering::Release);
        item
    }
}

impl<T> Shared<T> {
    pub(super) fn new() -> Self {
        let slot = Slot { item: None, sender: None, reader: None, over: false };
        Self { slot: Mutex::new(slot), full: AtomicBool::new(false), polling: AtomicBool::new(false) }
    }

    /// Says who reads the stream from now on.
    pub(super) fn set_reader(&self, reader: Arc<Waker>) {
        let mut slot = self.slot.lock();
        let before = slot.reader.replace(reader);
        drop(slot);
        drop(before);
    }

    /// The stream polls its generator now, and takes the item afterwards in any case.
    pub(super) fn begin_poll(&self) {
        self.polling.store(true, Ordering::Relaxed);
    }

    /// Takes what was sent.
    pub(super) fn end_poll(&self) -> Option<T> {
        let mut slot = self.slot.lock();
        self.polling.store(false, Ordering::Relaxed);
        let item = slot.take(self);
        let sender = if item.is_some() { slot.sender.take() } else { None };
        drop(slot);
        if let Some(sender) = sender {
            sender.wake();
        }
        item
    }

    /// Nothing is accepted any more, and what was not taken comes back to its sender.
    pub(super) fn close(&self) {
        let mut slot = self.slot.lock();
        self.polling.store(false, Ordering::Relaxed);
        slot.over = true;
        let (sender, reader) = (slot.sender.take(), slot.reader.take());
        drop(slot);
        drop(reader);
        if let Some(sender) = sender {
            sender.wake();
        }
    }
}

impl<T> fmt::Debug for Out<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Out(..)")
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending(..)")
    }
}
