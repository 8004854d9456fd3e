//! How a runtime of `run` ends, and what is left of an `Rt` after that.

use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use futures::executor::block_on;
use seaworthy_smol::{Config, Rt, run, run_with};

const THREADS: [usize; 2] = [1, 3];

fn threaded(threads: usize) -> Config {
    Config { worker_threads: Some(threads), ..Config::default() }
}

/// A destructor that takes its time: it is at work until somebody answers its call.
struct SlowDrop {
    begun: Sender<()>,
    go: Receiver<()>,
    done: Arc<AtomicBool>,
}

impl Drop for SlowDrop {
    fn drop(&mut self) {
        self.begun.send(()).expect("the test listens");
        self.go.recv().expect("the test answers");
        self.done.store(true, Ordering::SeqCst);
    }
}

#[test]
fn all_destructors_have_run_when_it_returns_however_short_the_timeout() {
    for threads in THREADS {
        let config = Config { shutdown_timeout: Duration::ZERO, ..threaded(threads) };
        let ((begun, has_begun), (answer, go)) = (channel(), channel());
        let done = Arc::new(AtomicBool::new(false));
        let slow = SlowDrop { begun, go, done: Arc::clone(&done) };
        let answering = thread::spawn(move || {
            has_begun.recv().expect("the destructor begins");
            // Gives a `run` that does not wait every chance to return first.
            (0..1000).for_each(|_| thread::yield_now());
            answer.send(()).expect("the destructor waits");
        });
        run_with(config, async |rt| {
            rt.spawn("slow to end", async move {
                let _slow = slow;
                pending::<()>().await;
            })
            .detach();
            rt.spawn("barrier", async {}).await.expect("it ends");
        })
        .expect("a runtime");
        assert!(done.load(Ordering::SeqCst), "{threads} threads");
        answering.join().expect("no panic");
    }
}

#[test]
fn tasks_that_hold_the_handle_are_no_cycle() {
    for threads in THREADS {
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        run_with(threaded(threads), async |rt| {
            for _ in 0..100 {
                let (inner, held) = (rt.clone(), Arc::clone(&held));
                let waits = async move {
                    let _held = held;
                    inner.sleep(Duration::from_secs(3600)).await;
                };
                rt.spawn("holds its runtime", waits).detach();
            }
            drop(held);
        })
        .expect("a runtime");
        assert_eq!(weak.strong_count(), 0, "{threads} threads");
    }
}

#[test]
fn a_panic_of_the_root_future_comes_out_after_the_tasks_are_gone() {
    for threads in THREADS {
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        let payload = catch_unwind(AssertUnwindSafe(|| {
            run_with(threaded(threads), async |rt| {
                let task = rt.spawn("waits", async move {
                    let _held = held;
                    pending::<()>().await;
                });
                task.detach();
                panic!("the root's own words");
            })
        }))
        .expect_err("it panics");
        assert_eq!(payload.downcast_ref(), Some(&"the root's own words"));
        assert_eq!(weak.strong_count(), 0, "{threads} threads");
    }
}

#[test]
fn a_stuck_blocking_job_holds_up_the_end_no_longer_than_the_timeout() {
    let ((free, stuck), (ended, has_ended)) = (channel::<()>(), channel());
    let config = Config { shutdown_timeout: Duration::from_millis(1), ..Config::default() };
    run_with(config, async |rt| {
        let (begun, has_begun) = channel();
        let job = rt.spawn_blocking("stuck", move || {
            begun.send(()).expect("the root waits");
            stuck.recv().expect_err("it is set free");
            ended.send(()).expect("the test waits");
        });
        job.detach();
        has_begun.recv().expect("the job begins");
    })
    .expect("a runtime");
    // Were the end to wait for it, this line would never be reached.
    assert!(has_ended.try_recv().is_err());
    drop(free);
    has_ended.recv().expect("the job ends by itself");
}

#[test]
fn a_running_blocking_job_is_waited_for() {
    for threads in THREADS {
        let done = Arc::new(AtomicBool::new(false));
        run_with(threaded(threads), async |rt| {
            let (begun, has_begun) = channel();
            let (free, waits) = channel::<()>();
            let job_done = Arc::clone(&done);
            let running = rt.spawn_blocking("running", move || {
                begun.send(()).expect("the root waits");
                waits.recv().expect_err("the task's end sets it free");
                // Gives a `run` that does not wait every chance to return first.
                (0..1000).for_each(|_| thread::yield_now());
                job_done.store(true, Ordering::SeqCst);
            });
            running.detach();
            has_begun.recv().expect("the job begins");
            let holds = rt.spawn("holds the job up until the end", async move {
                let _free = free;
                pending::<()>().await;
            });
            holds.detach();
        })
        .expect("a runtime");
        assert!(done.load(Ordering::SeqCst), "{threads} threads");
    }
}

#[test]
fn a_run_inside_a_task_has_a_runtime_of_its_own() {
    let (outer, inner) = run(async |rt| {
        let inner = run(async |rt| rt.spawn("inner", async { 2 }).await.expect("no panic"));
        (rt.spawn("outer", async { 1 }).await.expect("no panic"), inner)
    });
    assert_eq!((outer, inner), (1, 2));
}

#[test]
fn after_the_end_tasks_and_jobs_are_cancelled_and_timers_and_sockets_go_on() {
    for threads in THREADS {
        let rt = run_with(threaded(threads), async |rt| rt).expect("a runtime");
        assert!(block_on(rt.spawn("late", async {})).expect_err("no runtime").is_cancelled());
        assert!(block_on(rt.spawn_blocking("late", || ())).expect_err("no runtime").is_cancelled());
        block_on(rt.sleep(Duration::from_millis(1)));
        block_on(rt.listen(([127, 0, 0, 1], 0))).expect("a port");
        block_on(rt.resolve("localhost", 9)).expect("an address");
    }
}

#[test]
fn a_task_spawned_by_a_destructor_at_the_end_is_dropped_too() {
    struct SpawnsOnDrop(Rt, Arc<()>);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let held = Arc::clone(&self.1);
            let task = self.0.spawn("late", async move {
                let _held = held;
                pending::<()>().await;
            });
            task.detach();
        }
    }
    for threads in THREADS {
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        run_with(threaded(threads), async |rt| {
            let spawns = SpawnsOnDrop(rt.clone(), held);
            let task = rt.spawn("spawns at its end", async move {
                let _spawns = spawns;
                pending::<()>().await;
            });
            task.detach();
        })
        .expect("a runtime");
        assert_eq!(weak.strong_count(), 0, "{threads} threads");
    }
}
