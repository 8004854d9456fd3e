use std::{collections::VecDeque, task::Waker};

use super::{Concurrency, Order};

/// Which slot does what, and the results nobody has taken yet. Pure: it never polls, wakes or spawns, but says what is to
/// be done when the lock is released.
///
/// The feed is the source and the closure. One slot at a time has it, to ask for an item; as long as none does it is kept
/// here. Whoever brings it back calls the next slot, so slots start one after the other and only while there is work.
pub(super) struct Machine<R, F> {
    order: Order,
    slots_max: usize,
    held_max: usize,
    feed: Option<F>,
    /// No more items will come.
    exhausted: bool,
    /// With [`Order::Kept`] one place for each item that is held, in order; else only what is finished.
    results: VecDeque<Option<R>>,
    /// The number of the item of the first place.
    first: u64,
    /// Items taken and not handed over.
    held: usize,
    /// The wakers of those slots that are parked.
    wakers: Vec<Option<Waker>>,
    parked: Vec<usize>,
    /// The slot that was called and has not come yet. One at a time is enough: it calls the next.
    coming: Option<usize>,
    consumer_waits: bool,
    stats: MapStats,
}

/// What became of the items; `taken` is the sum of `running`, `ready` and `handed_over`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapStats {
    /// Items taken from the source; one more if it panicked.
    pub taken: u64,
    /// Items worked on now.
    pub running: u64,
    /// Results that wait to be taken.
    pub ready: u64,
    /// Results taken by the consumer.
    pub handed_over: u64,
    /// Results that were panics, taken or not.
    pub panicked: u64,
}

/// What a slot is to do.
pub(super) enum Turn<F> {
    /// Ask the source, and bring it back.
    Ask(F),
    /// Wait to be called.
    Park,
    /// There is no more to do.
    End,
}

/// What the consumer gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken<R> {
    Item(R),
    Nothing,
    End,
}

/// A slot to be called.
#[must_use = "a slot that is not called stops all others"]
pub(super) enum Call {
    Wake(Waker),
    Spawn(usize),
}

impl<R, F> Machine<R, F> {
    pub(super) fn new(config: Concurrency, feed: F) -> Self {
        Self {
            order: config.order,
            slots_max: config.tasks_max,
            held_max: config.tasks_max + config.read_ahead_max,
            feed: Some(feed),
            exhausted: false,
            results: VecDeque::new(),
            first: 0,
            held: 0,
            wakers: Vec::new(),
            parked: Vec::new(),
            coming: None,
            consumer_waits: false,
            stats: MapStats::default(),
        }
    }

    /// A slot has nothing to do. Without a waker it does not park, but should come again with one.
    ///
    /// A waker that is not needed any more goes to `spent`, to be dropped when the lock is released.
    pub(super) fn look(&mut self, slot: usize, waker: Option<Waker>, spent: &mut Option<Waker>) -> Turn<F> {
        self.arrived(slot, spent);
        if self.exhausted {
            *spent = spent.take().or(waker);
            return Turn::End;
        }
        if self.has_room()
            && let Some(feed) = self.feed.take()
        {
            *spent = spent.take().or(waker);
            return Turn::Ask(feed);
        }
        if waker.is_some() {
            self.wakers[slot] = waker;
            self.parked.push(slot);
        }
        Turn::Park
    }

    fn arrived(&mut self, slot: usize, spent: &mut Option<Waker>) {
        if self.coming == Some(slot) {
            self.coming = None;
        }
        *spent = self.wakers[slot].take();
        if spent.is_some() {
            // It was woken by somebody else.
            self.parked.retain(|parked| *parked != slot);
        }
    }

    fn has_room(&self) -> bool {
        self.held < self.held_max
    }

    /// A slot brings the feed back with an item. Returns the item's number. A feed that is not needed any more comes back.
    pub(super) fn took(&mut self, feed: F) -> (u64, Option<F>) {
        let unneeded = if self.exhausted { Some(feed) } else { self.feed.replace(feed) };
        (self.number(), unneeded)
    }

    fn number(&mut self) -> u64 {
        self.held += 1;
        self.stats.taken += 1;
        self.stats.running += 1;
        match self.order {
            Order::Kept => {
                self.results.push_back(None);
                self.first + (self.results.len() - 1) as u64
            }
            Order::AsCompleted => 0,
        }
    }

    /// The item of that number is done. Returns whether the consumer is to be woken.
    pub(super) fn finish(&mut self, number: u64, result: R) -> bool {
        self.stats.running -= 1;
        self.stats.ready += 1;
        match self.order {
            Order::AsCompleted => self.results.push_back(Some(result)),
            Order::Kept => self.results[(number - self.first) as usize] = Some(result),
        }
        self.wakes_consumer()
    }

    /// The source has ended; `last` is why it did before its time. Returns the feed, if it was here, and the slots to wake, besides the
    /// consumer: all are to come and end.
    pub(super) fn exhaust(&mut self, last: Option<R>) -> (Option<F>, Vec<Waker>, bool) {
        self.exhausted = true;
        let mut wakes = false;
        if let Some(last) = last {
            let number = self.number();
            wakes = self.finish(number, last);
        }
        self.parked.clear();
        let wakers = self.wakers.iter_mut().filter_map(Option::take).collect();
        wakes |= self.wakes_consumer();
        (self.feed.take(), wakers, wakes)
    }

    #[cfg(test)]
    pub(super) fn is_parked(&self, slot: usize) -> bool {
        self.parked.contains(&slot)
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    pub(super) fn count_panic(&mut self) {
        self.stats.panicked += 1;
    }

    fn is_ready(&self) -> bool {
        matches!(self.results.front(), Some(Some(_)))
    }

    fn has_ended(&self) -> bool {
        self.exhausted && self.held == 0
    }

    fn wakes_consumer(&mut self) -> bool {
        let wakes = self.consumer_waits && (self.is_ready() || self.has_ended());
        self.consumer_waits &= !wakes;
        wakes
    }

    /// Takes the next result. If there is none, and the consumer `waits`, it is to be woken for the next.
    pub(super) fn take(&mut self, waits: bool) -> Taken<R> {
        if self.is_ready()
            && let Some(Some(result)) = self.results.pop_front()
        {
            self.first += 1;
            self.held -= 1;
            self.stats.ready -= 1;
            self.stats.handed_over += 1;
            return Taken::Item(result);
        }
        if self.has_ended() {
            return Taken::End;
        }
        self.consumer_waits = waits;
        Taken::Nothing
    }

    /// Who is to be called, after anything that may have made work.
    pub(super) fn call(&mut self) -> Option<Call> {
        if self.feed.is_none() || !self.has_room() || self.coming.is_some() {
            return None;
        }
        if let Some(slot) = self.parked.pop() {
            self.coming = Some(slot);
            return self.wakers[slot].take().map(Call::Wake);
        }
        let slot = self.wakers.len();
        if slot == self.slots_max {
            return None;
        }
        self.wakers.push(None);
        self.coming = Some(slot);
        Some(Call::Spawn(slot))
    }

    pub(super) fn stats(&self) -> MapStats {
        self.stats
    }

    /// What nobody will take any more.
    pub(super) fn close(&mut self) -> (Option<F>, Vec<Waker>, VecDeque<Option<R>>) {
        let (feed, wakers, _) = self.exhaust(None);
        (feed, wakers, std::mem::take(&mut self.results))
    }
}
