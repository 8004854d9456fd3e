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
fn join_waits_for_every_child() {
    for_each_seed(0..20, |rt| async move {
        let (scope, done) = (Scope::new(&rt), Count::default());
        for number in 0..10 {
            let (rt, done) = (rt.clone(), done.clone());
            scope.spawn("child", async move {
                rt.sleep(secs(number)).await;
                done.add();
            });
        }
        assert_eq!((scope.len(), scope.is_empty()), (10, false));
        assert!(rt.timeout(secs(3), scope.join()).await.is_err());
        scope.join().await.expect("no panic");
        assert_eq!((done.number(), scope.len()), (10, 0));
        scope.join().await.expect("nobody to wait for");
    });
}

#[test]
fn dropping_a_scope_cancels_its_children() {
    run(1, |rt| async move {
        let (scope, dropped) = (Scope::new(&rt), Flag::default());
        let guard = dropped.on_drop();
        scope.spawn("child", async move {
            let _guard = guard;
            pending::<()>().await;
        });
        rt.sleep(ms(1)).await;
        drop(scope);
        rt.sleep(ms(1)).await;
        assert!(dropped.is_set());
    });
}

#[test]
fn cancel_returns_after_all_destructors_have_run() {
    for_each_seed(0..20, |rt| async move {
        let (scope, dropped) = (Scope::new(&rt), Count::default());
        for _ in 0..5 {
            let dropped = dropped.clone();
            let guard = OnDrop(move || dropped.add());
            scope.spawn("child", async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
        yield_now().await;
        scope.cancel().await.expect("no panic");
        assert_eq!(dropped.number(), 5);
    });
}

#[test]
fn cancel_needs_no_await() {
    run(1, |rt| async move {
        let scope = Scope::new(&rt);
        scope.spawn("child", pending());
        drop(scope.cancel());
        rt.sleep(ms(1)).await;
        assert!(scope.is_empty());
    });
}

#[test]
fn a_child_of_a_cancelled_scope_is_never_polled() {
    run(1, |rt| async move {
        let (scope, polled, dropped) = (Scope::new(&rt), Flag::default(), Flag::default());
        scope.cancel().await.expect("no panic");
        let (inside, guard) = (polled.clone(), dropped.on_drop());
        scope.spawn("late", async move {
            let _guard = guard;
            inside.set();
        });
        scope.join().await.expect("no panic");
        assert!(dropped.is_set() && !polled.is_set());
    });
}

#[test]
fn a_scope_ends_with_the_token_it_stands_below() {
    run(1, |rt| async move {
        let token = CancelToken::new();
        let (scope, other) = (Scope::below(&rt, &token), Scope::below(&rt, &token));
        scope.spawn("child", pending());
        other.spawn("child", pending());
        drop(scope.cancel());
        rt.sleep(ms(1)).await;
        assert_eq!((scope.len(), other.len(), token.is_cancelled()), (0, 1, false));
        token.cancel();
        other.join().await.expect("no panic");
    });
}

#[test]
fn a_panic_cancels_the_siblings_and_is_returned_once() {
    run(1, |rt| async move {
        let (scope, dropped) = (Scope::new(&rt), Flag::default());
        let guard = dropped.on_drop();
        scope.spawn("sibling", async move {
            let _guard = guard;
            pending::<()>().await;
        });
        scope.spawn("broken", async { panic!("ouch") });
        let error = scope.join().await.expect_err("a child panicked");
        assert_eq!(error.to_string(), "task `broken` panicked: ouch");
        assert!(dropped.is_set());
        scope.join().await.expect("it has been told");
        assert_eq!(rt.unobserved_panics(), 0);
    });
}

#[test]
fn a_panic_nobody_joins_is_reported() {
    let reported = unobserved(1, |rt| async move {
        let scope = Scope::new(&rt);
        scope.spawn("broken", async { panic!("ouch") });
        rt.sleep(ms(1)).await;
        drop(scope);
        pending::<()>().await;
    });
    assert_eq!(reported, ("broken".to_owned(), "ouch".to_owned()));
}

#[test]
fn a_panic_after_the_scope_is_gone_is_reported() {
    let reported = unobserved(1, |rt| async move {
        let place = Arc::new(Mutex::new(None));
        let (scope, inside) = (Scope::new(&rt), Arc::clone(&place));
        scope.spawn("broken", async move {
            drop(inside.lock().take());
            panic!("ouch");
        });
        *place.lock() = Some(scope);
        pending::<()>().await;
    });
    assert_eq!(reported, ("broken".to_owned(), "ouch".to_owned()));
}

#[test]
fn wakers_of_those_who_join_may_panic_and_come_back() {
    let ended = crate::testing::try_run(1, |rt| async move {
        let (scope, woken) = (Arc::new(Scope::new(&rt)), Arc::new(AtomicUsize::new(0)));
        let inside = scope.clone();
        let comes_back = calling(move || {
            assert!(inside.join().now_or_never().is_some());
        });
        let mut joining = [(); 3].map(|()| Box::pin(scope.join()));
        scope.spawn("child", async {});
        for (joining, waker) in joining.iter_mut().zip([grumpy(), comes_back, counting(&woken)]) {
            for _ in 0..2 {
                assert!(joining.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            }
        }
        scope.join().await.expect("no panic");
        assert_eq!((woken.load(Ordering::Relaxed), rt.unobserved_panics()), (1, 1));
    });
    assert!(ended.expect_err("it is reported").to_string().contains("not now"));
}
