use std::{
    fmt,
    pin::Pin,
    time::{Instant, SystemTime},
};

use futures::future::BoxFuture;

use super::{Net, Panic};

/// What a runtime must offer: seven small methods and no associated types.
///
/// Nobody calls this trait to get work done; that is what [`Rt`](super::Rt) is for. It is implemented once per runtime
/// (tokio, smol, the [test runtime](crate::testing), turmoil) and checked by the
/// [conformance suite](super::conformance). `docs/runtimes.md` shows how to add one in about a hundred lines.
///
/// # What an implementation promises
///
/// - A future given to [`spawn`](Self::spawn) is polled until it ends, or **dropped** when the runtime ends. It never
///   panics: [`Rt::spawn`](super::Rt::spawn) has caught that already.
/// - A job given to [`spawn_blocking`](Self::spawn_blocking) is called once, or dropped when the runtime ends.
/// - Every method may be called from any thread, also after the runtime has ended. A future spawned then is dropped
///   at once.
/// - It holds handles only. Tasks hold it, so a runtime that owned its tasks through this value would be a cycle.
pub trait Runtime: fmt::Debug + Send + Sync + 'static {
    /// Runs `future` in the background. `name` says in reports and traces what it is.
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>);

    /// Runs `job` on a thread that is allowed to block.
    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>);

    /// The monotonic time; virtual in tests and simulation.
    fn now(&self) -> Instant;

    /// The date: for labels and for dates received from others, never for ordering.
    fn wall_clock(&self) -> SystemTime;

    /// A future that ends at `at`, never before it. It may be polled on any executor.
    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>>;

    /// A [`timer`](Self::timer) for maintenance that alone is no reason to go on waiting.
    ///
    /// The [test runtime](crate::testing) reports a deadlock when only such timers are left; elsewhere it is a plain
    /// timer.
    fn background_timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        self.timer(at)
    }

    /// Random bits, the seed of every [`Rng`](super::Rng).
    fn random_u64(&self) -> u64;

    /// The network.
    fn net(&self) -> &dyn Net;

    /// Told of each panic that nobody will see, because the task was detached or its handle dropped.
    ///
    /// It has been counted and logged by then. The test runtime and the simulation fail their run here.
    fn unobserved_panic(&self, panic: &Panic) {
        let _ = panic;
    }
}

/// A future that ends at a set time, as returned by [`Runtime::timer`].
pub trait Timer: Future<Output = ()> + Send + Sync {
    /// Moves the end to `at`, earlier or later. A timer that has fired can be used again this way.
    ///
    /// The waker of the last poll stays registered: the task is woken at the new time.
    fn reset(self: Pin<&mut Self>, at: Instant);
}
