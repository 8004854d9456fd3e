//! Who goes through, and when: the pure machine. Time is nanoseconds since the limiter's epoch. It reads no clock, never
//! sleeps and wakes nobody.

use std::{collections::VecDeque, time::Duration};

use super::{
    super::Quota,
    Config,
    bucket::{Bucket, Rate},
    line::{Line, Place},
};
use crate::{
    canary,
    wait::{Key, WaiterId},
};

/// What one who comes has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limit) enum Answer {
    /// Go on.
    Granted,
    /// Wait, for this long as far as can be said now.
    Wait(Option<Duration>),
    /// More than the burst.
    TooMany { burst: u32 },
}

/// One who waits.
#[derive(Clone, Copy, Debug)]
pub(in crate::limit) struct Demand {
    pub(in crate::limit) tokens: u32,
    /// In nanoseconds since the epoch.
    pub(in crate::limit) deadline: Option<u64>,
    pub(in crate::limit) waiter: WaiterId,
}

/// Why one who waits need not wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limit) enum Refusal {
    TooMany { burst: u32 },
    TooLate { wait: Duration },
}

/// A slot that was given to one who waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limit) struct Grant {
    tokens: u32,
    number: u64,
}

#[derive(Debug)]
pub(in crate::limit) struct Machine {
    quota: Quota,
    /// The last rate that was not zero.
    rate: Option<Rate>,
    /// Since when nothing goes through.
    paused_at: Option<u64>,
    pub(in crate::limit) bucket: Bucket,
    catch_up_max: u64,
    waiters_max: usize,
    line: Line,
    given: Given,
}

/// The slots given out while some are not taken yet: what each of them was ahead of its floor.
#[derive(Debug, Default)]
struct Given {
    untaken: usize,
    /// The number of the next.
    next: u64,
    /// Of the latest, the last at the back. Bounded: what is older gives nothing back.
    ahead: VecDeque<u128>,
}

/// How many slots given out later a slot that comes back may be behind.
const AHEAD_MAX: usize = 64;

impl Machine {
    pub(in crate::limit) fn new(config: &Config) -> Self {
        let Config { quota, waiters_max, catch_up_max, .. } = *config;
        let rate = Rate::new(&quota);
        Self {
            quota,
            rate,
            paused_at: rate.is_none().then_some(0),
            bucket: Bucket::default(),
            catch_up_max: u64::try_from(catch_up_max.as_nanos()).unwrap_or(u64::MAX),
            waiters_max,
            line: Line::default(),
            given: Given::default(),
        }
    }

    pub(in crate::limit) fn quota(&self) -> Quota {
        self.quota
    }

    /// The rate, unless it is zero.
    pub(in crate::limit) fn rate(&self) -> Option<Rate> {
        if self.paused_at.is_some() { None } else { self.rate }
    }

    pub(in crate::limit) fn waiting(&self) -> usize {
        self.line.len()
    }

    pub(in crate::limit) fn waiters_max(&self) -> usize {
        self.waiters_max
    }

    /// Whether nobody waits and nothing that was given can come back.
    pub(in crate::limit) fn is_quiet(&self) -> bool {
        self.line.is_empty() && self.given.untaken == 0
    }

    /// Takes `tokens` if nobody is before that key; otherwise says how long it would wait.
    pub(in crate::limit) fn take(&mut self, now: u64, tokens: u32, key: Key) -> Answer {
        let Some(rate) = self.rate() else { return Answer::Wait(None) };
        if tokens > rate.burst {
            return Answer::TooMany { burst: rate.burst };
        }
        let floor = if self.line.is_empty() { rate.ticks(now) } else { self.floor(&rate, now) };
        let ahead = self.line.tokens_up_to(key);
        let due = self.bucket.due(&rate, floor, ahead + u64::from(tokens));
        let is_first = self.line.is_empty() || canary::is_on("limit.newcomers-overtake");
        if is_first && due <= rate.ticks(now) {
            self.give(&rate, floor, tokens);
            return Answer::Granted;
        }
        Answer::Wait(Some(wait(&rate, now, due)))
    }

    /// Takes a place in line.
    pub(in crate::limit) fn join(&mut self, key: Key, demand: Demand) -> Place {
        self.line.join(key, demand)
    }

    /// Gives up a place in line.
    pub(in crate::limit) fn leave(&mut self, place: Place) -> Option<Demand> {
        self.line.leave(place)
    }

    /// When the first in line is due. `None` if nobody waits, or nothing goes through.
    pub(in crate::limit) fn next_due(&self) -> Option<u64> {
        let rate = self.rate()?;
        let (_, first) = self.line.first()?;
        Some(rate.nanos(self.bucket.due(&rate, 0, u64::from(first.tokens))))
    }

    /// Gives the first in line its slot, if that is due.
    pub(in crate::limit) fn release(&mut self, now: u64) -> Option<Grant> {
        if self.next_due()? > now {
            return None;
        }
        let rate = self.rate()?;
        let (place, Demand { tokens, .. }) = self.line.first()?;
        self.leave(place);
        self.given.untaken += 1;
        // What is too late to be caught up is left out here: from then on, slots are timed anew.
        let number = self.give(&rate, self.floor(&rate, now), tokens);
        Some(Grant { tokens, number })
    }

    /// A slot was taken by whom it was given to.
    pub(in crate::limit) fn taken(&mut self, _grant: Grant) {
        self.given.untaken -= 1;
    }

    /// A slot was not taken. What the quota has not made up for since goes to the next: all of it if no other slot was
    /// given out after it.
    pub(in crate::limit) fn give_back(&mut self, grant: Grant) {
        self.given.untaken -= 1;
        let Some(rate) = self.rate else { return };
        let later = (self.given.next - grant.number - 1) as usize;
        let Some(first) = self.given.ahead.len().checked_sub(later) else { return };
        let later = self.given.ahead.range(first..);
        let spare = later.copied().min().unwrap_or(u128::MAX).min(rate.cost_of(u64::from(grant.tokens)));
        self.bucket.full_at = self.bucket.full_at.saturating_sub(spare);
        self.given.ahead.range_mut(first..).for_each(|ahead| *ahead -= spare);
    }

    /// Changes the quota. What is in the bucket stays in it; nobody gains or loses a token by the change. Returns who need
    /// not wait any longer.
    pub(in crate::limit) fn set_quota(&mut self, now: u64, quota: Quota) -> Vec<(WaiterId, Refusal)> {
        self.quota = quota;
        let Some(to) = Rate::new(&quota) else {
            self.paused_at.get_or_insert(now);
            return Vec::new();
        };
        self.bucket = match self.rate {
            Some(from) => self.bucket.convert(&from, self.paused_at.unwrap_or(now), &to, now),
            None => Bucket { full_at: to.ticks(now) },
        };
        self.rate = Some(to);
        self.paused_at = None;
        // What was given before counts in other ticks.
        self.given.ahead.clear();
        self.given.next += AHEAD_MAX as u64 + 1;
        self.refuse(now, &to)
    }

    /// Those whose wait can never end, or not before their deadline.
    fn refuse(&mut self, now: u64, rate: &Rate) -> Vec<(WaiterId, Refusal)> {
        let mut refused = Vec::new();
        let mut ahead = 0;
        let floor = self.floor(rate, now);
        for (place, demand) in self.line.iter() {
            let tokens = u64::from(demand.tokens);
            let wait = wait(rate, now, self.bucket.due(rate, floor, ahead + tokens));
            let until = demand.deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(now)));
            if demand.tokens > rate.burst {
                refused.push((place, Refusal::TooMany { burst: rate.burst }));
            } else if until.is_some_and(|until| wait > until) {
                refused.push((place, Refusal::TooLate { wait }));
            } else {
                ahead += tokens;
            }
        }
        let leave = |(place, refusal)| self.leave(place).map(|demand| (demand.waiter, refusal));
        refused.into_iter().filter_map(leave).collect()
    }

    /// How many tokens there are, for those who look.
    pub(in crate::limit) fn available(&self, now: u64) -> u32 {
        let Some(rate) = self.rate else { return 0 };
        let now = rate.ticks(self.paused_at.unwrap_or(now));
        let held = rate.tolerance().saturating_sub(self.bucket.full_at.saturating_sub(now));
        u32::try_from(held / u128::from(rate.cost)).unwrap_or(u32::MAX)
    }

    /// A slot that is no later than this can still be given out, while some wait.
    fn floor(&self, rate: &Rate, now: u64) -> u128 {
        let forgives = if canary::is_on("limit.catches-up-without-bound") { now } else { self.catch_up_max };
        rate.ticks(now.saturating_sub(forgives))
    }

    fn give(&mut self, rate: &Rate, floor: u128, tokens: u32) -> u64 {
        let ahead = self.bucket.take(rate, floor, u64::from(tokens));
        let given = &mut self.given;
        if given.ahead.len() == AHEAD_MAX {
            given.ahead.pop_front();
        }
        given.ahead.push_back(ahead);
        let number = given.next;
        given.next += 1;
        number
    }
}

fn wait(rate: &Rate, now: u64, due: u128) -> Duration {
    Duration::from_nanos(rate.nanos(due.saturating_sub(rate.ticks(now))))
}
