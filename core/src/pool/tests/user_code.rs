//! Law 9: code of a user runs without the lock, and its panics harm only what it was about.

use std::{
    fmt,
    future::pending,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::FutureExt;
use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Subscriber,
    field::Field,
    span::{Attributes, Id, Record},
};

use super::{
    super::{AcquireError, Check, Config, ConnectError, Manager, Pool},
    Down, MINUTE, SECOND, calm, max,
};
use crate::{
    rt::Rt,
    testing::{self, for_each_seed},
};

/// Panics where it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Nowhere,
    CallingConnect,
    Connect,
    IsBroken,
    NeedsReset,
    Reset,
    IsFatal,
    Check,
    Close,
    Destructor,
    DropOfConnect,
    DropOfCheck,
    DropOfReset,
    DropOfClose,
    /// Of the error of a connect.
    Display,
    DropOfError,
    /// Of the error of a check.
    DisplayOfCheck,
    DropOfCheckError,
}

/// Panics when it is shown or dropped.
struct Upset {
    at: Arc<Mutex<Where>>,
    shown: Where,
    dropped: Where,
}

impl fmt::Debug for Upset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upset")
    }
}

impl fmt::Display for Upset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        trip(&self.at, self.shown);
        f.write_str("upset")
    }
}

impl std::error::Error for Upset {}

impl Drop for Upset {
    fn drop(&mut self) {
        trip(&self.at, self.dropped);
    }
}

struct Clumsy {
    rt: Rt,
    at: Arc<Mutex<Where>>,
}

struct Thing(Arc<Mutex<Where>>);

impl Drop for Thing {
    fn drop(&mut self) {
        trip(&self.0, Where::Destructor);
    }
}

struct OnDrop<'a>(&'a Mutex<Where>, Where);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        trip(self.0, self.1);
    }
}

/// Panics once.
fn trip(at: &Mutex<Where>, here: Where) {
    let mut at = at.lock();
    if *at == here {
        *at = Where::Nowhere;
        drop(at);
        panic!("{here:?}");
    }
}

impl Clumsy {
    /// Fails as long as what is to panic is the error.
    fn fail(&self, shown: Where, dropped: Where) -> Result<(), Upset> {
        let at = *self.at.lock();
        if at != shown && at != dropped {
            return Ok(());
        }
        Err(Upset { at: Arc::clone(&self.at), shown, dropped })
    }

    async fn hang(&self, at: Where) {
        if *self.at.lock() == at {
            let _on_drop = OnDrop(&self.at, at);
            pending::<()>().await;
        }
    }
}

impl Manager for Clumsy {
    type Connection = Thing;
    type Error = Upset;

    fn connect(&self) -> impl Future<Output = Result<Thing, Upset>> + Send {
        trip(&self.at, Where::CallingConnect);
        async {
            self.hang(Where::DropOfConnect).await;
            trip(&self.at, Where::Connect);
            self.fail(Where::Display, Where::DropOfError)?;
            self.fail(Where::IsFatal, Where::IsFatal)?;
            Ok(Thing(Arc::clone(&self.at)))
        }
    }

    fn is_broken(&self, _thing: &mut Thing) -> bool {
        trip(&self.at, Where::IsBroken);
        false
    }

    fn needs_reset(&self, _thing: &mut Thing) -> bool {
        trip(&self.at, Where::NeedsReset);
        matches!(*self.at.lock(), Where::Reset | Where::DropOfReset)
    }

    async fn reset(&self, _thing: &mut Thing) -> Result<(), Upset> {
        self.hang(Where::DropOfReset).await;
        trip(&self.at, Where::Reset);
        Ok(())
    }

    fn is_fatal(&self, _error: &Upset) -> bool {
        trip(&self.at, Where::IsFatal);
        false
    }

    async fn check(&self, _thing: &mut Thing) -> Result<(), Upset> {
        self.hang(Where::DropOfCheck).await;
        self.rt.sleep(SECOND).await;
        trip(&self.at, Where::Check);
        self.fail(Where::DisplayOfCheck, Where::DropOfCheckError)
    }

    async fn close(&self, _thing: Thing) {
        self.hang(Where::DropOfClose).await;
        trip(&self.at, Where::Close);
    }
}

/// Has the text of each event made.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut |_field: &Field, value: &dyn fmt::Debug| drop(format!("{value:?}")));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn a_panic_anywhere_costs_no_place() {
    let places = [
        Where::CallingConnect,
        Where::Connect,
        Where::IsBroken,
        Where::NeedsReset,
        Where::Reset,
        Where::IsFatal,
        Where::Check,
        Where::Close,
        Where::Destructor,
        Where::DropOfConnect,
        Where::DropOfCheck,
        Where::DropOfReset,
        Where::DropOfClose,
        Where::Display,
        Where::DropOfError,
        Where::DisplayOfCheck,
        Where::DropOfCheckError,
    ];
    // Texts are made only for those who listen.
    let _logged = tracing::subscriber::set_default(Listener);
    for place in places {
        for_each_seed(0..10, |rt| async move {
            let at = Arc::new(Mutex::new(Where::Nowhere));
            let config = Config { check: Check::AfterIdle(SECOND), ..max(1) };
            let pool = Pool::new(&rt, Clumsy { rt: rt.clone(), at: Arc::clone(&at) }, config).unwrap();
            for _ in 0..2 {
                *at.lock() = place;
                for _ in 0..3 {
                    drop(pool.get().await.unwrap());
                    rt.sleep(SECOND * 2).await;
                    pool.get().await.unwrap().discard();
                    rt.sleep(SECOND * 2).await;
                }
                assert_eq!(*at.lock(), Where::Nowhere, "it did panic");
            }
            let stats = pool.stats();
            assert_eq!(stats.panics, 2, "{place:?}: {stats:?}");
            assert_eq!((stats.in_use, stats.checking, stats.closing, stats.connecting), (0, 0, 0, 0));
            assert!(!pool.is_closed());
            assert!(pool.close(MINUTE).await.is_complete());
        });
    }
}

#[test]
fn whoever_waits_for_a_connect_that_panics_learns_what_it_said() {
    testing::run(1, |rt| async move {
        let at = Arc::new(Mutex::new(Where::Connect));
        let config = Config { acquire_timeout: Some(SECOND / 1000), ..max(1) };
        let config = Config {
            connect_backoff: crate::time::Backoff {
                initial: SECOND,
                jitter: crate::time::Jitter::None,
                ..Default::default()
            },
            ..config
        };
        let pool = Pool::new(&rt, Clumsy { rt: rt.clone(), at }, config).unwrap();
        let error = pool.get().await.map(drop).unwrap_err();
        let Some(ConnectError::Panicked { message }) = error.last_connect_error() else { panic!("{error}") };
        assert_eq!(message, "Connect");
        rt.sleep(SECOND).await;
        drop(pool.get().await.unwrap());
    });
}

#[test]
fn a_lease_dropped_by_a_panic_is_not_lent_on_and_its_place_serves_the_next() {
    testing::run(1, |rt| async move {
        let at = Arc::new(Mutex::new(Where::Nowhere));
        let pool = Pool::new(&rt, Clumsy { rt: rt.clone(), at: Arc::clone(&at) }, max(1)).unwrap();
        for place in [Where::Nowhere, Where::Destructor] {
            let lease = pool.get().await.unwrap();
            *at.lock() = place;
            let next = rt.spawn("next", {
                let pool = pool.clone();
                async move { pool.get().await.map(drop) }
            });
            rt.sleep(SECOND).await;
            let user = rt.spawn("user", async move {
                let _lease = lease;
                panic!("at work");
            });
            user.await.unwrap_err();
            next.await.unwrap().unwrap();
        }
        let stats = pool.stats();
        assert_eq!((stats.in_use, stats.idle, stats.retired.panicked, stats.connected), (0, 1, 2, 3));
        assert_eq!(stats.panics, 1, "the destructor");
    });
}

/// Uses its own pool wherever it is called.
struct Meddler {
    pool: Arc<OnceLock<Pool<Meddler>>>,
    calls: Arc<AtomicU32>,
}

struct Handle {
    pool: Arc<OnceLock<Pool<Meddler>>>,
    calls: Arc<AtomicU32>,
}

fn meddle(pool: &OnceLock<Pool<Meddler>>, calls: &AtomicU32) {
    let Some(pool) = pool.get() else { return };
    if calls.fetch_add(1, Relaxed) > 1000 {
        return;
    }
    // Each takes the lock.
    pool.stats();
    drop(pool.try_get());
    let mut get = Box::pin(pool.get());
    drop(get.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    pool.resize(2).unwrap();
}

impl Drop for Handle {
    fn drop(&mut self) {
        meddle(&self.pool, &self.calls);
    }
}

impl Manager for Meddler {
    type Connection = Handle;
    type Error = Down;

    async fn connect(&self) -> Result<Handle, Down> {
        meddle(&self.pool, &self.calls);
        Ok(Handle { pool: Arc::clone(&self.pool), calls: Arc::clone(&self.calls) })
    }

    fn is_broken(&self, _handle: &mut Handle) -> bool {
        self.calls.fetch_add(1, Relaxed).is_multiple_of(3)
    }

    async fn check(&self, _handle: &mut Handle) -> Result<(), Down> {
        meddle(&self.pool, &self.calls);
        Ok(())
    }

    async fn close(&self, _handle: Handle) {
        meddle(&self.pool, &self.calls);
    }
}

#[test]
fn the_manager_and_its_connections_may_use_the_pool_they_are_of() {
    for_each_seed(0..30, |rt| async move {
        let own = Arc::new(OnceLock::new());
        let calls = Arc::<AtomicU32>::default();
        let meddler = Meddler { pool: Arc::clone(&own), calls: Arc::clone(&calls) };
        let config = Config { max: 2, check: Check::AfterIdle(SECOND / 10), uses_max: 4, ..calm() };
        let pool = Pool::new(&rt, meddler, config).unwrap();
        own.set(pool.clone()).unwrap();
        let users: Vec<_> = (0..4)
            .map(|_| {
                let (rt, pool) = (rt.clone(), pool.clone());
                rt.clone().spawn("user", async move {
                    for _ in 0..5 {
                        let lease = pool.get().await.unwrap();
                        rt.sleep(SECOND / 10).await;
                        drop(lease);
                        rt.sleep(SECOND / 5).await;
                    }
                })
            })
            .collect();
        for user in users {
            user.await.unwrap();
        }
        assert!(calls.load(Relaxed) > 10);
        assert!(pool.close(MINUTE).await.is_complete());
        assert_eq!(pool.stats().panics, 0);
    });
}

/// Looks at the pool when it is woken and when it is dropped.
struct Nosy(Pool<super::Dial>);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.0.stats();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.stats();
        drop(self.0.try_get());
    }
}

#[test]
fn a_waker_may_use_the_pool_it_waits_for() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = super::pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let nosy = || Waker::from(Arc::new(Nosy(pool.clone())));
        let mut waiting = Box::pin(pool.get());
        for _ in 0..3 {
            // Each poll brings another waker, and the last one is dropped.
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        }
        let mut leaves = Box::pin(pool.get());
        assert!(leaves.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        drop(leaves);
        drop(held);
        let served = waiting.as_mut().poll(&mut Context::from_waker(&nosy()));
        assert!(served.is_ready());
        drop(served);
        let held = pool.get().await.unwrap();
        let mut waiting = Box::pin(pool.get());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&nosy())).is_pending());
        pool.close(SECOND).await;
        assert!(matches!(waiting.now_or_never(), Some(Err(AcquireError::Closed))));
        drop(held);
    });
}

/// Panics when it is woken.
struct Grumpy;

impl Wake for Grumpy {
    fn wake(self: Arc<Self>) {
        panic!("let me sleep");
    }
}

#[test]
fn a_waker_that_panics_takes_no_others_wake_up() {
    for_each_seed(0..20, |rt| async move {
        let (pool, _backend) = super::pool(&rt, Config { handover_max: Some(SECOND), ..max(2) });
        let held = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        let mut grumpy = Box::pin(pool.get());
        let waker = Waker::from(Arc::new(Grumpy));
        assert!(matches!(grumpy.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        let other = rt.spawn("other", {
            let pool = pool.clone();
            async move { pool.get().await.map(drop) }
        });
        rt.sleep(SECOND).await;
        drop(held);
        other.await.unwrap().unwrap();
        drop(grumpy);
        assert_eq!(pool.stats().in_use, 0);
    });
}
