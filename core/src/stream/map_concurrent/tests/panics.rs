use futures::{FutureExt, StreamExt, stream};

use super::{Concurrency, Order, SECOND, concurrency};
use crate::{
    rt::{JoinError, yield_now},
    stream::RtStreamExt,
    testing::{self, StopReason, for_each_seed, try_run},
};

fn text<T>(result: Result<T, JoinError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

#[test]
fn a_panic_is_the_result_of_its_item_alone() {
    for_each_seed(0..20, |rt| async move {
        let map = |number: u32| {
            assert_ne!(number, 1, "in the closure");
            async move {
                assert_ne!(number, 2, "at once");
                yield_now().await;
                assert_ne!(number, 3, "later");
                number
            }
        };
        for order in [Order::Kept, Order::AsCompleted] {
            let results = stream::iter(0..6).map_concurrent(&rt, concurrency(2, 1, order), map).unwrap();
            let mut results = results;
            let all: Vec<_> = results.by_ref().map(text).collect().await;
            let panics: Vec<_> = all.iter().filter_map(|result| result.as_ref().err()).collect();
            assert_eq!(panics.len(), 3);
            for what in ["in the closure", "at once", "later"] {
                assert!(panics.iter().any(|panic| panic.contains(what)), "{panics:?}");
            }
            if order == Order::Kept {
                let good: Vec<_> = all.iter().map(|result| result.as_ref().ok()).collect();
                assert_eq!(good, [Some(&0), None, None, None, Some(&4), Some(&5)]);
            }
            assert_eq!((results.stats().panicked, results.stats().handed_over), (3, 6));
        }
    });
}

#[test]
fn whoever_waits_is_woken_by_a_panic_of_the_source() {
    for_each_seed(0..20, |rt| async move {
        let source = stream::iter(0..9).inspect(|number| assert_ne!(*number, 1, "boom"));
        let later = rt.clone();
        let map = move |number| {
            let rt = later.clone();
            async move {
                rt.sleep(SECOND).await;
                number
            }
        };
        let mut results = source.map_concurrent(&rt, concurrency(1, 0, Order::AsCompleted), map).unwrap();
        assert_eq!(results.next().await.map(text), Some(Ok(0)));
        assert!(results.next().await.map(text).unwrap().unwrap_err().contains("boom"));
        assert!(results.next().await.is_none());
    });
}

#[test]
fn a_panic_of_the_source_is_the_last_that_begins() {
    for_each_seed(0..20, |rt| async move {
        let source = stream::iter(0..9).inspect(|number| assert_ne!(*number, 3, "boom"));
        let map = |number| async move {
            yield_now().await;
            number
        };
        let results = source.map_concurrent(&rt, concurrency(2, 9, Order::Kept), map).unwrap();
        let all: Vec<_> = results.map(text).collect().await;
        let panic = "task `stream.map_concurrent` panicked: assertion `left != right` failed: boom";
        assert_eq!(all[..3], [Ok(0), Ok(1), Ok(2)]);
        assert!(all[3].as_ref().unwrap_err().starts_with(panic), "{all:?}");
        assert_eq!(all.len(), 4);
    });
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

fn reported(ended: Result<testing::Finished<()>, testing::Stop>) -> String {
    match ended.expect_err("a panic nobody saw").reason {
        StopReason::Panicked { task, message } => {
            assert_eq!(task, "stream.map_concurrent");
            message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_destructor_that_panics_is_reported_and_its_result_is_kept() {
    let ended = try_run(1, |rt| async move {
        let map = |number: u32| {
            let bomb = (number == 1).then_some(Bomb);
            async move {
                let _bomb = &bomb;
                number
            }
        };
        let results = stream::iter(0..3).map_concurrent(&rt, Concurrency::default(), map).unwrap();
        let all: Vec<_> = results.map(|result| result.unwrap()).collect().await;
        assert_eq!(all, [0, 1, 2]);
        rt.sleep(SECOND).await;
    });
    assert_eq!(reported(ended), "a destructor");
}

#[test]
fn a_source_whose_destructor_panics_still_ends() {
    let ended = try_run(1, |rt| async move {
        let bomb = Bomb;
        let source = stream::iter(0..3).inspect(move |_| {
            let _ = &bomb;
        });
        let results = source.map_concurrent(&rt, Concurrency::default(), async |number| number).unwrap();
        assert_eq!(results.count().await, 3);
        rt.sleep(SECOND).await;
    });
    assert_eq!(reported(ended), "a destructor");
}

#[test]
fn a_panic_nobody_took_is_reported() {
    for early in [true, false] {
        let ended = try_run(1, |rt| async move {
            let map = |number: u32| async move {
                if number == 1 {
                    panic!("lost");
                }
            };
            let mut results = stream::iter(0..2).map_concurrent(&rt, Concurrency::default(), map).unwrap();
            if early {
                results.next().await.unwrap().unwrap();
            } else {
                assert!(results.next().now_or_never().is_none());
            }
            rt.sleep(SECOND).await;
            drop(results);
            rt.sleep(SECOND).await;
        });
        assert_eq!(reported(ended), "lost");
    }
}
