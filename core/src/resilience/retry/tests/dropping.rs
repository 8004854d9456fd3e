//! Every future dropped at each of its polls, and user code that panics.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::FutureExt;

use super::{super::*, Count, SECOND, retry};
use crate::{
    resilience::{Budget, budget::InFlight},
    rt::Rt,
    testing::{for_each_drop_point, run},
    time::Deadline,
};

/// Counts itself while it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct State {
    retry: Retry,
    budget: Budget,
    alive: Arc<AtomicUsize>,
    calls: Count,
}

async fn setup(rt: Rt) -> State {
    let budget = Budget::in_flight(&rt, InFlight::default()).unwrap();
    let retry = retry(&rt, 4).budget(budget.clone());
    State { retry, budget, alive: Arc::default(), calls: Count::default() }
}

async fn check(rt: Rt, state: State) {
    assert_eq!(state.alive.load(Ordering::Relaxed), 0, "no attempt is left");
    let before = state.calls.number();
    rt.sleep(60 * SECOND).await;
    assert_eq!(state.calls.number(), before, "and none is begun");
    let budget = state.budget.stats();
    assert_eq!((budget.calls_in_flight, budget.retries_in_flight), (0, 0));
    let stats = state.retry.stats();
    let ended = stats.recovered + stats.attempts + stats.deadline + stats.budget + stats.r#final;
    assert_eq!(stats.failed_first, ended + stats.nested + stats.dropped, "the counts add up");
}

fn operation(
    rt: &Rt,
    state: &State,
) -> impl Fn(Attempt) -> futures::future::BoxFuture<'static, Result<u32, ()>> {
    let (rt, alive, calls) = (rt.clone(), state.alive.clone(), state.calls.clone());
    move |attempt| {
        let (rt, alive, calls) = (rt.clone(), Alive::new(&alive), calls.clone());
        calls.add();
        Box::pin(async move {
            let _alive = alive;
            rt.sleep(SECOND).await;
            if attempt.number() < 3 { Err(()) } else { Ok(7) }
        })
    }
}

#[test]
fn a_call_that_is_dropped_leaves_nothing_behind() {
    let points = for_each_drop_point(
        0..3,
        setup,
        |rt, state| async move { state.retry.run(operation(&rt, &state)).await },
        check,
    );
    assert_eq!(points, 3 * 11, "three attempts and two pauses");
    let traced = for_each_drop_point(
        0..3,
        setup,
        |rt, state| async move { state.retry.run_traced(operation(&rt, &state)).await },
        check,
    );
    assert_eq!(traced, 3 * 11);
}

#[test]
fn a_nested_call_under_a_deadline_that_is_dropped_leaves_nothing_behind() {
    let points = for_each_drop_point(
        0..3,
        setup,
        |rt, state| async move {
            let parent = Attempt::within(Deadline::after(&rt, "request", 9 * SECOND / 2));
            state.retry.run_in(&parent, operation(&rt, &state)).await
        },
        check,
    );
    assert_eq!(points, 3 * 11, "the third attempt is cut off");
}

#[test]
fn a_panic_in_an_attempt_or_a_judge_harms_only_its_call() {
    run(1, |rt| async move {
        let state = setup(rt.clone()).await;
        let call = state.retry.run(|attempt| async move {
            assert!(attempt.is_first(), "boom");
            Err::<(), _>(())
        });
        AssertUnwindSafe(call).catch_unwind().await.unwrap_err();
        let judge = state.retry.clone().classify(|_: &Result<(), ()>| panic!("boom"));
        AssertUnwindSafe(judge.run(|_| async { Ok(()) })).catch_unwind().await.unwrap_err();
        assert_eq!(state.retry.stats().dropped, 1);
        check(rt, state).await;
    });
}
