use std::{future::poll_fn, sync::Arc};

use futures::{FutureExt, StreamExt, stream};
use parking_lot::Mutex;

use super::{super::MapConcurrent, Census, Order, SECOND, concurrency, sleeping};
use crate::{
    stream::RtStreamExt,
    testing::{for_each_drop_point, for_each_seed},
};

type Shared = Arc<Mutex<(MapConcurrent<u32>, Vec<u32>)>>;

async fn take_all(shared: Shared) {
    let next = || {
        poll_fn(|cx| {
            let (results, taken) = &mut *shared.lock();
            results.poll_next_unpin(cx).map(|next| next.map(|result| taken.push(result.unwrap())))
        })
    };
    while next().await.is_some() {}
}

#[test]
fn a_dropped_next_loses_nothing() {
    for order in [Order::Kept, Order::AsCompleted] {
        let points = for_each_drop_point(
            0..5,
            async |rt| {
                let source = stream::iter([3, 1, 2, 0, 0, 1, 2, 2]);
                let results = source.map_concurrent(&rt, concurrency(2, 1, order), sleeping(&rt)).unwrap();
                Shared::new(Mutex::new((results, Vec::new())))
            },
            async |_rt, shared| take_all(shared).await,
            async |_rt, shared| {
                take_all(shared.clone()).await;
                let mut all = shared.lock().1.clone();
                if order == Order::Kept {
                    assert_eq!(all, [3, 1, 2, 0, 0, 1, 2, 2]);
                }
                all.sort_unstable();
                assert_eq!(all, [0, 0, 1, 1, 2, 2, 2, 3]);
            },
        );
        assert!(points > 50, "{points}");
    }
}

#[test]
fn a_dropped_close_has_cancelled_all() {
    let points = for_each_drop_point(
        0..5,
        async |rt| {
            let census = Census::default();
            let seen = census.clone();
            let map = move |()| {
                let alive = seen.enter();
                async move {
                    let _alive = alive;
                    std::future::pending::<()>().await;
                }
            };
            let source = stream::iter([(); 3]).chain(stream::pending());
            let mut results = source.map_concurrent(&rt, concurrency(9, 1, Order::Kept), map).unwrap();
            assert!(results.next().now_or_never().is_none());
            rt.sleep(SECOND).await;
            assert_eq!(census.now(), 3);
            (census, Arc::new(Mutex::new(Some(results))))
        },
        async |_rt, (_, results)| {
            let close = results.lock().take().expect("once").close();
            close.await;
        },
        async |rt, (census, results)| {
            let begun = results.lock().is_none();
            rt.sleep(SECOND).await;
            assert_eq!(census.now(), if begun { 0 } else { 3 });
        },
    );
    assert!(points > 5, "{points}");
}

#[test]
fn the_consumer_may_move_to_another_task() {
    for_each_seed(0..20, |rt| async move {
        let source = stream::iter([2, 1, 1]);
        let mut results = source.map_concurrent(&rt, concurrency(1, 0, Order::Kept), sleeping(&rt)).unwrap();
        assert!(results.next().now_or_never().is_none());
        let other =
            rt.spawn("other", async move { results.map(|result| result.unwrap()).collect::<Vec<_>>().await });
        assert_eq!(other.await.unwrap(), [2, 1, 1]);
    });
}

type Owner = Arc<Mutex<Option<MapConcurrent<Reentrant>>>>;

/// Drops the stream it came from when it is dropped itself.
struct Reentrant(Owner);

impl Drop for Reentrant {
    fn drop(&mut self) {
        let owner = self.0.lock().take();
        drop(owner);
    }
}

#[test]
fn a_destructor_may_drop_the_stream_it_came_from() {
    for_each_seed(0..20, |rt| async move {
        for taken in 0..3 {
            let owner = Owner::default();
            let inside = owner.clone();
            let map = move |last: bool| {
                let result = Reentrant(inside.clone());
                async move {
                    if last {
                        // In a slot, while it works.
                        drop(result);
                        std::future::pending().await
                    } else {
                        result
                    }
                }
            };
            let source = stream::iter([false, false, true]).chain(stream::pending());
            let results = source.map_concurrent(&rt, concurrency(1, 9, Order::Kept), map).unwrap();
            *owner.lock() = Some(results);
            let next = || owner.lock().as_mut().and_then(|results| results.next().now_or_never().flatten());
            for _ in 0..taken {
                drop(next());
                rt.sleep(SECOND).await;
            }
            let left = owner.lock().take();
            assert!(left.is_none() || taken < 2);
            drop(left);
            rt.sleep(SECOND).await;
            assert_eq!(Arc::strong_count(&owner), 1, "all is gone");
        }
    });
}
