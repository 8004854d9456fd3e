use std::{future::poll_fn, num::NonZeroU32, task::Poll};

use futures::{StreamExt, channel::mpsc, stream};
use proptest::prelude::*;

use super::*;
use crate::{
    rt::Rt,
    stream::merge,
    testing::{self, for_each_seed},
};

fn turn(items: u32) -> NonZeroU32 {
    NonZeroU32::new(items).expect("above zero")
}

#[test]
fn a_source_gives_a_turn_of_items_before_the_others_have_theirs() {
    for items_max in [1, 3, 16] {
        let mut merged = merge((0..4).map(|key| (key, stream::iter(0..50)))).turn_items_max(turn(items_max));
        let (_, waker) = bell();
        let events = drain(&mut merged, &waker);
        let keys: Vec<u32> = events
            .iter()
            .filter(|event| !matches!(event, Event::Ended(_)))
            .map(|event| *event.key())
            .collect();
        assert!(keys.len() >= 100, "it yields after 128 polls");
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(*key, (place as u32 / items_max) % 4, "at {place} with turns of {items_max}");
        }
    }
}

#[test]
fn whoever_is_woken_waits_for_one_turn_of_a_source_that_never_rests() {
    let (quiet, flow) = tap();
    let mut merged = merge([("busy", stream::repeat(0).boxed()), ("quiet", flow.boxed())]);
    let (_, waker) = bell();
    for _ in 0..40 {
        assert!(matches!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item("busy", 0)))));
    }
    quiet.pour([1]);
    let waited =
        (0..).find(|_| matches!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item("quiet", 1)))));
    assert!(waited.is_some_and(|waited| waited <= 16), "{waited:?}");
}

#[test]
fn a_source_does_not_inherit_the_turn_of_the_one_it_replaces() {
    let mut merged = merge([(1, stream::repeat(())), (2, stream::repeat(()))]).turn_items_max(turn(4));
    let (_, waker) = bell();
    let key = |merged: &mut Merge<_, _>| match poll(merged, &waker) {
        Poll::Ready(Some(Event::Item(key, ()))) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!([(); 3].map(|()| key(&mut merged)), [1; 3]);
    merged.remove(&1);
    // It has the slot of the other.
    merged.insert(3, stream::repeat(()));
    assert_eq!([(); 12].map(|()| key(&mut merged)), [2, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 2]);
}

#[test]
fn only_woken_sources_are_polled() {
    let (taps, flows): (Vec<_>, Vec<_>) = (0..1000).map(|_| tap()).unzip();
    let mut merged = merge(flows.into_iter().enumerate());
    let (bell, waker) = bell();
    while bell.rung() > 0 || merged.stats().polls == 0 {
        assert_eq!(drain(&mut merged, &waker), []);
    }
    assert_eq!(merged.stats().polls, 1000, "each once when it is new");
    for round in 0..10 {
        let number = round * 97;
        taps[number].pour([round]);
        assert_eq!(bell.rung(), 1, "the poller is woken once");
        assert_eq!(drain(&mut merged, &waker), [Event::Item(number, round)]);
    }
    assert_eq!(merged.stats().polls, 1000 + 2 * 10, "one for the item, one to learn that it was the last");
    assert_eq!(taps[1].polls(), 1);
}

#[test]
fn sources_that_always_have_something_let_other_tasks_run() {
    let mut merged = merge([(1, stream::repeat(())), (2, stream::repeat(()))]);
    let (bell, waker) = bell();
    for _ in 0..10 {
        let events = drain(&mut merged, &waker);
        assert_eq!(events.len(), 128);
        assert_eq!(bell.rung(), 1, "it comes back at once");
    }
}

#[test]
fn a_wait_begins_the_count_of_immediate_results_anew() {
    let (tap, flow) = tap();
    let mut merged = merge([((), flow)]);
    let (_, waker) = bell();
    for _ in 0..5 {
        tap.pour(0..100);
        assert_eq!(drain(&mut merged, &waker).len(), 100);
    }
}

#[test]
fn sources_that_wake_themselves_and_give_nothing_let_other_tasks_run() {
    let restless = || {
        stream::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<Option<()>>::Pending
        })
    };
    let mut merged = merge([(1, restless()), (2, restless())]);
    let (bell, waker) = bell();
    for round in 1..=10 {
        assert_eq!(drain(&mut merged, &waker), []);
        assert!(bell.rung() > 0, "it comes back");
        assert!(merged.stats().polls <= round * 2, "{:?}", merged.stats());
    }
}

#[test]
fn nested_merges_poll_a_source_that_yields_as_often_as_they_are_deep_at_most() {
    const DEPTH: usize = 5;
    for items in [0, 1, 5] {
        let polls = Arc::new(AtomicUsize::new(0));
        let inner = polls.clone();
        let yielding = stream::poll_fn(move |cx| {
            if inner.fetch_add(1, Ordering::Relaxed) < items {
                return Poll::Ready(Some(()));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let mut nested = yielding.boxed();
        for _ in 0..DEPTH {
            nested = merge([((), nested)]).items().boxed();
        }
        let (bell, waker) = bell();
        for _ in 0..items {
            assert_eq!(poll(&mut nested, &waker), Poll::Ready(Some(())));
        }
        for round in 0..10 {
            polls.store(items, Ordering::Relaxed);
            assert!(poll(&mut nested, &waker).is_pending());
            assert!(bell.rung() > 0, "it comes back");
            let polls = polls.load(Ordering::Relaxed) - items;
            // After an item each of them still has its turn, and then begins a round.
            let allowed = if items > 0 && round == 0 { DEPTH + 1 } else { 1 };
            assert!((1..=allowed).contains(&polls), "{polls} polls in round {round} after {items} items");
        }
    }
}

/// Sends numbered items into channels from tasks of their own, and removes and replaces some sources meanwhile.
async fn all_comes_out(rt: Rt) {
    let mut rng = rt.rng("test");
    let (sources, items) = (1 + rng.index(8), rng.below(60));
    let mut merged = Merge::new().turn_items_max(turn(1 + rng.below(4) as u32));
    for key in 0..sources {
        let (mut sender, receiver) = mpsc::channel(rng.index(4));
        let (inner, mut rng) = (rt.clone(), rt.rng("sender"));
        merged.insert(key, receiver);
        rt.spawn("sender", async move {
            for number in 0..items {
                if rng.chance(1, 3) {
                    inner.sleep(std::time::Duration::from_millis(rng.below(5))).await;
                }
                futures::SinkExt::send(&mut sender, number).await.expect("somebody reads");
            }
        })
        .detach();
    }
    let mut next = vec![0; sources];
    let mut ended = vec![false; sources];
    while let Some(event) = merged.next().await {
        match event {
            Event::Item(key, number) => {
                assert_eq!(number, next[key], "in order, each once");
                next[key] += 1;
            }
            Event::Ended(key) => assert!(!std::mem::replace(&mut ended[key], true), "it is told once"),
            Event::Panicked(key, message) => panic!("{key}: {message}"),
        }
        if rng.chance(1, 20) {
            let key = rng.index(sources);
            if let Some(source) = merged.remove(&key) {
                // It may have been woken while it was nowhere.
                rt.sleep(std::time::Duration::from_millis(rng.below(9))).await;
                assert!(merged.insert(key, source).is_none());
            }
        }
    }
    assert_eq!(next, vec![items; sources]);
    assert_eq!(ended, vec![true; sources]);
    let stats = merged.stats();
    assert_eq!(stats.inserted, stats.removed + stats.ended + stats.panicked + stats.sources as u64);
    assert_eq!(stats.items, items * sources as u64);
}

#[test]
fn what_goes_in_comes_out_once_and_in_order_per_source() {
    for_each_seed(0..300, all_comes_out);
}

proptest! {
    #[test]
    fn no_pattern_of_wakes_loses_an_item(
        seed in any::<u64>().no_shrink(),
        steps in prop::collection::vec((0..5_usize, 0..4_u32, any::<bool>()), 0..80),
    ) {
        testing::run(seed, |_rt| async move {
            let (taps, flows): (Vec<_>, Vec<_>) = (0..5).map(|_| tap()).unzip();
            let mut merged = merge(flows.into_iter().enumerate()).turn_items_max(turn(2));
            let (bell, waker) = bell();
            let (mut poured, mut came) = ([0_u32; 5], [0_u32; 5]);
            let mut take = |merged: &mut Merge<usize, Flow<u32>>| {
                for event in drain(merged, &waker) {
                    let Event::Item(key, number) = event else { panic!("none ends") };
                    assert_eq!(number, came[key]);
                    came[key] += 1;
                }
                came
            };
            take(&mut merged);
            for (key, items, polls) in steps {
                taps[key].pour(poured[key]..poured[key] + items);
                poured[key] += items;
                // Only whoever was woken polls.
                if polls && bell.rung() > 0 {
                    take(&mut merged);
                }
            }
            while bell.rung() > 0 {
                take(&mut merged);
            }
            assert_eq!(take(&mut merged), poured);
        });
    }
}

#[test]
fn a_dropped_next_loses_nothing() {
    let points = testing::for_each_drop_point(
        0..10,
        |rt| async move {
            let mut merged = Merge::new();
            for key in 0..3_u64 {
                let inner = rt.clone();
                let numbers = stream::unfold(0_u64, move |number| {
                    let rt = inner.clone();
                    async move {
                        rt.sleep(std::time::Duration::from_millis(1 + key)).await;
                        (number < 3).then_some((number, number + 1))
                    }
                });
                merged.insert(key, numbers.boxed());
            }
            Arc::new(Mutex::new((merged, vec![0; 3])))
        },
        |_rt, state| async move { while poll_fn(|cx| note_next(&state, cx)).await {} },
        |_rt, state| async move {
            while poll_fn(|cx| note_next(&state, cx)).await {}
            assert_eq!(state.lock().1, [3; 3]);
        },
    );
    assert!(points >= 60, "{points}");
}

/// Takes the next event and notes it at once. Whether there was one.
fn note_next<S: Stream<Item = u64> + Unpin>(
    state: &Mutex<(Merge<u64, S>, Vec<u64>)>,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    let (merged, came) = &mut *state.lock();
    let event = std::task::ready!(merged.poll_next_unpin(cx));
    if let Some(Event::Item(key, number)) = &event {
        assert_eq!(*number, came[*key as usize]);
        came[*key as usize] += 1;
    }
    Poll::Ready(event.is_some())
}
