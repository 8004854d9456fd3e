//! What answers an armed thread, and which threads are armed.

mod symbols;
mod time;

use std::{
    cell::{Cell, RefCell},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    time::{Duration, SystemTime},
};

use time::Time;

pub(crate) const IS_SUPPORTED: bool = true;

thread_local! {
    /// Whether there is a world. Every thread looks here at every call, and from anywhere, an allocator or a destructor of
    /// a thread-local among it; so it is a plain flag, which needs no setting up and is never gone.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The answers of one armed thread.
struct World {
    clock: Box<dyn Fn() -> Duration>,
    /// What the clocks were last told.
    last: Cell<Duration>,
    /// Whether `clock` runs at this moment.
    asking: Cell<bool>,
    epoch: Time,
    random: Cell<u64>,
}

/// A clock of the armed thread.
#[derive(Clone, Copy)]
enum Clock {
    /// Counts from the epoch.
    Wall,
    /// Counts from 1000 s.
    Steady,
}

#[track_caller]
pub(crate) fn enter(seed: u64, clock: Box<dyn Fn() -> Duration>, epoch: SystemTime) {
    assert!(!ARMED.get(), "this thread is armed already: drop what `arm` returned before arming it again");
    symbols::keep();
    let world = World {
        clock,
        last: Cell::default(),
        asking: Cell::default(),
        epoch: Time::since_1970(epoch),
        random: Cell::new(seed),
    };
    WORLD.set(Some(Rc::new(world)));
    ARMED.set(true);
}

pub(crate) fn leave() {
    ARMED.set(false);
    // Gone already when the guard lay in a thread-local of its own. The closure is dropped here, on the real clocks.
    let world = WORLD.try_with(RefCell::take);
    drop(world);
}

/// The world of this thread, if it is armed and not at its end.
fn world() -> Option<Rc<World>> {
    if !ARMED.get() {
        return None;
    }
    WORLD.try_with(|world| world.borrow().clone()).ok().flatten()
}

/// What `clock` shows; nothing where the real one is to answer.
fn now(clock: Clock) -> Option<Time> {
    let world = world()?;
    if world.asking.replace(true) {
        return None;
    }
    if let Some(elapsed) = contain(|| (world.clock)()) {
        world.last.set(elapsed.max(world.last.get()));
    }
    world.asking.set(false);
    let start = match clock {
        Clock::Wall => world.epoch,
        Clock::Steady => Time::STEADY_START,
    };
    let time = start.after(world.last.get());
    // If the closure disarmed the thread, it is dropped with this.
    contain(|| drop(world));
    Some(time)
}

/// Runs code of the user beneath a frame of C, which no panic may reach. `None`: it panicked.
fn contain<T>(run: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(payload) => {
            #[expect(clippy::mem_forget, reason = "its destructor is the user's too, and may panic again")]
            mem::forget(payload);
            None
        }
    }
}

impl World {
    /// The next step of SplitMix64.
    fn draw(&self) -> [u8; 8] {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    }
}
