//! Law 4: what a budget lets through.

use futures::future::join_all;

use super::{super::*, Count, retry};
use crate::{
    resilience::{
        Budget,
        budget::{self, InFlight},
    },
    testing::{for_each_seed, run},
};

#[test]
fn a_dry_budget_stops_retries_and_never_first_attempts() {
    run(1, |rt| async move {
        let config = budget::Config { ratio: 0.0, tokens_max: 3, reserve_per_second: 0 };
        let budget = Budget::new(&rt, config).unwrap();
        let (retry, calls) = (retry(&rt, 3).budget(budget.clone()), Count::default());
        let calls = &calls;
        let mut stops = Vec::new();
        for _ in 0..4 {
            let failed = retry.run(|_| async move { Err::<(), _>(calls.add()) });
            stops.push(failed.await.unwrap_err().stop);
        }
        assert_eq!(stops, [Stop::Attempts, Stop::Budget, Stop::Budget, Stop::Budget]);
        assert_eq!(calls.number(), 3 + 2 + 1 + 1);
        let stats = budget.stats();
        assert_eq!((stats.granted, stats.refused, stats.available), (3, 3, 0));
        assert_eq!((retry.stats().budget, retry.stats().attempts), (3, 1));
    });
}

#[test]
fn a_pause_that_does_not_fit_costs_no_token() {
    run(1, |rt| async move {
        let budget = Budget::new(&rt, budget::Config::default()).unwrap();
        let deadline = crate::time::Deadline::after(&rt, "short", std::time::Duration::from_millis(1));
        let retry = retry(&rt, 3).budget(budget.clone()).deadline(deadline);
        assert_eq!(retry.run(|_| async { Err::<(), _>(()) }).await.unwrap_err().stop, Stop::Deadline);
        assert_eq!(budget.stats().granted, 0);
    });
}

#[test]
fn retries_in_flight_never_exceed_their_share() {
    for_each_seed(0..20, |rt| async move {
        let config = InFlight { ratio: 0.25, retries_min: 1 };
        let budget = Budget::in_flight(&rt, config).unwrap();
        let retry = retry(&rt, 4).budget(budget.clone());
        let (rt, budget, retrying) = (&rt, &budget, &Count::default());
        let calls = (0..20).map(|number| {
            let retry = retry.clone();
            async move {
                let failed = retry.run(|attempt| async move {
                    let stats = budget.stats();
                    assert!(stats.retries_in_flight <= 5, "a quarter of at most 20");
                    if !attempt.is_first() {
                        retrying.add();
                        assert!(stats.retries_in_flight > 0, "this one is");
                    }
                    rt.sleep(std::time::Duration::from_millis(100 * number)).await;
                    Err::<(), _>(())
                });
                failed.await.unwrap_err().stop
            }
        });
        let stops = join_all(calls).await;
        assert!(stops.contains(&Stop::Budget) && stops.contains(&Stop::Attempts));
        let stats = budget.stats();
        assert_eq!((stats.calls_in_flight, stats.retries_in_flight), (0, 0));
        assert_eq!(u64::from(retrying.number()), stats.granted);
    });
}
