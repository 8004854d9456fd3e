//! Law 9: a panic in code of a user harms only what it was about.

use std::{
    fmt,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

use super::{
    super::{Check, Config, ConnectError, Manager, Pool},
    MINUTE, SECOND, max,
};
use crate::{
    rt::Rt,
    test_support::EveryText,
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
    /// Of the error of a connect that is forgotten because the next one succeeds.
    DropOfSolved,
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
    /// Whether it has failed, if it is to do so once.
    has_failed: AtomicBool,
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
    fn new(rt: &Rt, at: &Arc<Mutex<Where>>) -> Self {
        Self { rt: rt.clone(), at: Arc::clone(at), has_failed: AtomicBool::new(false) }
    }

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
            let fails_once = *self.at.lock() == Where::DropOfSolved;
            if !self.has_failed.swap(fails_once, Relaxed) && fails_once {
                let (at, shown, dropped) = (Arc::clone(&self.at), Where::Nowhere, Where::DropOfSolved);
                return Err(Upset { at, shown, dropped });
            }
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
        Where::DropOfSolved,
        Where::DisplayOfCheck,
        Where::DropOfCheckError,
    ];
    let _logged = tracing::subscriber::set_default(EveryText);
    for place in places {
        for_each_seed(0..10, |rt| async move {
            let at = Arc::new(Mutex::new(Where::Nowhere));
            let config = Config { check: Check::AfterIdle(SECOND), ..max(1) };
            let pool = Pool::new(&rt, Clumsy::new(&rt, &at), config).unwrap();
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
        let pool = Pool::new(&rt, Clumsy::new(&rt, &at), config).unwrap();
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
        let pool = Pool::new(&rt, Clumsy::new(&rt, &at), max(1)).unwrap();
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
