use std::{panic::Location, time::Instant};

use super::{super::stats::Reason, NEVER, Now};
use crate::wait::Place;

/// A place in the pool. There are never more than `max` but for a while after a `resize` down.
#[derive(Debug)]
pub(super) struct Slot<C> {
    pub(super) stage: Stage,
    pub(super) born: Instant,
    /// When it was found to work while it was idle, or made.
    pub(super) proved: Instant,
    /// Since when it is in this stage; idle ones, since when they are idle at the latest.
    pub(super) since: Instant,
    /// It has to be looked at before it is lent.
    pub(super) stale: bool,
    /// How often the pool had been looked after at `since`.
    pub(super) tick: u32,
    /// There while it is idle or handed over.
    pub(super) connection: Option<C>,
    pub(super) retire_at: u64,
    pub(super) uses: u64,
    pub(super) generation: u64,
    pub(super) holder: Option<&'static Location<'static>>,
    /// For whom it lies ready.
    pub(super) handed_to: Option<Place>,
    pub(super) reported: bool,
    /// It is being checked although nobody asks for it.
    pub(super) is_kept_alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Idle,
    Handed,
    Leased,
    /// Neither lent nor idle: checked, reset, or looked at.
    Checking,
    Closing(Reason),
}

impl<C> Slot<C> {
    pub(super) fn new(now: Now, generation: u64) -> Self {
        Self {
            stage: Stage::Connecting,
            born: now.instant,
            proved: now.instant,
            since: now.instant,
            stale: false,
            tick: 0,
            connection: None,
            retire_at: NEVER,
            uses: 0,
            generation,
            holder: None,
            handed_to: None,
            reported: false,
            is_kept_alive: false,
        }
    }

    /// It lies ready for somebody.
    pub(super) fn hand_over(
        &mut self,
        now: Instant,
        tick: u32,
        place: Place,
        holder: &'static Location<'static>,
    ) {
        (self.stage, self.since, self.tick) = (Stage::Handed, now, tick);
        self.holder = Some(holder);
        self.handed_to = Some(place);
    }
}
