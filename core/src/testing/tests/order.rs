use std::{
    cell::Cell,
    collections::BTreeSet,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::Waker,
};

use futures::channel::oneshot;
use parking_lot::Mutex;

use super::*;

async fn order_of_four(rt: Rt) -> Vec<u32> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..4)
        .map(|number| {
            let order = Arc::clone(&order);
            rt.spawn("numbered", async move { order.lock().push(number) })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    std::mem::take(&mut *order.lock())
}

#[test]
fn seeds_reach_every_order_of_four_tasks() {
    let orders: BTreeSet<_> = (0..200).map(|seed| run(seed, order_of_four)).collect();
    assert_eq!(orders.len(), 24);
}

#[test]
fn the_same_seed_repeats_the_same_run() {
    async fn busy(rt: Rt) -> (Vec<u32>, u64) {
        let order = order_of_four(rt.clone()).await;
        let mut listener = rt.listen(([127, 0, 0, 1], 80)).await.expect("a free port");
        let client = rt.connect(("localhost", 80)).await.expect("a listener");
        listener.accept().await.expect("a connection");
        drop(client);
        (order, rt.rng("x").next_u64())
    }
    let mut digests = BTreeSet::new();
    for seed in 0..20 {
        let (first, second) = (try_run(seed, busy).expect("well"), try_run(seed, busy).expect("well"));
        assert_eq!(first.value, second.value);
        assert_eq!(first.stats, second.stats);
        digests.insert(first.stats.digest);
    }
    assert_eq!(digests.len(), 20);
}

#[test]
fn the_root_may_borrow_and_need_not_be_send() {
    let here = Rc::new(Cell::new(1));
    let mut borrowed = String::new();
    let value = run(1, |_rt| async {
        yield_now().await;
        here.set(2);
        borrowed.push('x');
        Rc::clone(&here)
    });
    assert_eq!((value.get(), borrowed.as_str()), (2, "x"));
}

#[test]
fn runs_nest() {
    let value = run(1, |rt| async move {
        rt.sleep(secs(1)).await;
        let inner = run(2, |rt| async move {
            rt.sleep(secs(1)).await;
            5
        });
        rt.sleep(secs(1)).await;
        inner
    });
    assert_eq!(value, 5);
}

#[test]
fn a_task_woken_twice_is_polled_once() {
    run(1, |rt| async move {
        let (polls, waker) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(None::<Waker>)));
        let (polls_inside, waker_inside) = (Arc::clone(&polls), Arc::clone(&waker));
        let task = rt.spawn("counted", async move {
            poll_fn(|cx| {
                *polls_inside.lock() += 1;
                *waker_inside.lock() = Some(cx.waker().clone());
                std::task::Poll::<()>::Pending
            })
            .await;
        });
        rt.sleep(ms(1)).await;
        let waker = waker.lock().clone().expect("polled by now");
        waker.wake_by_ref();
        waker.wake_by_ref();
        rt.sleep(ms(1)).await;
        assert_eq!(*polls.lock(), 2);
        // A wake for a task that has ended reaches nobody, also not the next one in its place.
        drop(task);
        rt.sleep(ms(1)).await;
        let polls_inside = Arc::clone(&polls);
        let next = poll_fn(move |_cx| {
            *polls_inside.lock() += 1;
            std::task::Poll::<()>::Pending
        });
        rt.spawn("next", next).detach();
        rt.sleep(ms(1)).await;
        assert_eq!(*polls.lock(), 3);
        waker.wake();
        rt.sleep(ms(1)).await;
        assert_eq!(*polls.lock(), 3);
    });
}

#[test]
fn a_blocking_job_runs_on_this_thread_in_an_order_of_the_seed() {
    let home = std::thread::current().id();
    let firsts: BTreeSet<_> = (0..50)
        .map(|seed| {
            run(seed, |rt| async move {
                let is_first = Arc::new(AtomicBool::new(true));
                let for_job = Arc::clone(&is_first);
                let job = rt.spawn_blocking("job", move || {
                    assert_eq!(std::thread::current().id(), home);
                    for_job.swap(false, Ordering::Relaxed)
                });
                let task = rt.spawn("task", async move { is_first.swap(false, Ordering::Relaxed) });
                let job_was_first = job.await.expect("no panic");
                assert_ne!(task.await.expect("no panic"), job_was_first);
                job_was_first
            })
        })
        .collect();
    assert_eq!(firsts.len(), 2, "the job was always first or always second");
}

#[test]
fn wakes_from_other_threads_are_counted_and_waited_for() {
    let config = Config { wait_for_threads: secs(60), ..Config::from(3) };
    let finished = std::thread::scope(|scope| {
        try_run(config, |_rt| async {
            let (sender, mut receiver) = oneshot::channel();
            let (waits, root_waits) = mpsc::channel();
            scope.spawn(move || {
                root_waits.recv().expect("the root says so");
                sender.send(7).expect("the root waits");
            });
            poll_fn(|cx| {
                let received = Pin::new(&mut receiver).poll(cx);
                waits.send(()).ok();
                received
            })
            .await
        })
    });
    let finished = finished.expect("well");
    assert_eq!((finished.value, finished.stats.foreign_wakes), (Ok(7), 1));
}

#[test]
fn other_threads_are_not_waited_for_unless_asked() {
    std::thread::scope(|scope| {
        let (run_is_over, over) = mpsc::channel::<()>();
        let stop = stop(3, |_rt| async {
            let (sender, receiver) = oneshot::channel();
            scope.spawn(move || {
                over.recv().expect("sent below");
                sender.send(7).expect_err("the root is gone");
            });
            receiver.await
        });
        run_is_over.send(()).expect("the thread waits");
        assert!(matches!(stop.reason, StopReason::Deadlock { .. }), "{stop}");
    });
}

#[test]
fn numbers_come_from_the_seed() {
    let draw = |seed| {
        run(
            seed,
            |rt| async move { [rt.runtime().random_u64(), rt.rng("a").next_u64(), rt.rng("a").next_u64()] },
        )
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let [_, first, second] = draw(1);
    assert_ne!(first, second);
}
