use futures::FutureExt;
use parking_lot::Mutex;

use super::*;

#[test]
fn a_job_returns_its_value_or_its_panic() {
    run(1, |rt| async move {
        assert_eq!(rt.spawn_blocking("job", || 6 * 7).await.expect("no panic"), 42);
        let error = rt.spawn_blocking("job", || panic!("ouch")).await.expect_err("it panicked");
        assert_eq!(error.to_string(), "task `job` panicked: ouch");
    });
}

#[test]
fn a_job_that_has_not_begun_is_removed_by_cancel_and_by_drop() {
    for_each_seed(0..20, |rt| async move {
        for cancel in [true, false] {
            let (ran, dropped) = (Flag::default(), Flag::default());
            let (inside, guard) = (ran.clone(), dropped.on_drop());
            let job = rt.spawn_blocking("never", move || {
                let _guard = guard;
                inside.set();
            });
            if cancel {
                let cancelled = job.cancel();
                assert!(dropped.is_set(), "its captures go at once");
                assert!(cancelled.await.expect_err("it never ran").is_cancelled());
            } else {
                drop(job);
                assert!(dropped.is_set(), "its captures go at once");
            }
            rt.sleep(ms(1)).await;
            assert!(!ran.is_set());
        }
    });
}

#[test]
fn a_detached_job_runs() {
    run(1, |rt| async move {
        let (ran, value_dropped) = (Flag::default(), Flag::default());
        let (inside, value) = (ran.clone(), value_dropped.on_drop());
        rt.spawn_blocking("detached", move || {
            inside.set();
            value
        })
        .detach();
        rt.sleep(ms(1)).await;
        assert!(ran.is_set() && value_dropped.is_set());
    });
}

#[test]
fn a_job_that_has_ended_keeps_its_value_against_a_cancel() {
    run(1, |rt| async move {
        let job = rt.spawn_blocking("quick", || 5);
        rt.sleep(ms(1)).await;
        assert_eq!(job.cancel().await.expect("it had ended"), 5);
    });
}

#[test]
fn a_running_job_that_is_cancelled_ends_by_itself() {
    run(1, |rt| async move {
        let handle = Arc::new(Mutex::new(None::<Task<u32>>));
        let (inside, cancelled) = (Arc::clone(&handle), Arc::new(Mutex::new(None)));
        let cancelled_inside = Arc::clone(&cancelled);
        let job = rt.spawn_blocking("job", move || {
            let mut cancel = inside.lock().take().expect("put there below").cancel();
            // It would wait for itself here, so that is refused.
            let error = (&mut cancel).now_or_never().expect("at once").expect_err("not ended");
            assert!(matches!(&error, JoinError::WouldDeadlock { task } if task == "job"), "{error}");
            *cancelled_inside.lock() = Some(cancel);
            5
        });
        *handle.lock() = Some(job);
        rt.sleep(ms(1)).await;
        let cancelled = cancelled.lock().take().expect("the job ran");
        assert_eq!(cancelled.await.expect("it was not stopped"), 5);
    });
}

#[test]
fn a_job_the_runtime_drops_has_not_ended_before_its_captures_are_gone() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    for seed in 0..10 {
        let handle = Arc::new(Mutex::new(None::<Task<()>>));
        let kept = Arc::clone(&handle);
        run(seed, |rt| {
            let seen = Arc::clone(&seen);
            async move {
                let looking = Arc::clone(&handle);
                let guard = OnDrop(move || {
                    let is_finished = looking.lock().as_ref().expect("put there below").is_finished();
                    seen.lock().push(is_finished);
                });
                let job = rt.spawn_blocking("cut off", move || drop(guard));
                *handle.lock() = Some(job);
            }
        });
        let ended = kept.lock().take().expect("put there").now_or_never().expect("the run is over");
        assert!(ended.expect_err("it never ran").is_cancelled());
    }
    assert_eq!(*seen.lock(), [false; 10]);
}

#[test]
fn a_destructor_that_panics_in_a_removed_job_is_reported() {
    let reported = unobserved(1, |rt| async move {
        let guard = OnDrop(|| panic!("from a capture"));
        let job = rt.spawn_blocking("removed", move || drop(guard));
        assert!(job.cancel().await.expect_err("it never ran").is_cancelled());
    });
    assert_eq!(reported, ("removed".to_owned(), "from a capture".to_owned()));
}
