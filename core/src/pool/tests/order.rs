//! Law 2: who is served when.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use parking_lot::Mutex;

use super::{
    super::{Acquire, Config, Order, TryGetError},
    SECOND, calm, max, pool,
};
use crate::{
    rt::Rt,
    testing::{self, for_each_seed},
};

type Served = Arc<Mutex<Vec<u32>>>;

fn waiter(
    rt: &Rt,
    pool: &super::Pool<super::Dial>,
    served: &Served,
    number: u32,
    priority: i32,
) -> crate::rt::Task<()> {
    let (pool, served) = (pool.clone(), Arc::clone(served));
    rt.spawn("waiter", async move {
        let lease = pool.get_with(Acquire { priority, ..Acquire::default() }).await.unwrap();
        served.lock().push(number);
        drop(lease);
    })
}

#[test]
fn equal_priorities_are_served_in_the_order_of_their_first_poll() {
    for_each_seed(0..50, |rt| async move {
        let (pool, _backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        // Called in one order, polled in the other.
        let mut first = Box::pin(pool.get());
        let mut second = Box::pin(pool.get());
        rt.sleep(SECOND).await;
        let mut third = Box::pin(pool.get());
        for late in [&mut third, &mut second, &mut first] {
            assert!(late.now_or_never().is_none());
        }
        drop(held);
        for next in [third, second, first] {
            assert!(next.now_or_never().expect("its turn").is_ok());
        }
    });
}

#[test]
fn a_priority_counts_as_having_come_earlier_and_none_starves() {
    for_each_seed(0..50, |rt| async move {
        let (pool, _backend) = pool(&rt, max(1));
        let held = pool.get().await.unwrap();
        let served = Served::default();
        let mut waiters = Vec::new();
        // One second apart, a point of priority being worth one.
        for (number, priority) in [(0, 0), (1, 0), (2, 5), (3, 1), (4, -3), (5, 0), (6, 100)] {
            waiters.push(waiter(&rt, &pool, &served, number, priority));
            rt.sleep(SECOND).await;
        }
        drop(held);
        for waiter in waiters {
            waiter.await.unwrap();
        }
        // Came at, less the priority: 0, 1, -3, 2, 7, 5, -94.
        assert_eq!(*served.lock(), [6, 2, 0, 1, 3, 5, 4]);
    });
}

#[test]
fn without_a_step_priorities_are_void() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, Config { ageing_step: Duration::ZERO, ..max(1) });
        let held = pool.get().await.unwrap();
        let served = Served::default();
        let mut waiters = Vec::new();
        for (number, priority) in [(0, 0), (1, 9), (2, -9)] {
            waiters.push(waiter(&rt, &pool, &served, number, priority));
            rt.sleep(SECOND).await;
        }
        drop(held);
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(*served.lock(), [0, 1, 2]);
    });
}

#[test]
fn try_get_takes_nothing_while_anyone_waits() {
    testing::run(1, |rt| async move {
        let (pool, backend) = pool(&rt, max(1));
        assert_eq!(pool.try_get().map(drop), Err(TryGetError::Busy), "it begins no connect");
        assert_eq!(backend.connects(), 0);
        let held = pool.get().await.unwrap();
        let mut waiting = Box::pin(pool.get());
        assert!((&mut waiting).now_or_never().is_none());
        drop(held);
        assert_eq!(pool.try_get().map(drop), Err(TryGetError::Busy), "it lies ready for another");
        drop(waiting);
        let lease = pool.try_get().unwrap();
        assert_eq!(lease.number, 0);
        drop(lease);
        pool.close(SECOND).await;
        assert_eq!(pool.try_get().map(drop), Err(TryGetError::Closed));
    });
}

#[test]
fn the_idle_are_lent_last_in_first_out_or_in_turn() {
    for (order, expected) in [(Order::Lifo, [2, 2, 2]), (Order::Fifo, [0, 1, 2])] {
        testing::run(1, |rt| async move {
            let (pool, _backend) = pool(&rt, Config { order, ..max(3) });
            pool.warm(3).await.unwrap();
            let mut leases = Vec::new();
            for _ in 0..3 {
                leases.push(pool.get().await.unwrap());
            }
            leases.sort_by_key(|lease| lease.number);
            leases.into_iter().for_each(drop);
            let mut numbers = Vec::new();
            for _ in 0..3 {
                numbers.push(pool.get().await.unwrap().number);
            }
            assert_eq!(numbers, expected);
        });
    }
}

#[test]
fn a_loop_over_a_quick_pool_lets_others_run() {
    testing::run(1, |rt| async move {
        let (pool, _backend) = pool(&rt, calm());
        drop(pool.get().await.unwrap());
        let other = rt.spawn("other", async {});
        for _ in 0..129 * 20 {
            drop(pool.get().await.unwrap());
        }
        assert!(other.is_finished());
    });
}
