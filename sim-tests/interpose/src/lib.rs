//! Clocks and randomness of one thread from a seed and a simulated clock, by interposing libc's functions.
//!
//! It is the backstop of a simulation. Seaworthy's own code asks its runtime for the time and for random numbers; a crate
//! that it uses may not: a WebSocket masks its frames, TLS draws keys and checks dates, HTTP writes a `date`, a `HashMap`
//! keys its hasher. On a thread that is [armed](arm) they get answers that follow from the seed. Every other thread keeps the
//! real ones: a watchdog that looks on measures real time.
//!
//! | asked | answer on the armed thread |
//! |---|---|
//! | `getrandom`, `getentropy`, `syscall(SYS_getrandom, ..)` | the next bytes of a fixed stream of the seed |
//! | `clock_gettime`: `REALTIME` and `TAI`, their kinds; `gettimeofday` | `epoch + clock()` |
//! | `clock_gettime`: `MONOTONIC` and `BOOTTIME`, their kinds | 1000 s `+ clock()` |
//! | `clock_gettime`: CPU time of threads and processes, whatever else | the real one |
//!
//! So [`Instant`](std::time::Instant), [`SystemTime`], the keys of [`HashMap`](std::collections::HashMap), the crates
//! `getrandom` and `ring`, and C code are reached. Two of a kind answer alike, coarse or not.
//!
//! # What it does not reach
//!
//! - **What a `HashMap` took before.** A thread asks for the keys of its hashers once, at its first `HashMap`, and counts up
//!   from there. Crates keep generators of their own in thread-locals and statics, seeded once. So one seed needs a thread of
//!   its own, armed before anything else is done on it, and better a process of its own.
//! - **What goes other ways**: system calls by inline assembly (`rustix`), clocks through `syscall`, the cycle counter (`quanta`,
//!   `minstant`), `/dev/urandom` opened as a file (SQLite), libc's own inner calls (`arc4random`, `timespec_get`), and `time`,
//!   which no program of this workspace asks.
//! - **What follows from addresses, thread ids, the environment.**
//! - **The kernel's timers.** It waits in real time, and until a real moment: a wait with a timeout that std computes on the
//!   armed thread (`Condvar::wait_timeout`, `park_timeout`, `recv_timeout`) ends at a moment of the simulated clock that the
//!   kernel takes for a real one: at once, or much too late. Do not wait so on an armed thread. A simulation never should.
//!
//! # Where it works
//!
//! On Linux with glibc, linked dynamically, on x86_64 and aarch64 ([`is_supported`]). Elsewhere the crate builds, and [`arm`] does
//! nothing. A program that has this crate linked pays for a flag of the thread and an indirect call at each of these functions,
//! armed or not.

#[cfg_attr(
    not(all(
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(target_feature = "crt-static"),
    )),
    path = "elsewhere.rs"
)]
mod world;

use std::{
    fmt,
    marker::PhantomData,
    time::{Duration, SystemTime},
};

/// Whether [`arm`] does anything on this platform.
#[must_use]
pub const fn is_supported() -> bool {
    world::IS_SUPPORTED
}

/// Answers clocks and randomness on the current thread from `seed` and `clock`, until the guard is dropped.
///
/// - **Random bytes** are those of SplitMix64 started at `seed`, eight a step, little end first; what a request leaves of its
///   last eight is thrown away. They are the same on every platform. An empty request takes none.
/// - **`clock`** tells the simulated time since the start. Wall clocks add it to `epoch`, the others to 1000 s. The clocks
///   never go back: if `clock` does, they stand still until it has caught up. A time beyond what a `timespec` holds is
///   the last that it holds.
/// - **While `clock` runs, it reads the real clocks**, so that it may ask something which reads a clock itself, as tokio's
///   does. Random bytes come from the stream there too.
/// - **A `clock` that panics** answers what it answered last (zero at first). The panic is reported by the hook and goes no
///   further. With `panic = "abort"` it ends the process, as any; so it does within the panic hook.
/// - **Requests that libc refuses or that go nowhere** (a null pointer, unknown flags or clocks, more than 256 bytes of
///   entropy) are libc's to answer.
///
/// Instants from before and after the arming must not be compared. Algorithm: Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014.
///
/// # Panics
///
/// When this thread is armed already, or is so far at its end that its thread-locals are gone.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::{Duration, Instant, SystemTime}};
///
/// # if !seaworthy_interpose::is_supported() { return }
/// let elapsed = Rc::new(Cell::new(Duration::ZERO));
/// let clock = Rc::clone(&elapsed);
/// let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
/// let armed = seaworthy_interpose::arm(7, move || clock.get(), epoch);
///
/// let start = Instant::now();
/// elapsed.set(Duration::from_secs(3600));
/// assert_eq!(start.elapsed(), Duration::from_secs(3600));
/// assert_eq!(SystemTime::now(), epoch + Duration::from_secs(3600));
///
/// drop(armed);
/// assert_ne!(SystemTime::now(), epoch + Duration::from_secs(3600));
/// ```
#[track_caller]
pub fn arm(seed: u64, clock: impl Fn() -> Duration + 'static, epoch: SystemTime) -> Armed {
    world::enter(seed, Box::new(clock), epoch);
    Armed { thread: PhantomData }
}

/// Keeps its thread armed: see [`arm`]. Drop it to have the real clocks and randomness back.
///
/// It stays on the thread that it arms. One that is forgotten leaves the thread armed to its end.
#[must_use = "the thread is disarmed when this is dropped"]
pub struct Armed {
    /// Not `Send`: it is dropped where it was made.
    thread: PhantomData<*const ()>,
}

impl Drop for Armed {
    fn drop(&mut self) {
        world::leave();
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { thread: _ } = self;
        f.debug_struct("Armed").finish_non_exhaustive()
    }
}
