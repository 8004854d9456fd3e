//! What a program sees that links the interposer: this one.
#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(target_feature = "crt-static")
))]
#![expect(unsafe_code, reason = "C's functions are called as C calls them")]

mod c;
mod clocks;
mod guard;
mod randomness;
mod replay;

use std::{
    cell::Cell,
    rc::Rc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use seaworthy_interpose::{Armed, arm};

/// A simulated clock that a test sets.
#[derive(Clone, Default)]
struct Simulated(Rc<Cell<Duration>>);

impl Simulated {
    fn advance(&self, by: Duration) {
        self.0.set(self.0.get() + by);
    }

    fn arm(&self, seed: u64) -> Armed {
        let clock = Rc::clone(&self.0);
        arm(seed, move || clock.get(), epoch())
    }
}

fn epoch() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_700_000_000, 5)
}

/// Runs `test` on a fresh thread, which has asked nothing yet.
fn on_a_thread<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(test).join().unwrap()
}

/// Runs `test` on a fresh thread that is armed, with the clock it follows.
fn armed<T: Send + 'static>(seed: u64, test: impl FnOnce(&Simulated) -> T + Send + 'static) -> T {
    on_a_thread(move || {
        let simulated = Simulated::default();
        let _armed = simulated.arm(seed);
        test(&simulated)
    })
}

#[test]
fn this_platform_is_supported() {
    assert!(seaworthy_interpose::is_supported());
}
