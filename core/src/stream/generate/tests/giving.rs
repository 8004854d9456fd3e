//! What a generator gives, and to whom.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream::FusedStream};

use super::{Sent, generate, given_away};
use crate::{
    stream::{
        Event, merge,
        script::{bell, poll},
    },
    testing,
};

#[test]
fn one_item_is_in_flight_and_none_is_made_ahead() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let mut numbers = generate(|mut out| async move {
        for number in 0..5 {
            count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(out.send(number).await, Sent::Taken);
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 0, "it starts with the first poll");
    let (bell, waker) = bell();
    for number in 0..5 {
        assert_eq!(poll(&mut numbers, &waker), Poll::Ready(Some(number)));
        assert_eq!(made.load(Ordering::Relaxed), number + 1);
    }
    assert!(!numbers.is_terminated());
    for _ in 0..3 {
        assert_eq!(poll(&mut numbers, &waker), Poll::Ready(None));
        assert!(numbers.is_terminated());
    }
    assert_eq!(bell.rung(), 0, "within one task nobody has to be woken");
}

#[test]
fn a_generator_that_never_waits_lets_other_tasks_run() {
    let mut numbers = generate(|mut out| async move {
        loop {
            out.send(()).await;
        }
    });
    let (bell, waker) = bell();
    for _ in 0..5 {
        let given = (0..).take_while(|_| poll(&mut numbers, &waker).is_ready()).count();
        assert_eq!((given, bell.rung()), (128, 1));
    }
}

#[test]
fn the_latest_reader_is_woken() {
    let (mut stream, mut out) = given_away();
    let ((first, first_waker), (second, second_waker)) = (bell(), bell());
    assert!(poll(&mut stream, &first_waker).is_pending());
    assert!(poll(&mut stream, &second_waker).is_pending());
    assert!(out.send(1).poll_unpin(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!((first.rung(), second.rung()), (0, 1));
}

#[test]
fn generators_are_merged_as_they_are() {
    testing::run(1, |rt| async move {
        let ticks = |every: u64| {
            let rt = rt.clone();
            generate(move |mut out| async move {
                for number in 1..=3 {
                    rt.sleep(Duration::from_secs(every)).await;
                    out.send(number * every).await;
                }
            })
        };
        let mut merged = merge([("quick", ticks(2)), ("slow", ticks(5))]);
        let mut times = Vec::new();
        while let Some(event) = merged.next().await {
            if let Event::Item(_, at) = event {
                times.push(at);
            }
        }
        assert_eq!(times, [2, 4, 5, 6, 10, 15]);
    });
}
