use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future};
use parking_lot::Mutex;

use super::super::{PriorityQueue, TryPopError, TryPushError};
use crate::{
    rt::strangers::{calling, counting, grumpy},
    testing::{self, DropPoints, for_each_seed},
};

fn queue<T>(capacity: usize) -> PriorityQueue<T> {
    PriorityQueue::new(capacity).expect("a capacity in range")
}

#[test]
fn the_highest_priority_comes_first_then_the_oldest() {
    let queue = queue(9);
    for (priority, item) in [(1, 'c'), (5, 'a'), (1, 'd'), (5, 'b'), (i32::MIN, 'e')] {
        queue.try_push(priority, item).expect("room");
    }
    let items: String = std::iter::from_fn(|| queue.try_pop().ok()).collect();
    assert_eq!(items, "abcde");
}

#[test]
fn a_full_queue_gives_the_item_back_and_an_empty_one_says_whether_to_wait() {
    let queue = queue(1);
    assert_eq!(queue.try_pop(), Err(TryPopError::Empty));
    queue.try_push(0, 'a').expect("room");
    assert_eq!(queue.try_push(9, 'b'), Err(TryPushError::Full('b')));
    queue.close();
    assert_eq!(queue.try_push(9, 'b'), Err(TryPushError::Closed('b')));
    assert_eq!(queue.try_pop(), Ok('a'), "what is left can be taken");
    assert_eq!(queue.try_pop(), Err(TryPopError::Closed));
}

#[test]
fn a_capacity_out_of_range_is_refused() {
    for capacity in [0, usize::MAX] {
        let error = PriorityQueue::<()>::new(capacity).expect_err("out of range");
        assert_eq!(error.field, "task::PriorityQueue::capacity");
    }
}

#[test]
fn close_wakes_everyone_who_waits() {
    for_each_seed(0..20, |rt| async move {
        let (empty, full) = (queue::<u8>(1), queue::<u8>(1));
        full.push(0, 1).await.expect("room");
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let empty = empty.clone();
                rt.spawn("consumer", async move { empty.pop().await })
            })
            .collect();
        let producers: Vec<_> = (0..3)
            .map(|_| {
                let full = full.clone();
                rt.spawn("producer", async move { full.push(0, 2).await.map_err(|error| error.0) })
            })
            .collect();
        rt.sleep(Duration::from_secs(1)).await;
        empty.close();
        full.close();
        for consumer in consumers {
            assert_eq!(consumer.await.expect("no panic"), None);
        }
        for producer in producers {
            assert_eq!(producer.await.expect("no panic"), Err(2), "the item comes back");
        }
        assert_eq!((full.pop().await, full.pop().await), (Some(1), None));
    });
}

#[test]
fn a_newcomer_does_not_overtake_those_who_wait() {
    testing::run(1, |rt| async move {
        let queue = queue(1);
        let mut waiting = Box::pin(queue.pop());
        assert!(poll_once(waiting.as_mut()).await.is_none());
        queue.try_push(0, 'a').expect("room");
        assert_eq!(queue.try_pop(), Err(TryPopError::Empty), "it is promised to the one who waits");
        assert_eq!(waiting.await, Some('a'));

        queue.try_push(0, 'b').expect("room");
        let mut blocked = Box::pin(queue.push(0, 'c'));
        assert!(poll_once(blocked.as_mut()).await.is_none());
        assert_eq!(queue.try_pop(), Ok('b'));
        assert_eq!(queue.try_push(9, 'd'), Err(TryPushError::Full('d')), "the place is promised");
        blocked.await.expect("open");
        assert_eq!(queue.pop().await, Some('c'));
        drop(rt);
    });
}

#[test]
fn a_waiting_consumer_gets_the_best_item_there_is_when_it_comes_to_take_it() {
    testing::run(1, |_rt| async move {
        let queue = queue(9);
        let mut waiting = Box::pin(queue.pop());
        assert!(poll_once(waiting.as_mut()).await.is_none());
        queue.try_push(1, "routine").expect("room");
        queue.try_push(9, "urgent").expect("room");
        assert_eq!(waiting.await, Some("urgent"));
    });
}

#[test]
fn each_item_is_given_to_exactly_one_consumer() {
    for_each_seed(0..50, |rt| async move {
        let queue = queue(4);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let (queue, taken, rt) = (queue.clone(), taken.clone(), rt.clone());
                rt.clone().spawn("consumer", async move {
                    let mut patience = rt.rng("patience");
                    loop {
                        // Gives up at random, and comes back.
                        let limit = Duration::from_micros(patience.below(300));
                        match rt.timeout(limit, queue.pop()).await {
                            Ok(Some(item)) => taken.lock().push(item),
                            Ok(None) => return,
                            Err(_) => rt.sleep(Duration::from_micros(50)).await,
                        }
                    }
                })
            })
            .collect();
        let producers: Vec<_> = (0..3)
            .map(|producer| {
                let (queue, rt) = (queue.clone(), rt.clone());
                rt.clone().spawn("producer", async move {
                    let mut pause = rt.rng("pause");
                    for number in 0..40 {
                        queue.push(number % 3, producer * 100 + number).await.expect("open");
                        rt.sleep(Duration::from_micros(pause.below(100))).await;
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.await.expect("no panic");
        }
        queue.close();
        for consumer in consumers {
            consumer.await.expect("no panic");
        }
        let mut taken = taken.lock().clone();
        taken.sort_unstable();
        let all: Vec<_> = (0..3).flat_map(|producer| (0..40).map(move |n| producer * 100 + n)).collect();
        assert_eq!(taken, all, "none lost, none twice");
    });
}

#[test]
fn a_dropped_pop_loses_no_item_and_no_wake_up() {
    let points = DropPoints::new(0..30).run(
        |rt| async move {
            let queue = queue(2);
            let (feeder, delay) = (queue.clone(), rt.clone());
            // One that waits behind the consumer which is dropped, and must not wait for ever.
            let second = rt.spawn("second", async move {
                delay.sleep(Duration::from_millis(1)).await;
                let inner = feeder.clone();
                let second = delay.spawn("behind", async move { inner.pop().await });
                delay.sleep(Duration::from_millis(1)).await;
                feeder.push(0, "item").await.expect("open");
                second.await.expect("no panic")
            });
            (queue, Arc::new(Mutex::new(Some(second))))
        },
        |_rt, (queue, _)| async move {
            let item = queue.pop().await;
            queue.push(0, item.expect("open")).await.expect("open");
        },
        |rt, (queue, second)| async move {
            let second = second.lock().take().expect("checked once");
            let item = rt.timeout(Duration::from_secs(1), second).await.expect("it is woken");
            assert_eq!(item.expect("no panic"), Some("item"));
            assert!(queue.is_empty());
        },
    );
    assert!(points >= 90, "{points}");
}

#[test]
fn an_item_that_comes_back_after_the_close_is_taken_by_those_who_wait() {
    testing::run(1, |rt| async move {
        let queue = queue(2);
        let (mut first, mut second, mut third) = (queue.pop(), queue.pop(), queue.pop());
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        queue.push(0, "item").await.expect("open");
        queue.close();
        // Promised to the first, who may still leave without it: so nobody is told yet that there is nothing left.
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        assert_eq!(queue.try_pop(), Err(TryPopError::Empty));
        drop(first);
        let last = rt.timeout(Duration::from_secs(1), future::join(second, third)).await;
        assert_eq!(last.expect("both are woken"), (Some("item"), None));
        assert_eq!(queue.try_pop(), Err(TryPopError::Closed));
    });
}

#[test]
fn a_dropped_push_gives_its_place_to_the_next() {
    let points = DropPoints::new(0..30).run(
        |rt| async move {
            let queue = queue(1);
            queue.push(0, "first").await.expect("room");
            let (others, delay) = (queue.clone(), rt.clone());
            // One that waits behind the producer which is dropped, and must not wait for ever.
            let behind = rt.spawn("others", async move {
                delay.sleep(Duration::from_millis(1)).await;
                let inner = others.clone();
                let behind = delay.spawn("behind", async move { inner.push(0, "behind").await });
                delay.sleep(Duration::from_millis(1)).await;
                others.pop().await;
                behind.await.expect("no panic")
            });
            (queue, Arc::new(Mutex::new(Some(behind))))
        },
        |_rt, (queue, _)| async move {
            queue.push(5, "dropped").await.expect("open");
            queue.pop().await.expect("open");
        },
        |rt, (queue, behind)| async move {
            let behind = behind.lock().take().expect("checked once");
            let pushed = rt.timeout(Duration::from_secs(1), behind).await.expect("it is woken");
            assert_eq!(pushed.expect("no panic"), Ok(()));
            while queue.try_pop().is_ok() {}
            assert_eq!(queue.try_push(0, "last"), Ok(()), "no place is lost");
        },
    );
    assert!(points >= 90, "{points}");
}

/// How often another task gets a turn while `work` runs.
fn turns_of_others<F: Future<Output = ()> + Send + 'static>(work: F) -> usize {
    testing::run(3, |rt| async move {
        let turns = Arc::new(AtomicUsize::new(0));
        let other = rt.spawn("other", {
            let turns = turns.clone();
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    crate::rt::yield_now().await;
                }
            }
        });
        rt.spawn("work", work).await.expect("no panic");
        drop(other);
        turns.load(Ordering::Relaxed)
    })
}

#[test]
fn a_consumer_of_a_full_queue_and_a_producer_of_an_empty_one_let_others_run() {
    let queue = queue(100_000);
    let full = queue.clone();
    let produce = async move {
        for _ in 0..10_000 {
            full.push(0, ()).await.expect("room");
        }
        full.close();
    };
    // Once in 128 items, and it is a coin toss who runs next.
    assert!(turns_of_others(produce) > 30);
    assert!(turns_of_others(async move { while queue.pop().await.is_some() {} }) > 30);
}

#[test]
fn wakers_may_panic_and_come_back_to_the_queue() {
    let (queue, woken) = (queue(1), Arc::new(AtomicUsize::new(0)));
    let comes_back = {
        let (queue, woken) = (queue.clone(), woken.clone());
        move || {
            let (queue, woken) = (queue.clone(), woken.clone());
            calling(move || {
                assert!(queue.push(0, ()).now_or_never().is_none_or(|pushed| pushed.is_err()));
                woken.fetch_add(queue.len(), Ordering::Relaxed);
            })
        }
    };
    let pop = || Box::pin(queue.pop());
    let (mut first, mut second, mut third) = (pop(), pop(), pop());
    for _ in 0..2 {
        assert!(first.poll_unpin(&mut Context::from_waker(&grumpy())).is_pending());
        assert!(second.poll_unpin(&mut Context::from_waker(&comes_back())).is_pending());
        assert!(third.poll_unpin(&mut Context::from_waker(&counting(&woken))).is_pending());
    }
    queue.try_push(0, ()).expect("room, and the one who is woken panics");
    drop(first);
    assert_eq!(woken.load(Ordering::Relaxed), 1, "its item went to the second");
    assert!(second.now_or_never().is_some_and(|item| item.is_some()));

    let (mut fourth, mut fifth) = (pop(), pop());
    assert!(fourth.poll_unpin(&mut Context::from_waker(&grumpy())).is_pending());
    assert!(fifth.poll_unpin(&mut Context::from_waker(&counting(&woken))).is_pending());
    queue.close();
    assert_eq!(woken.load(Ordering::Relaxed), 3, "the third and the fifth");
    assert_eq!(third.now_or_never(), Some(None));
}

/// Polls once, and says what came of it.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}
