use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::world::World;
use crate::rt::Timer;

/// When it is due, in nanoseconds of the run, and which was armed first among equals.
type Key = (u64, u64);

/// All armed timers, in the order in which they fire.
#[derive(Default)]
pub(super) struct Timers {
    armed: BTreeMap<Key, Armed>,
    foreground: usize,
    sequence: u64,
}

struct Armed {
    waker: Waker,
    background: bool,
}

/// What the next jump of time could lead to.
pub(super) enum Next {
    At(u64),
    OnlyBackground(usize),
}

impl Timers {
    pub(super) fn next(&self) -> Next {
        match self.armed.first_key_value() {
            Some((&(at, _), _)) if self.foreground > 0 => Next::At(at),
            _ => Next::OnlyBackground(self.armed.len()),
        }
    }

    /// Takes the first timer that is due at `now`.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Waker> {
        let first = self.armed.first_entry().filter(|first| first.key().0 <= now)?;
        let armed = first.remove();
        self.foreground -= usize::from(!armed.background);
        Some(armed.waker)
    }

    fn insert(&mut self, at: u64, armed: Armed) -> Key {
        let key = (at, self.sequence);
        self.sequence += 1;
        self.foreground += usize::from(!armed.background);
        self.armed.insert(key, armed);
        key
    }

    fn remove(&mut self, key: Key) -> Option<Armed> {
        let armed = self.armed.remove(&key)?;
        self.foreground -= usize::from(!armed.background);
        Some(armed)
    }
}

/// A timer of the run. Wakers are cloned, dropped and woken outside the lock: they may be anyone's code.
pub(super) struct VirtualTimer {
    world: Arc<World>,
    at: u64,
    background: bool,
    key: Option<Key>,
}

impl VirtualTimer {
    pub(super) fn new(world: &Arc<World>, at: u64, background: bool) -> Self {
        Self { world: Arc::clone(world), at, background, key: None }
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn move_to(&mut self, at: u64) {
        let armed = self.disarm();
        self.at = at;
        match armed {
            Some(armed) if at <= self.world.now() => armed.waker.wake(),
            Some(armed) => self.key = Some(self.world.timers.lock().insert(at, armed)),
            None => {}
        }
    }

    fn disarm(&mut self) -> Option<Armed> {
        let key = self.key.take()?;
        self.world.timers.lock().remove(key)
    }

    /// Whether the timer is armed and will wake the same task.
    fn is_armed_for(&self, waker: &Waker) -> bool {
        let Some(key) = self.key else { return false };
        self.world.timers.lock().armed.get(&key).is_some_and(|armed| armed.waker.will_wake(waker))
    }
}

impl Future for VirtualTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.at {
            drop(self.disarm());
            return Poll::Ready(());
        }
        if !self.is_armed_for(cx.waker()) {
            drop(self.disarm());
            let armed = Armed { waker: cx.waker().clone(), background: self.background };
            let key = self.world.timers.lock().insert(self.at, armed);
            self.key = Some(key);
        }
        Poll::Pending
    }
}

impl Timer for VirtualTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        let at = self.world.nanos(at);
        self.move_to(at);
    }
}

impl Drop for VirtualTimer {
    fn drop(&mut self) {
        drop(self.disarm());
    }
}
