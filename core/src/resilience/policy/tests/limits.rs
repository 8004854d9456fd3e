//! Law 1: bulkhead and limiter at each await.

use std::time::Duration;

use futures::future::join_all;

use super::{super::*, Count, SECOND, after, bulkhead, limiter, retry};
use crate::testing::{for_each_seed, run};

#[test]
fn no_more_attempts_run_at_once_than_the_bulkhead_lets() {
    for_each_seed(0..30, |rt| async move {
        let bulkhead = bulkhead(&rt, 3, 100);
        let hedge = Hedge { delay: SECOND, hedges_max: 2 };
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 3)).bulkhead(bulkhead.clone()).hedge(hedge);
        let (running, most) = (&Count::default(), &Count::default());
        let (rt, policy) = (&rt, &policy);
        let calls = (0..12_u32).map(|number| {
            policy.call(move |attempt| {
                let answer = after(rt, (number + attempt.number()) % 4, Err::<(), _>(()));
                async move {
                    let alive = running.alive();
                    assert!(alive.0.number() <= 3);
                    if alive.0.number() == 3 {
                        most.add();
                    }
                    answer.await
                }
            })
        });
        join_all(calls).await;
        assert!(most.number() > 0, "all of it is used");
        let stats = bulkhead.stats();
        assert_eq!((stats.in_use, stats.waiting, running.number()), (0, 0, 0));
    });
}

#[test]
fn a_pause_holds_no_place() {
    run(1, |rt| async move {
        let bulkhead = bulkhead(&rt, 1, 9);
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 2)).bulkhead(bulkhead.clone());
        let pauses = rt.spawn("call", async move { policy.call(|_| async { Err::<(), _>(()) }).await });
        rt.sleep(SECOND / 2).await;
        assert_eq!(bulkhead.stats().in_use, 0);
        let held = bulkhead.try_acquire().unwrap();
        rt.sleep(SECOND).await;
        assert_eq!(bulkhead.stats().waiting, 1, "the retry stands in line like everyone");
        drop(held);
        let error = pauses.await.unwrap().unwrap_err();
        let waits: Vec<_> = error.ledger.records().iter().map(|record| record.waited).collect();
        assert_eq!(waits, [Duration::ZERO, SECOND / 2]);
    });
}

#[test]
fn each_attempt_takes_a_token_of_the_limiter() {
    run(1, |rt| async move {
        let policy = Policy::new(&rt, "backend").retry(retry(&rt, 3)).limiter(limiter(&rt, 1));
        let (start, sent) = (rt.now(), parking_lot::Mutex::new(Vec::new()));
        let (inner, policy, times) = (&rt, &policy, &sent);
        let calls = (0..3).map(|_| {
            policy.call(move |_| async move {
                times.lock().push(inner.now());
                Err::<(), _>(())
            })
        });
        join_all(calls).await;
        let seconds: Vec<_> = sent.into_inner().into_iter().map(|at| (at - start).as_secs()).collect();
        assert_eq!(seconds, (0..9).collect::<Vec<_>>(), "nine attempts, one a second, whoever's they are");
    });
}
