use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures::{StreamExt, stream};
use parking_lot::Mutex;

use super::{super::Batch, by_count};
use crate::{
    stream::{Batches, RtStreamExt},
    testing,
};

fn poll<S: futures::Stream + Unpin>(stream: &mut S) -> Result<Poll<Option<S::Item>>, ()> {
    let mut cx = Context::from_waker(Waker::noop());
    catch_unwind(AssertUnwindSafe(|| stream.poll_next_unpin(&mut cx))).map_err(drop)
}

#[test]
fn a_panic_of_the_source_loses_nothing_that_was_collected() {
    testing::run(1, |rt| async move {
        let mut next = 0;
        let source = stream::poll_fn(move |_| {
            next += 1;
            assert_ne!(next, 3, "boom");
            Poll::Ready((next < 6).then_some(next))
        });
        let mut batches = source.batches(&rt, by_count(9)).unwrap();
        assert_eq!(poll(&mut batches), Err(()));
        assert_eq!(poll(&mut batches), Ok(Poll::Ready(Some(vec![1, 2, 4, 5]))));
        assert_eq!(poll(&mut batches), Ok(Poll::Ready(None)));
    });
}

#[test]
fn a_panic_of_the_size_function_loses_its_item_alone() {
    testing::run(1, |rt| async move {
        for bad in 0..6 {
            let size = move |item: &i32| {
                assert_ne!(*item, bad, "boom");
                1
            };
            let config = Batch { bytes_max: Some(4), ..by_count(9) };
            let mut batches = stream::iter(0..6).batches_sized(&rt, config, size).unwrap();
            let mut all = Vec::new();
            let mut panics = 0;
            loop {
                match poll(&mut batches) {
                    Ok(Poll::Ready(Some(batch))) => all.extend(batch),
                    Ok(Poll::Ready(None)) => break,
                    Ok(Poll::Pending) => panic!("the source is always ready"),
                    Err(()) => panics += 1,
                }
            }
            assert_eq!(panics, 1);
            assert_eq!(all, (0..6).filter(|item| *item != bad).collect::<Vec<_>>());
        }
    });
}

/// Comes back to the stream it was collected in when it is dropped.
struct Reentrant {
    owner: Arc<Mutex<Option<Owner>>>,
    drops: Arc<Mutex<u32>>,
}

type Owner = Batches<stream::Iter<std::vec::IntoIter<Reentrant>>>;

impl Drop for Reentrant {
    fn drop(&mut self) {
        *self.drops.lock() += 1;
        if let Some(mut owner) = self.owner.try_lock()
            && let Some(batches) = &mut *owner
        {
            assert!(poll(batches).is_ok());
        }
    }
}

#[test]
fn the_destructor_of_an_item_may_use_the_stream_it_came_from() {
    testing::run(1, |rt| async move {
        let (owner, drops) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(0)));
        let items: Vec<_> =
            (0..9).map(|_| Reentrant { owner: Arc::clone(&owner), drops: Arc::clone(&drops) }).collect();
        *owner.lock() = Some(stream::iter(items).batches(&rt, by_count(2)).unwrap());
        let first = owner.lock().as_mut().map(|batches| poll(batches).expect("no panic"));
        drop(first);
        assert_eq!(*drops.lock(), 6, "each of the two took another batch and dropped it");
        drop(owner.lock().take());
    });
}
