use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Context,
};

use futures::FutureExt;
use parking_lot::Mutex;

use super::{
    super::strangers::{calling, counting, grumpy},
    *,
};

#[test]
fn cancelling_reaches_all_below_and_nobody_else() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let (below_left, clone_of_left) = (left.child(), left.clone());
    left.cancel();
    let cancelled = [&root, &left, &clone_of_left, &below_left, &right].map(CancelToken::is_cancelled);
    assert_eq!(cancelled, [false, true, true, true, false]);
    assert!(left.child().is_cancelled());
    assert!(!right.child().is_cancelled());
    left.cancel();
    root.cancel();
    assert!(right.is_cancelled());
}

#[test]
fn everyone_who_waits_is_woken() {
    for_each_seed(0..20, |rt| async move {
        let root = CancelToken::new();
        let child = root.child();
        let waiters: Vec<_> = (0..10)
            .map(|number| {
                let token = if number % 2 == 0 { root.clone() } else { child.clone() };
                rt.spawn("waiter", async move { token.cancelled().await })
            })
            .collect();
        yield_now().await;
        root.cancel();
        for waiter in waiters {
            waiter.await.expect("no panic");
        }
        assert!(root.cancelled().now_or_never().is_some());
    });
}

#[test]
fn a_guard_cancels_when_it_is_dropped() {
    let token = CancelToken::new();
    let guard = token.clone().drop_guard();
    assert!(!token.is_cancelled());
    drop(guard);
    assert!(token.is_cancelled());
}

#[test]
fn a_result_wins_over_a_cancellation() {
    run(1, |rt| async move {
        let token = CancelToken::new();
        assert_eq!(token.run_until_cancelled(async { 5 }).await, Some(5));
        let dropped = Flag::default();
        let guard = dropped.on_drop();
        let inside = token.clone();
        let task = rt.spawn("cut", async move {
            let future = async move {
                let _guard = guard;
                pending::<()>().await;
            };
            inside.run_until_cancelled(future).await
        });
        rt.sleep(ms(1)).await;
        token.cancel();
        assert_eq!(task.await.expect("no panic"), None);
        assert!(dropped.is_set());
        assert_eq!(token.run_until_cancelled(async { 5 }).await, Some(5));
    });
}

/// Deep enough to overflow the stack of a thread many times, were it walked by recursion.
const DEEP: usize = 100_000;

fn chain() -> (CancelToken, Vec<CancelToken>) {
    let root = CancelToken::new();
    let mut below = vec![root.child()];
    for place in 1..DEEP {
        below.push(below[place - 1].child());
    }
    (root, below)
}

#[test]
fn a_deep_tree_is_cancelled_and_dropped_without_recursion() {
    let (root, mut below) = chain();
    let leaf = below.pop().expect("the last");
    drop(below);
    root.cancel();
    assert!(leaf.is_cancelled());
    // The leaf alone holds the whole chain now.
    drop(root);
    drop(leaf);
    let (root, below) = chain();
    drop(root);
    for token in below {
        drop(token);
    }
}

#[test]
fn a_dropped_child_leaves_its_place() {
    let root = CancelToken::new();
    let kept = root.child();
    for _ in 0..1000 {
        drop(root.child());
    }
    assert_eq!(root.children(), 1);
    drop(kept);
    assert_eq!(root.children(), 0);
}

#[test]
fn a_shielded_task_outlives_its_caller_by_its_grace_and_no_longer() {
    for (needs, comes_to_its_end) in [(secs(2), true), (secs(4), false)] {
        run(1, |rt| async move {
            let (ended, dropped) = (Flag::default(), Flag::default());
            let (inside, guard, inner) = (ended.clone(), dropped.on_drop(), rt.clone());
            let shield = rt.shield("audit", secs(3), async move {
                let _guard = guard;
                inner.sleep(secs(10)).await;
                inner.sleep(needs).await;
                inside.set();
            });
            // The grace counts from the drop: ten seconds with a caller cost nothing of it.
            assert!(rt.timeout(secs(10), shield).await.is_err());
            rt.sleep(ms(3_001)).await;
            assert_eq!((ended.is_set(), dropped.is_set()), (comes_to_its_end, true));
        });
    }
}

#[test]
fn a_shield_returns_the_value_or_the_panic() {
    run(1, |rt| async move {
        let inner = rt.clone();
        let audit = async move {
            inner.sleep(secs(60)).await;
            "written"
        };
        // With its caller there, it has all the time it needs.
        assert_eq!(rt.shield("audit", ms(1), audit).await.expect("no panic"), "written");
        let error = rt.shield("audit", ms(1), async { panic!("ouch") }).await.expect_err("it panicked");
        assert_eq!(error.to_string(), "task `audit` panicked: ouch");
    });
    let reported = unobserved(1, |rt| async move {
        drop(rt.shield("audit", secs(1), async { panic!("nobody sees it") }));
        rt.sleep(secs(2)).await;
    });
    assert_eq!(reported, ("audit".to_owned(), "nobody sees it".to_owned()));
}

#[test]
fn a_cancel_wakes_everyone_who_waits_for_the_token() {
    run(1, |rt| async move {
        let token = CancelToken::new();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let token = token.clone();
                rt.spawn("waiting", async move { token.cancelled().await })
            })
            .collect();
        rt.sleep(secs(1)).await;
        token.cancel();
        for waiting in waiting {
            waiting.await.unwrap();
        }
    });
}

#[test]
fn a_waker_may_come_back_to_the_token() {
    let token = CancelToken::new();
    let held = Arc::new(Mutex::new(vec![token.cancelled(), token.cancelled(), token.cancelled()]));
    let (mut first, mut second) = (token.cancelled(), token.cancelled());
    let comes_back = calling({
        let (token, held) = (token.clone(), held.clone());
        move || {
            // What waits in a future that the last waker of its task drops.
            let gone = held.lock().pop();
            drop(gone);
            assert!(token.cancelled().now_or_never().is_some());
            assert!(token.child().is_cancelled());
        }
    });
    for waiting in held.lock().iter_mut() {
        assert!(waiting.poll_unpin(&mut Context::from_waker(&comes_back)).is_pending());
    }
    assert!(first.poll_unpin(&mut Context::from_waker(&comes_back)).is_pending());
    drop(held.lock().pop());
    assert!(second.poll_unpin(&mut Context::from_waker(&comes_back)).is_pending());
    drop(first);
    token.cancel();
    assert!(held.lock().is_empty());
    assert!(second.now_or_never().is_some());
}

#[test]
fn a_waker_that_panics_leaves_nobody_asleep() {
    let (token, woken) = (CancelToken::new(), Arc::new(AtomicUsize::new(0)));
    let below = token.child();
    let mut waiting = [(); 4].map(|()| token.cancelled());
    let mut waiting_below = below.cancelled();
    for (number, waiting) in waiting.iter_mut().enumerate() {
        let waker = if number % 2 == 0 { grumpy() } else { counting(&woken) };
        assert!(waiting.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(waiting_below.poll_unpin(&mut Context::from_waker(&counting(&woken))).is_pending());
    token.cancel();
    assert_eq!(woken.load(Ordering::Relaxed), 3);
}

#[test]
fn the_waker_of_the_last_poll_is_woken_and_of_the_dropped_none() {
    let (token, old, new) = (CancelToken::new(), Arc::default(), Arc::default());
    let (mut waiting, mut dropped) = (token.cancelled(), token.cancelled());
    for woken in [&old, &new, &new] {
        assert!(waiting.poll_unpin(&mut Context::from_waker(&counting(woken))).is_pending());
        assert!(dropped.poll_unpin(&mut Context::from_waker(&counting(&old))).is_pending());
    }
    drop(dropped);
    token.cancel();
    assert_eq!((old.load(Ordering::Relaxed), new.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn a_future_that_is_dropped_leaves_no_waker_behind() {
    run(1, |rt| async move {
        let (token, scope, woken) = (CancelToken::new(), Scope::new(&rt), Arc::default());
        scope.spawn("child", pending());
        {
            let waker = counting(&woken);
            let cx = &mut Context::from_waker(&waker);
            let (mut cancelled, mut join) = (token.cancelled(), Box::pin(scope.join()));
            assert!(cancelled.poll_unpin(cx).is_pending() && join.poll_unpin(cx).is_pending());
        }
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

#[test]
fn a_cancel_on_another_thread_is_never_missed() {
    let tokens: Vec<_> = (0..5_000).map(|_| CancelToken::new()).collect();
    let waiting = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for (number, token) in tokens.iter().enumerate() {
                while waiting.load(Ordering::Acquire) <= number {
                    std::thread::yield_now();
                }
                token.cancel();
            }
        });
        for token in &tokens {
            waiting.fetch_add(1, Ordering::Release);
            futures::executor::block_on(token.cancelled());
        }
    });
}
