use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures::channel::oneshot;

use futures::FutureExt;

use super::*;
use crate::testing::Network;

#[test]
fn a_deadlock_names_who_waits_and_since_when() {
    let stop = stop(0x1f3a, |rt| async move {
        rt.sleep(secs(2)).await;
        for _ in 0..3 {
            rt.spawn("worker", pending::<()>()).detach();
        }
        rt.spawn("waiter", pending::<()>()).await.expect("never");
    });
    let text = stop.to_string();
    assert!(text.starts_with("seed 0x1f3a, 2s into the run: deadlock: these tasks wait"), "{text}");
    assert!(text.contains("     3 x worker"), "{text}");
    assert!(text.contains("     1 x waiter"), "{text}");
    assert!(text.contains("     1 x root"), "{text}");
    assert!(text.contains("Config::wait_for_threads"), "{text}");
}

#[test]
fn a_report_lists_no_more_than_twenty_names() {
    let names: Vec<&'static str> = (0..30).map(|n| &*format!("task-{n}").leak()).collect();
    let stop = stop(1, |rt| async move {
        for name in names {
            rt.spawn(name, pending::<()>()).detach();
        }
        pending::<()>().await;
    });
    let text = stop.to_string();
    assert_eq!(text.matches(" x ").count(), 20, "{text}");
    assert!(text.contains("and 11 more names"), "{text}");
    let StopReason::Deadlock { waiting, .. } = stop.reason else { panic!("{text}") };
    assert_eq!((waiting.iter().count(), waiting.count("task-29"), waiting.count("nobody")), (31, 1, 0));
}

#[test]
#[should_panic(expected = "deadlock: these tasks wait")]
fn run_panics_with_the_report() {
    run(1, |_rt| pending::<()>());
}

#[test]
fn virtual_time_has_a_limit() {
    let config = Config { limit: secs(10), ..Config::from(1) };
    let well = try_run(config.clone(), |rt| async move { rt.sleep(secs(10)).await });
    assert_eq!(well.expect("exactly the limit").stats.virtual_time, secs(10));
    let stop = stop(config, |rt| async move {
        let mut interval = rt.interval(secs(3));
        loop {
            interval.tick().await;
        }
    });
    let StopReason::TimeLimit { waiting, limit } = &stop.reason else { panic!("{stop}") };
    assert_eq!((waiting.count("root"), *limit), (1, secs(10)));
    assert_eq!(stop.stats.virtual_time, secs(9));
}

#[test]
fn a_livelock_is_found_and_the_busiest_are_named() {
    let config = Config { polls_per_instant_max: 20_000, ..Config::from(1) };
    let stop = stop(config, |rt| async move {
        rt.sleep(secs(1)).await;
        rt.spawn("idle", pending::<()>()).detach();
        rt.spawn("spinner", async {
            loop {
                yield_now().await;
            }
        })
        .await
        .expect("never");
    });
    let StopReason::Livelock { busiest, polls } = &stop.reason else { panic!("{stop}") };
    assert_eq!(*polls, 20_001);
    assert_eq!((busiest.count("spinner"), busiest.count("idle")), (10_000, 0));
    assert!(stop.to_string().contains("10000 x spinner"), "{stop}");
}

#[test]
fn polls_are_counted_for_each_instant_anew() {
    let config = Config { polls_per_instant_max: 100, ..Config::from(1) };
    run(config, |rt| async move {
        for _ in 0..10 {
            for _ in 0..90 {
                yield_now().await;
            }
            rt.sleep(ms(1)).await;
        }
    });
}

fn panicked(stop: &Stop) -> (&str, &str) {
    match &stop.reason {
        StopReason::Panicked { task, message } => (task, message),
        _ => panic!("{stop}"),
    }
}

#[test]
fn a_panic_nobody_sees_stops_the_run() {
    let stop = stop(1, |rt| async move {
        rt.spawn("broken", async { panic!("ouch") }).detach();
        rt.sleep(secs(100)).await;
    });
    assert_eq!(panicked(&stop), ("broken", "ouch"));
    assert_eq!(stop.stats.virtual_time, Duration::ZERO);
}

#[test]
fn a_panic_that_is_seen_does_not() {
    run(1, |rt| async move {
        let error = rt.spawn("broken", async { panic!("ouch") }).await.expect_err("it panicked");
        assert_eq!(error.to_string(), "task `broken` panicked: ouch");
        assert_eq!(rt.unobserved_panics(), 0);
    });
}

#[test]
fn a_panic_of_the_root_is_its_own() {
    let stop = stop(1, |_rt| async { panic!("{} ouch", "root") });
    assert_eq!(panicked(&stop), ("root", "root ouch"));
    let stop = self::stop(1, |_rt| -> std::future::Ready<()> { panic!("before the future") });
    assert_eq!(panicked(&stop), ("root", "before the future"));
}

#[test]
fn panics_of_raw_futures_and_jobs_and_of_destructors_fail_the_run() {
    let ended = |spawn: fn(&Rt)| {
        stop(1, |rt| async move {
            spawn(&rt);
            rt.sleep(secs(1)).await;
        })
    };
    let stop = ended(|rt| rt.runtime().spawn("raw", Box::pin(async { panic!("raw ouch") })));
    assert_eq!(panicked(&stop), ("raw", "raw ouch"));
    let stop = ended(|rt| rt.runtime().spawn_blocking("job", Box::new(|| panic!("job ouch"))));
    assert_eq!(panicked(&stop), ("job", "job ouch"));
    let stop = ended(|rt| {
        let guard = OnDrop(|| panic!("drop ouch"));
        rt.spawn("held", async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .detach();
    });
    assert_eq!(panicked(&stop), ("held", "drop ouch"));
}

#[test]
fn the_first_failure_is_the_one_reported() {
    let stop = stop(1, |rt| async move {
        rt.spawn("held", async {
            let _guard = OnDrop(|| panic!("second"));
            pending::<()>().await;
        })
        .detach();
        rt.sleep(secs(1)).await;
        panic!("first");
    });
    assert_eq!(panicked(&stop), ("root", "first"));
}

#[test]
fn every_destructor_has_run_when_the_run_returns() {
    let living = Living::default();
    let (never_polled, waiting, in_job, in_value) =
        (living.clone(), living.clone(), living.clone(), living.clone());
    let value = run(1, |rt| async move {
        rt.spawn("waiting", async move {
            let _held = waiting;
            pending::<()>().await;
        })
        .detach();
        rt.sleep(secs(1)).await;
        // Started together with the end: some seeds poll them, some do not.
        rt.spawn("never polled", async move { drop(never_polled) }).detach();
        rt.spawn_blocking("job", move || drop(in_job)).detach();
        in_value
    });
    assert_eq!(living.others(), 1);
    drop(value);
    assert_eq!(living.others(), 0);
}

#[test]
fn destructors_may_do_anything_at_the_end() {
    for seed in 0..20 {
        let (dropped, never_runs) = (Arc::new(AtomicU32::new(0)), Living::default());
        let (dropped_inside, never_inside) = (Arc::clone(&dropped), never_runs.clone());
        run(seed, |rt| async move {
            let mut listener = rt.listen(([127, 0, 0, 1], 80)).await.expect("a free port");
            for _ in 0..3 {
                let (rt, dropped, never) = (rt.clone(), Arc::clone(&dropped_inside), never_inside.clone());
                let mut connection = Some(rt.connect(("localhost", 80)).await.expect("a listener"));
                let accepted = listener.accept().await.expect("a connection");
                let (sender, receiver) = oneshot::channel::<()>();
                let mut sender = Some(sender);
                rt.spawn("woken", async move { receiver.await.unwrap_or(()) }).detach();
                let mut sleep = rt.sleep(secs(9));
                let last_acts = {
                    let rt = rt.clone();
                    OnDrop(move || {
                        sender.take().expect("once").send(()).ok();
                        let never = never.clone();
                        rt.spawn("too late", async move {
                            let _never = never;
                            pending::<()>().await;
                        })
                        .detach();
                        drop(rt.spawn_blocking("too late", || panic!("it ran")));
                        sleep.reset(rt.now());
                        drop(connection.take());
                        assert!(rt.timeout(secs(1), pending::<()>()).now_or_never().is_none());
                        dropped.fetch_add(1, Ordering::Relaxed);
                    })
                };
                rt.spawn("held", async move {
                    let _held = (last_acts, accepted);
                    pending::<()>().await;
                })
                .detach();
            }
            rt.sleep(ms(10)).await;
        });
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        assert_eq!(never_runs.others(), 0);
    }
}

#[test]
fn a_handle_that_outlives_the_run_is_harmless() {
    let (rt, held) = run(1, |rt| async move {
        let never = rt.spawn("cut off", pending::<()>());
        let listener = rt.listen(([127, 0, 0, 1], 80)).await.expect("a free port");
        let client = rt.connect(("localhost", 80)).await.expect("a listener");
        (rt, (never, listener, client))
    });
    let (never, listener, client) = held;
    assert!(never.now_or_never().expect("ended").expect_err("cut off").is_cancelled());
    drop((client, listener));
    let late = Living::default();
    let inside = late.clone();
    let task = rt.spawn("late", async move { drop(inside) });
    assert_eq!(late.others(), 0);
    assert!(task.now_or_never().expect("ended").expect_err("never ran").is_cancelled());
    let job = rt.spawn_blocking("late", || panic!("it ran"));
    assert!(job.now_or_never().expect("ended").expect_err("never ran").is_cancelled());
    assert!(rt.listen(([127, 0, 0, 1], 80)).now_or_never().expect("at once").is_err());
}

#[test]
fn nothing_leaks_whatever_holds_the_runtime() {
    // Held by a task, a timer's waker, a queued connection and the network's own hook: each a cycle, were it not cut.
    let living = Living::default();
    let network = Network::default();
    let inside = (living.clone(), network.clone());
    for ends_well in [true, false] {
        let (living, network) = inside.clone();
        let config = Config { network: network.clone(), ..Config::from(1) };
        let ended = try_run(config, |rt| async move {
            let hook = (rt.clone(), living.clone());
            network.wrap(move |connection, _info| {
                let _held = &hook;
                connection
            });
            let held = (rt.clone(), living.clone());
            rt.spawn("holder", async move {
                held.0.sleep(secs(3)).await;
                drop(held);
            })
            .detach();
            let listener = rt.listen(([127, 0, 0, 1], 80)).await.expect("a free port");
            let client = rt.connect(("localhost", 80)).await.expect("a listener");
            let held = (listener, client, living);
            rt.spawn("server", async move {
                let _held = held;
                pending::<()>().await;
            })
            .detach();
            rt.sleep(secs(1)).await;
            if !ends_well {
                pending::<()>().await;
            }
        });
        assert_eq!(ended.is_ok(), ends_well);
    }
    drop((inside, network));
    assert_eq!(living.others(), 0);
}

#[test]
fn statistics_count_what_happened() {
    let stats = try_run(1, |rt| async move {
        rt.spawn("one", async {}).await.expect("no panic");
        rt.spawn_blocking("two", || ()).await.expect("no panic");
        rt.sleep(secs(1)).await;
    });
    let stats = stats.expect("well").stats;
    assert_eq!((stats.tasks, stats.time_jumps, stats.foreign_wakes), (2, 1, 0));
    assert_eq!((stats.virtual_time, stats.polls >= 5), (secs(1), true));
    assert_ne!(stats.digest, 0);
}
