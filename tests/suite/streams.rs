//! Streams whose sources are woken from other threads, on every real runtime.

use futures::{StreamExt, channel::mpsc, executor::block_on, future, sink::SinkExt};
use seaworthy::{
    rt::Rt,
    stream::{self, Event, Merge, Sent, tee},
};

const SOURCES: usize = 16;
const QUIET: usize = 63 - SOURCES / 2;
const ITEMS: u64 = 2_000;

/// Sends numbers from a thread that is no task's.
fn feed(rt: &Rt, buffer: usize) -> mpsc::Receiver<u64> {
    let (mut sender, receiver) = mpsc::channel(buffer);
    let feeding = move || {
        block_on(async {
            for number in 0..ITEMS {
                // The reader may be gone: some tests go away early.
                if sender.send(number).await.is_err() {
                    return;
                }
            }
        });
    };
    rt.spawn_blocking("feed", feeding).detach();
    receiver
}

async fn merging(rt: Rt) {
    // So many quiet ones before them that some have a bit for their wakes and some are listed.
    let (senders, quiet): (Vec<_>, Vec<_>) = (0..QUIET).map(|_| mpsc::channel(0)).unzip();
    let mut merged: Merge<usize, _> =
        quiet.into_iter().enumerate().map(|(n, quiet)| (SOURCES + n, quiet)).collect();
    merged.extend((0..SOURCES).map(|key| (key, feed(&rt, key))));
    let mut next = [0; SOURCES];
    let mut ended = [false; SOURCES];
    let mut events = 0_usize;
    while let Some(event) = merged.next().await {
        match event {
            Event::Item(key, number) => {
                assert_eq!(number, next[key], "in order, each once");
                next[key] += 1;
            }
            Event::Ended(key) => assert!(!std::mem::replace(&mut ended[key], true)),
            other => panic!("{other:?}"),
        }
        if ended.iter().all(|ended| *ended) {
            break;
        }
        events += 1;
        // Out and in again, while its thread wakes it.
        if events.is_multiple_of(101) {
            let key = events % SOURCES;
            if let Some(source) = merged.remove(&key) {
                assert!(merged.insert(key, source).is_none());
            }
        }
    }
    assert_eq!((next, ended), ([ITEMS; SOURCES], [true; SOURCES]));
    assert_eq!(merged.len(), QUIET);
    drop(senders);
}

async fn generating(rt: Rt) {
    let inner = rt.clone();
    let numbers = stream::generate(|mut out| async move {
        // The sender is a task of its own, on another thread if there is one.
        let sending = inner.spawn("sender", async move {
            for number in 0..ITEMS {
                assert_eq!(out.send(number).await, Sent::Taken);
            }
        });
        sending.await.expect("no panic");
    });
    assert_eq!(numbers.collect::<Vec<_>>().await, (0..ITEMS).collect::<Vec<_>>());
}

async fn sharing(rt: Rt) {
    for on_lag in [tee::OnLag::Wait, tee::OnLag::Skip] {
        let first = stream::tee(feed(&rt, 4), tee::Config { lag_max: 7, on_lag }).expect("a good config");
        let readers: Vec<_> = (0..4_u64)
            .map(|reader| {
                let mut numbers = first.clone();
                rt.spawn("reader", async move {
                    let mut next = 0;
                    while let Some(item) = numbers.next().await {
                        match item {
                            Ok(number) => assert_eq!(number, std::mem::replace(&mut next, number + 1)),
                            Err(stream::TeeError::Missed(missed)) if on_lag == tee::OnLag::Skip => {
                                next += missed;
                            }
                            Err(error) => panic!("{error}"),
                        }
                        // Two of them go away early, in the middle of it all.
                        if reader % 2 == 1 && next > ITEMS / 2 * reader / 3 {
                            return ITEMS;
                        }
                    }
                    next
                })
            })
            .collect();
        drop(first);
        for ended in future::join_all(readers).await {
            assert_eq!(ended.expect("no panic"), ITEMS);
        }
    }
}

async fn all(rt: Rt) {
    merging(rt.clone()).await;
    generating(rt.clone()).await;
    sharing(rt).await;
}

#[cfg(feature = "tokio")]
#[test]
fn no_wake_of_another_thread_is_lost_on_tokio() {
    seaworthy::tokio::run(all);
}

#[cfg(feature = "smol")]
#[test]
fn no_wake_of_another_thread_is_lost_on_smol() {
    seaworthy::smol::run(all);
}
