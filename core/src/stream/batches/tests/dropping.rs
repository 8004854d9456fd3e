use std::{future::poll_fn, sync::Arc};

use futures::{StreamExt, stream::BoxStream};
use parking_lot::Mutex;

use super::{super::Batch, by_count};
use crate::{
    rt::Rt,
    stream::{RtStreamExt, script::arriving},
    testing::for_each_drop_point,
};

/// A stream, and what came out of it.
type Shared<T> = Arc<Mutex<(BoxStream<'static, T>, Vec<T>)>>;

/// Takes `count` more, or all.
async fn take<T>(shared: &Shared<T>, count: usize) {
    for _ in 0..count {
        let next = poll_fn(|cx| {
            let (stream, taken) = &mut *shared.lock();
            stream.poll_next_unpin(cx).map(|next| next.map(|item| taken.push(item)))
        });
        if next.await.is_none() {
            return;
        }
    }
}

const ARRIVALS: [(u64, usize); 12] = [
    (0, 1),
    (0, 1),
    (100, 1),
    (900, 1),
    (1500, 1),
    (1500, 99),
    (1600, 2),
    (1700, 9),
    (1700, 9),
    (1700, 9),
    (4000, 1),
    (4100, 1),
];

#[test]
fn a_dropped_next_loses_nothing() {
    let points = for_each_drop_point(
        0..5,
        async |rt| {
            let config = Batch { bytes_max: Some(20), ..by_count(3) };
            let batches = arriving(&rt, ARRIVALS).batches_sized(&rt, config, |size| *size).unwrap();
            Shared::<Vec<usize>>::new(Mutex::new((batches.boxed(), Vec::new())))
        },
        async |_rt, shared| take(&shared, usize::MAX).await,
        async |_rt, shared| {
            take(&shared, usize::MAX).await;
            let all = shared.lock().1.concat();
            assert_eq!(all, ARRIVALS.map(|(_, size)| size));
        },
    );
    assert!(points > 60, "{points}");
}

#[test]
fn a_dropped_next_does_not_start_the_clock_again() {
    for_each_drop_point(
        0..5,
        async |rt: Rt| {
            let source = arriving(&rt, [(0, 'a'), (700, 'b'), (5000, 'c')]);
            let batches = source.batches(&rt, by_count(9)).unwrap();
            (rt.now(), Shared::<Vec<char>>::new(Mutex::new((batches.boxed(), Vec::new()))))
        },
        async |_rt, (_, shared)| take(&shared, 1).await,
        async |rt, (start, shared)| {
            if shared.lock().1.is_empty() {
                take(&shared, 1).await;
            }
            let handed_over = (rt.now() - start).as_millis();
            assert!(handed_over <= 1000, "after {handed_over} ms");
            assert_eq!(shared.lock().1, [vec!['a', 'b']]);
        },
    );
}

#[test]
fn a_dropped_next_loses_no_error() {
    let points = for_each_drop_point(
        0..5,
        async |rt| {
            let arrivals = [(0, Ok(1)), (100, Err('a')), (100, Ok(2)), (300, Err('b')), (2000, Err('c'))];
            let batches = arriving(&rt, arrivals).try_batches(&rt, by_count(9)).unwrap();
            Shared::<Result<Vec<u8>, char>>::new(Mutex::new((batches.boxed(), Vec::new())))
        },
        async |_rt, shared| take(&shared, usize::MAX).await,
        async |_rt, shared| {
            take(&shared, usize::MAX).await;
            assert_eq!(shared.lock().1, [Ok(vec![1]), Err('a'), Ok(vec![2]), Err('b'), Err('c')]);
        },
    );
    assert!(points > 20, "{points}");
}
