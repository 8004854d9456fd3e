//! The pure machine: who was woken, and whose turn it is. It holds no stream and no waker.

use std::mem;

/// The slots that were woken since the poller last asked. It is data under a lock that wakers share.
#[derive(Debug)]
pub(super) struct Woken {
    /// In the order of their wakes, each slot once.
    list: Vec<usize>,
    /// For each slot the epoch in which it was last listed. So taking the list clears all marks at once.
    listed: Vec<u64>,
    /// How often the list was taken, from 1 on.
    epoch: u64,
}

impl Default for Woken {
    fn default() -> Self {
        Self { list: Vec::new(), listed: Vec::new(), epoch: 1 }
    }
}

impl Woken {
    /// Notes a wake. Whether the poller has to hear of it.
    pub(super) fn wake(&mut self, slot: usize) -> bool {
        if slot >= self.listed.len() {
            self.listed.resize(slot + 1, 0);
        }
        if mem::replace(&mut self.listed[slot], self.epoch) == self.epoch {
            return false;
        }
        self.list.push(slot);
        true
    }

    /// Moves the list to `into`, which is empty.
    pub(super) fn take(&mut self, into: &mut Vec<usize>) {
        if self.list.is_empty() {
            return;
        }
        mem::swap(&mut self.list, into);
        self.epoch += 1;
    }
}

/// Whose turn it is. It belongs to the poller alone.
///
/// Turns come in rounds. In a round each source that has something to say has one turn, of at most `items_max` items. The
/// next round begins with those that had none in this one, in the order in which they are given; then come the others, as
/// before. So between two turns of a source lies one of every other that was woken before the first was over.
#[derive(Debug)]
pub(super) struct Turns {
    items_max: u32,
    current: Option<usize>,
    /// How many items the current turn may still give.
    left: u32,
    /// The number of this round.
    number: u64,
    /// Those of this round whose turn comes yet, the next one last.
    round: Vec<usize>,
    /// Those that had their turn in this round.
    had: Vec<usize>,
    /// Those that are new, and come in the next round.
    new: Vec<usize>,
    /// Whether somebody comes in the next round without being woken.
    comes_again: bool,
    places: Vec<Place>,
}

/// Where a slot stands.
#[derive(Clone, Debug, Default)]
struct Place {
    /// In `round` or in `new`.
    listed: bool,
    /// The last round in which it had its turn.
    turn: u64,
    /// It had its turn in this round and comes again in the next.
    again: bool,
}

impl Turns {
    pub(super) fn new(items_max: u32) -> Self {
        Self {
            items_max,
            current: None,
            left: 0,
            number: 1,
            round: Vec::new(),
            had: Vec::new(),
            new: Vec::new(),
            comes_again: false,
            places: Vec::new(),
        }
    }

    pub(super) fn set_items_max(&mut self, items_max: u32) {
        self.items_max = items_max;
    }

    /// A new source, which is to be polled once in any case. It takes over the place of the one before it in this slot.
    pub(super) fn add(&mut self, slot: usize) {
        if slot >= self.places.len() {
            self.places.resize(slot + 1, Place::default());
        }
        let place = &mut self.places[slot];
        if place.listed {
            return;
        }
        if self.current == Some(slot) {
            // The turn was not its own.
            self.current = None;
        }
        self.comes_again = true;
        if place.turn == self.number {
            place.again = true;
        } else {
            place.listed = true;
            self.new.push(slot);
        }
    }

    /// Whose turn it is; `None` when the round is over. The source may be gone.
    pub(super) fn current(&mut self) -> Option<usize> {
        if self.current.is_none() {
            let slot = self.round.pop()?;
            let place = &mut self.places[slot];
            place.listed = false;
            place.turn = self.number;
            self.had.push(slot);
            self.left = self.items_max;
            self.current = Some(slot);
        }
        self.current
    }

    /// Whoever has the turn gave an item, and may have more.
    pub(super) fn gave(&mut self) {
        self.left -= 1;
        if self.left == 0
            && let Some(slot) = self.current.take()
        {
            self.places[slot].again = true;
            self.comes_again = true;
        }
    }

    /// Whoever has the turn has nothing more to say until it is woken.
    pub(super) fn rests(&mut self) {
        self.current = None;
    }

    /// Whether somebody comes in the next round without being woken.
    pub(super) fn comes_again(&self) -> bool {
        self.comes_again
    }

    /// Where to put those that were woken, each once, when the round is over; then [`begin`](Self::begin).
    pub(super) fn next_round(&mut self) -> &mut Vec<usize> {
        &mut self.round
    }

    /// Begins a round with those that were woken, are new or come again. Whether there are any.
    pub(super) fn begin(&mut self) -> bool {
        let Self { round, had, new, places, .. } = self;
        round.retain(|slot| {
            let place = &mut places[*slot];
            if place.turn == self.number {
                place.again = true;
                return false;
            }
            !mem::replace(&mut place.listed, true)
        });
        round.append(new);
        for slot in had.drain(..) {
            let place = &mut places[slot];
            if mem::take(&mut place.again) {
                place.listed = true;
                round.push(slot);
            }
        }
        round.reverse();
        self.comes_again = false;
        self.number += 1;
        !round.is_empty()
    }
}
