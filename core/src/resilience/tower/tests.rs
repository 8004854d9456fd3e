//! A policy in front of real tower services.

use std::{
    future::{Ready, pending, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{join, join_all};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::{
    limit::{
        Bulkhead, Quota, RateLimiter,
        bulkhead::{self, Acquiring, Permit},
    },
    resilience::{
        CircuitBreaker, Policy, PolicyError, Retry,
        breaker::{self, State},
        policy::{Hedge, Layer as PolicyLayer},
        retry::{self, Stop, Verdict},
    },
    rt::{BoxFuture, Rt},
    testing::{for_each_drop_point, for_each_seed, run},
    time::{Backoff, Jitter},
};

const SECOND: Duration = Duration::from_secs(1);

fn policy(rt: &Rt, attempts_max: u32) -> Policy {
    let backoff = Backoff { initial: SECOND, factor: 1, max: SECOND, jitter: Jitter::None };
    let config = retry::Config { attempts_max, backoff, ..retry::Config::default() };
    Policy::new(rt, "backend").retry(Retry::new(rt, config).expect("a good config"))
}

/// A service as `tower::limit::ConcurrencyLimit`: a permit is taken by whoever is told that it is ready, and held until the
/// answer is there. It panics if it is called without.
struct Limited {
    rt: Rt,
    bulkhead: Bulkhead,
    waits: Option<Pin<Box<Acquiring>>>,
    permit: Option<Permit>,
    fails: Arc<AtomicU32>,
}

impl Limited {
    /// Its first `fails` calls fail; each takes a second.
    fn new(rt: &Rt, permits: usize, fails: u32) -> Self {
        let config = bulkhead::Config { permits, ..bulkhead::Config::default() };
        let bulkhead = Bulkhead::new(rt, config).expect("a good config");
        Self { rt: rt.clone(), bulkhead, waits: None, permit: None, fails: Arc::new(fails.into()) }
    }
}

impl Clone for Limited {
    /// Readiness is not cloned.
    fn clone(&self) -> Self {
        let (rt, bulkhead, fails) = (self.rt.clone(), self.bulkhead.clone(), Arc::clone(&self.fails));
        Self { rt, bulkhead, waits: None, permit: None, fails }
    }
}

impl Service<u32> for Limited {
    type Response = u32;
    type Error = &'static str;
    type Future = BoxFuture<'static, Result<u32, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if self.permit.is_none() {
            let bulkhead = &self.bulkhead;
            let waits = self.waits.get_or_insert_with(|| Box::pin(bulkhead.acquire()));
            let Poll::Ready(permit) = waits.as_mut().poll(cx) else { return Poll::Pending };
            self.waits = None;
            self.permit = Some(permit.expect("there is room in line"));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        let permit = self.permit.take().expect("it was called before it was ready");
        let (rt, fails) = (self.rt.clone(), Arc::clone(&self.fails));
        Box::pin(async move {
            let _permit = permit;
            rt.sleep(SECOND).await;
            let fails = fails.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if fails.is_ok() { Err("down") } else { Ok(request * 2) }
        })
    }
}

#[test]
fn each_attempt_is_a_call_of_a_clone_that_was_ready() {
    for_each_seed(0..20, |rt| async move {
        let limited = Limited::new(&rt, 2, 3);
        let service = policy(&rt, 9).layer(limited.clone());
        let start = rt.now();
        let answers = join_all((0..6).map(|number| service.clone().oneshot(number))).await;
        assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10]);
        // Nine calls of a second, two at a time.
        assert!(rt.now() - start >= 5 * SECOND);
        assert_eq!((limited.bulkhead.stats().in_use, limited.bulkhead.stats().waiting), (0, 0));
        assert_eq!(service.policy().stats().attempts, 9);
    });
}

#[test]
fn a_pause_and_a_wait_for_the_policy_hold_no_readiness() {
    run(1, |rt| async move {
        let limited = Limited::new(&rt, 1, 1);
        let mut service = policy(&rt, 2).layer(limited.clone());
        service.ready().await.unwrap();
        assert_eq!(limited.bulkhead.stats().in_use, 0, "to be asked is not to be called");
        let call = rt.spawn("call", service.call(7));
        rt.sleep(SECOND * 3 / 2).await;
        assert_eq!(limited.bulkhead.stats().in_use, 0, "it pauses");
        assert_eq!(call.await.unwrap(), Ok(14));
    });
}

#[test]
fn the_wait_for_readiness_is_within_the_time_limit_of_the_attempt() {
    run(1, |rt| async move {
        let limited = Limited::new(&rt, 1, 0);
        let _held = limited.bulkhead.try_acquire().unwrap();
        let policy = policy(&rt, 2).attempt_timeout(2 * SECOND);
        let error = policy.layer(limited.clone()).oneshot(7).await.unwrap_err();
        assert_eq!((error.layer(), error.ledger.attempts()), (PolicyLayer::AttemptTimeout, 2));
        assert_eq!(limited.bulkhead.stats().waiting, 0);
    });
}

/// Never ready again after it was once told to fail.
#[derive(Clone)]
struct Unready;

impl Service<()> for Unready {
    type Response = ();
    type Error = &'static str;
    type Future = Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("closed"))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[test]
fn an_error_of_readiness_is_a_failure_of_the_attempt() {
    run(1, |rt| async move {
        let window = breaker::Window::Consecutive { failures: 2 };
        let config = breaker::Config { window, ..breaker::Config::default() };
        let breaker = CircuitBreaker::new(&rt, "backend", config).unwrap();
        let service = policy(&rt, 2).breaker(breaker.clone()).layer(Unready);
        let error = service.oneshot(()).await.unwrap_err();
        assert_eq!((error.last, breaker.state()), (Some("closed"), State::Open));
    });
}

#[test]
fn all_of_a_policy_works_in_a_stack() {
    run(1, |rt| async move {
        let inner = rt.clone();
        let policy = policy(&rt, 3)
            .deadline(10 * SECOND)
            .classify(|status: &Result<u16, &str>| match status {
                Ok(503) => Verdict::Retry,
                Ok(_) => Verdict::Done,
                Err(_) => Verdict::Fail,
            })
            .fallback(|error: PolicyError<&'static str>| {
                ready(if error.layer() == PolicyLayer::Deadline { Ok(504) } else { Err(error) })
            });
        let service = ServiceBuilder::new().layer(policy).service(service_fn(move |path: &'static str| {
            let rt = inner.clone();
            async move {
                rt.sleep(SECOND).await;
                match path {
                    "/busy" => Ok(503),
                    "/hangs" => pending().await,
                    "/denied" => Err("denied"),
                    _ => Ok(200),
                }
            }
        }));
        let ask = |path| service.clone().oneshot(path);
        assert_eq!((ask("/").await, ask("/busy").await, ask("/hangs").await), (Ok(200), Ok(503), Ok(504)));
        assert_eq!(ask("/denied").await.unwrap_err().last, Some("denied"));
        assert_eq!(service.policy().stats().attempts, 1 + 3 + 1 + 1);
    });
}

/// As a request with a body: not `Clone`, and only some can be repeated.
#[derive(Debug)]
struct Body {
    /// How many copies can be made.
    copies: u32,
    made: Arc<AtomicU32>,
}

impl Body {
    fn new(copies: u32) -> Self {
        Self { copies, made: Arc::default() }
    }

    fn copy(&self) -> Option<Self> {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        (made < self.copies).then(|| Self { copies: self.copies, made: Arc::clone(&self.made) })
    }
}

#[test]
fn a_request_that_cannot_be_repeated_is_sent_once() {
    run(1, |rt| async move {
        let (inner, asked) = (rt.clone(), Arc::new(AtomicU32::new(0)));
        let seen = Arc::clone(&asked);
        let down = service_fn(move |_: Body| {
            seen.fetch_add(1, Ordering::Relaxed);
            let rt = inner.clone();
            async move {
                rt.sleep(9 * SECOND).await;
                Err::<(), _>("down")
            }
        });
        let policy = policy(&rt, 5).hedge(Hedge { delay: SECOND, hedges_max: 3 });
        let service = policy.clone_request(Body::copy).layer(down);
        let error = service.clone().oneshot(Body::new(0)).await.unwrap_err();
        assert_eq!(
            (error.stop, error.last, asked.load(Ordering::Relaxed)),
            (Stop::Unrepeatable, Some("down"), 1)
        );
        assert_eq!(
            error.to_string(),
            "`backend` failed; gave up after 1 attempt in 9s: the request cannot be sent again"
        );
        assert_eq!(service.policy().stats().hedges, 0, "nor is it sent twice at once");
        // With two copies, three are sent: the last is the request itself.
        let error = service.clone().oneshot(Body::new(2)).await.unwrap_err();
        assert_eq!((error.stop, error.ledger.attempts()), (Stop::Unrepeatable, 3));
        assert_eq!(service.policy().stats().hedges, 2);
    });
}

#[test]
fn the_last_attempt_gets_the_request_itself() {
    run(1, |rt| async move {
        for attempts_max in 1..4 {
            let echo = service_fn(async |body: Body| Err::<(), _>(body));
            let service = policy(&rt, attempts_max).clone_request(Body::copy).layer(echo);
            let body = Body::new(9);
            let made = Arc::clone(&body.made);
            let error = service.oneshot(body).await.unwrap_err();
            assert_eq!((error.stop, error.ledger.attempts()), (Stop::Attempts, attempts_max));
            assert_eq!(made.load(Ordering::Relaxed), attempts_max - 1);
        }
    });
}

#[test]
fn the_last_attempt_is_hedged_as_those_before_it() {
    run(1, |rt| async move {
        let (inner, asked) = (rt.clone(), Arc::new(AtomicU32::new(0)));
        let slow_first = service_fn(move |_: Body| {
            let (rt, before) = (inner.clone(), asked.fetch_add(1, Ordering::Relaxed));
            async move {
                rt.sleep(if before == 0 { 9 * SECOND } else { SECOND }).await;
                Ok::<_, ()>(before)
            }
        });
        let policy = policy(&rt, 1).hedge(Hedge { delay: SECOND, hedges_max: 1 });
        let service = policy.clone_request(Body::copy).layer(slow_first);
        let start = rt.now();
        assert_eq!((service.oneshot(Body::new(1)).await, rt.now() - start), (Ok(1), 2 * SECOND));
    });
}

#[test]
fn what_was_not_sent_yet_may_come_back_to_an_open_breaker() {
    run(1, |rt| async move {
        let window = breaker::Window::Consecutive { failures: 1 };
        let config = breaker::Config { window, ..breaker::Config::default() };
        let breaker = CircuitBreaker::new(&rt, "backend", config).unwrap();
        breaker.try_acquire().unwrap().failure();
        let policy = policy(&rt, 2).breaker(breaker);
        let policy = match policy.layers.breaker.as_ref().unwrap().check() {
            Err(rejected) => {
                let retry_after_max = rejected.retry_after.unwrap();
                let config = retry::Config { retry_after_max, ..retry::Config::default() };
                policy.retry(Retry::new(&rt, config).unwrap())
            }
            Ok(()) => unreachable!("it is open"),
        };
        let service = policy.clone_request(Body::copy).layer(service_fn(async |_| Ok::<_, ()>(7)));
        assert_eq!(service.oneshot(Body::new(0)).await, Ok(7));
    });
}

#[test]
fn clones_of_the_layered_service_share_the_limits_of_the_policy() {
    for_each_seed(0..20, |rt| async move {
        let config = bulkhead::Config { permits: 2, ..bulkhead::Config::default() };
        let bulkhead = Bulkhead::new(&rt, config).unwrap();
        let limiter = RateLimiter::new(&rt, Quota::per_second(1)).unwrap();
        let policy = policy(&rt, 2).bulkhead(bulkhead.clone()).limiter(limiter);
        // Ready at any time, so that only the policy holds them back.
        let limited = Limited::new(&rt, 100, 3);
        let service = policy.layer(limited.clone());
        let start = rt.now();
        let watched = async {
            for _ in 0..6 {
                rt.sleep(SECOND / 2).await;
                assert!(bulkhead.stats().in_use <= 2 && limited.bulkhead.stats().in_use <= 2);
            }
        };
        let calls = join_all((0..6).map(|number| service.clone().oneshot(number)));
        let (answers, ()) = join(calls, watched).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert!(rt.now() - start >= 8 * SECOND, "nine attempts, one a second");
        assert_eq!(service.policy().stats().attempts, 9);
    });
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let points = for_each_drop_point(
        0..3,
        |rt| async move { (Limited::new(&rt, 1, 2), policy(&rt, 3)) },
        |_, (limited, policy)| policy.layer(limited).oneshot(1),
        |_, (limited, policy)| async move {
            assert_eq!((limited.bulkhead.stats().in_use, limited.bulkhead.stats().waiting), (0, 0));
            let stats = policy.stats();
            assert_eq!(stats.calls, stats.answered + stats.dropped);
        },
    );
    assert_eq!(points, 3 * 11);
}
