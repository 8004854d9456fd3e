use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The processor time of the process, for work that keeps one core busy all the time. On a quiet machine it is the
    /// time on the wall; on a shared one it leaves out the neighbours.
    Cpu,
    /// The time on the wall, for work on several cores.
    Wall,
}

impl Clock {
    pub(crate) fn now(self) -> Duration {
        let now = clock_gettime(match self {
            Self::Cpu => ClockId::ProcessCPUTime,
            Self::Wall => ClockId::Monotonic,
        });
        Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).expect("less than a second"))
    }
}

/// Takes the figure of one entrant in one round.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Clock,
    total: f64,
}

impl Meter {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, total: 0.0 }
    }

    /// Times `work` in nanoseconds. What an entrant does outside of it (filling a queue, connecting) is not counted.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = self.clock.now();
        let value = work();
        self.total += (self.clock.now() - start).as_nanos() as f64;
        value
    }

    /// Adds a figure that is no time: bytes, allocations.
    pub(crate) fn add(&mut self, amount: f64) {
        self.total += amount;
    }

    pub(super) fn total(&self) -> f64 {
        self.total
    }
}
