//! What happens to a host's tasks, timers, jobs and date.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures::FutureExt;
use seaworthy_sim::{
    engine::{Engine, Run},
    fault::{FaultKind, Schedule},
    scenario::Host,
};

use super::play::{BEGIN, END, SLACK, Seen, effects, fault, ms, play, until};

/// Runs `work` as the `main` of the host that suffers.
fn suffer<F>(
    engine: Engine,
    schedule: Schedule,
    work: impl Fn(Host) -> F + Clone + Send + Sync + 'static,
) -> Run
where
    F: Future<Output = ()> + Send + 'static,
{
    play(engine, schedule, |stage| {
        let work = work.clone();
        stage.client("server", move |host| {
            let work = work(host);
            async move {
                work.await;
                Ok(())
            }
        });
    })
}

#[test]
fn nothing_of_a_paused_host_runs_and_it_goes_on_at_once_afterwards() {
    for engine in Engine::ALL {
        let turns = Seen::new();
        let seen = turns.clone();
        let run = suffer(*engine, fault(FaultKind::Pause, 0), move |host| {
            let seen = seen.clone();
            async move {
                let tick = async |name: &'static str, host: Host, seen: Seen<(Duration, &'static str)>| {
                    while host.now() < ms(5000) {
                        seen.add((host.now(), name));
                        host.rt().sleep(ms(10)).await;
                    }
                };
                let task = host.rt().spawn("task", tick("task", host.clone(), seen.clone()));
                tick("main", host.clone(), seen.clone()).await;
                task.await.expect("it ends well");
            }
        });
        let turns = turns.take();
        assert!(!turns.iter().any(|(at, _)| (BEGIN + ms(5)..END).contains(at)), "{engine}");
        for name in ["main", "task"] {
            let is_back = |turn: &&(Duration, &str)| turn.1 == name && (END..END + SLACK).contains(&turn.0);
            assert!(turns.iter().find(is_back).is_some(), "{engine}: {name}");
        }
        assert_eq!(effects(&run, FaultKind::Pause), 2, "{engine}: one of each task");
    }
}

#[test]
fn tasks_come_late_to_their_turns_and_none_is_forgotten() {
    for engine in Engine::ALL {
        let turns = Seen::new();
        let seen = turns.clone();
        let run = suffer(*engine, fault(FaultKind::SlowTasks, 150), move |host| {
            let seen = seen.clone();
            async move {
                while host.now() < ms(5000) {
                    let due = host.now() + ms(10);
                    host.rt().sleep(ms(10)).await;
                    seen.add((due, host.now() - due));
                }
            }
        });
        let turns = turns.take();
        let late = turns.iter().filter(|(_, late)| *late > ms(15)).collect::<Vec<_>>();
        assert!(late.len() > 3, "{engine}");
        assert!(
            late.iter().all(|(due, late)| (BEGIN - SLACK..END).contains(due) && *late <= ms(330)),
            "{late:?}"
        );
        assert!(effects(&run, FaultKind::SlowTasks) >= late.len() as u64);
    }
}

#[test]
fn timers_fire_late_and_never_early_nor_after_the_end_of_the_fault() {
    for engine in Engine::ALL {
        let fired = Seen::new();
        let seen = fired.clone();
        let run = suffer(*engine, fault(FaultKind::LateTimers, 400), move |host| {
            let seen = seen.clone();
            async move {
                let mut timer = host.rt().sleep(ms(0));
                while host.now() < ms(5000) {
                    let due = host.now() + ms(10);
                    // One timer, used again and again: it must wake its task each time.
                    timer.reset(host.rt().now() + ms(10));
                    (&mut timer).await;
                    seen.add((due, host.now()));
                }
            }
        });
        let fired = fired.take();
        let early = fired.iter().filter(|(due, at)| at < due).collect::<Vec<_>>();
        assert!(early.is_empty(), "{engine}: {early:?}");
        let late = fired.iter().filter(|(due, at)| *at - *due > ms(15)).collect::<Vec<_>>();
        assert!(late.len() > 3, "{engine}");
        assert!(late.iter().all(|(due, at)| *due >= BEGIN && *at < END + SLACK), "{engine}: {late:?}");
        assert!(effects(&run, FaultKind::LateTimers) >= late.len() as u64);
    }
}

#[test]
fn a_timer_that_is_late_can_still_be_moved() {
    for engine in Engine::ALL {
        suffer(*engine, fault(FaultKind::LateTimers, 400), |host| async move {
            until(&host, BEGIN + ms(500)).await;
            for _ in 0..20 {
                let mut timer = host.rt().sleep(ms(5));
                assert!((&mut timer).now_or_never().is_none());
                let moved = host.now() + ms(600);
                timer.reset(host.rt().now() + ms(600));
                timer.await;
                assert!(host.now() >= moved, "{:?} is before {moved:?}", host.now());
            }
        });
    }
}

#[test]
fn tasks_are_polled_for_nothing_without_end_of_it() {
    for engine in Engine::ALL {
        let polls = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&polls);
        let run = suffer(*engine, fault(FaultKind::SpuriousWakes, 0), move |host| {
            let counter = Arc::clone(&counter);
            async move {
                for _ in 0..400 {
                    let (mut sleep, mut here) = (host.rt().sleep(ms(10)), 0);
                    futures::future::poll_fn(|cx| {
                        here += 1;
                        assert!(here <= 3, "two for nothing in a row");
                        counter.fetch_add(1, Ordering::Relaxed);
                        std::pin::Pin::new(&mut sleep).poll(cx)
                    })
                    .await;
                }
            }
        });
        let spurious = effects(&run, FaultKind::SpuriousWakes);
        assert!(spurious > 10, "{engine}: {spurious}");
        assert_eq!(polls.load(Ordering::Relaxed), 800 + spurious, "{engine}");
    }
}

#[test]
fn blocking_jobs_begin_late_and_no_later_than_the_fault_lasts() {
    for engine in Engine::ALL {
        let run = suffer(*engine, fault(FaultKind::SlowBlocking, 1500), |host| async move {
            let mut late = 0;
            while host.now() < ms(5000) {
                let (asked, clock) = (host.now(), host.clone());
                let job = host.rt().spawn_blocking("job", move || clock.now());
                let began = job.await.expect("it ends well");
                if began - asked > SLACK {
                    late += 1;
                    assert!(asked >= BEGIN && began < END + SLACK, "{began:?}");
                }
                host.rt().sleep(ms(50)).await;
            }
            assert!(late >= 2, "{late}");
        });
        assert!(effects(&run, FaultKind::SlowBlocking) >= 2);
    }
}

#[test]
fn a_blocking_job_that_is_late_can_be_cancelled_and_ends_with_its_host() {
    for engine in Engine::ALL {
        let has_run = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&has_run);
        suffer(*engine, fault(FaultKind::SlowBlocking, 1900), move |host| {
            let flag = Arc::clone(&flag);
            async move {
                until(&host, BEGIN + SLACK).await;
                for cancels in [true, false] {
                    let flag = Arc::clone(&flag);
                    let job = host.rt().spawn_blocking("job", move || flag.store(true, Ordering::Relaxed));
                    if cancels {
                        assert!(job.cancel().await.is_err());
                    } else {
                        job.detach();
                    }
                }
            }
        });
        // The host's end came first, with this seed.
        assert!(!has_run.load(Ordering::Relaxed), "{engine}");
    }
}

#[test]
fn the_date_jumps_and_the_clock_does_not() {
    for engine in Engine::ALL {
        let run = suffer(*engine, fault(FaultKind::WallClockJump, 3_600_000), |host| async move {
            let (date, clock) = (host.rt().wall_clock(), host.rt().now());
            for (at, jump) in [(500, 0), (1500, 3_600_000), (2500, 3_600_000), (3500, 0)] {
                until(&host, ms(at)).await;
                let passed = host.rt().now() - clock;
                let dated = host.rt().wall_clock().duration_since(date).expect("it goes on");
                assert_eq!(dated, passed + ms(jump));
            }
        });
        assert_eq!(effects(&run, FaultKind::WallClockJump), 2);
    }
}

#[test]
fn a_paused_host_does_not_run_what_it_is_woken_for_by_others() {
    for engine in Engine::ALL {
        let polls = Seen::new();
        let seen = polls.clone();
        suffer(*engine, fault(FaultKind::Pause, 0), move |host| {
            let seen = seen.clone();
            async move {
                let event = Arc::new(futures::task::AtomicWaker::new());
                let (registered, clock) = (Arc::clone(&event), host.clone());
                let task = host.rt().spawn("woken", async move {
                    futures::future::poll_fn(|cx| {
                        registered.register(cx.waker());
                        seen.add(clock.now());
                        if clock.now() > ms(4000) { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                });
                let _waking = host.rt().clone();
                while !task.is_finished() {
                    event.wake();
                    host.rt().sleep(ms(25)).await;
                }
            }
        });
        assert!(!polls.take().iter().any(|at| (BEGIN + ms(5)..END).contains(at)), "{engine}");
    }
}

#[test]
fn each_pause_counts() {
    for engine in Engine::ALL {
        let mut schedule = fault(FaultKind::Pause, 0);
        schedule.faults.push(seaworthy_sim::fault::Fault { at_ms: 4000, ..schedule.faults[0].clone() });
        schedule.faults[1].lasts_ms = 500;
        let run = suffer(*engine, schedule, |host| async move {
            while host.now() < ms(5000) {
                host.rt().sleep(ms(20)).await;
            }
        });
        assert_eq!(effects(&run, FaultKind::Pause), 2, "{engine}");
    }
}
