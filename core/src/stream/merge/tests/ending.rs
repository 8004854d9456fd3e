use std::panic::panic_any;

use futures::{StreamExt, stream, stream::FusedStream};

use super::*;
use crate::{stream::merge, testing};

/// Counts its drop, and panics then if it is told to.
struct Guard(Arc<AtomicUsize>, bool);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert!(!self.1, "in a destructor");
    }
}

fn guarded(
    dropped: &Arc<AtomicUsize>,
    panics: bool,
    items: std::ops::Range<u32>,
) -> impl Stream<Item = u32> + Unpin + use<> {
    let guard = Guard(dropped.clone(), panics);
    stream::iter(items).map(move |item| {
        let _kept = &guard;
        item
    })
}

#[test]
fn an_ended_source_is_named_and_dropped() {
    let dropped = Arc::default();
    let mut merged =
        merge([("short", guarded(&dropped, false, 0..1)), ("long", guarded(&dropped, false, 0..20))]);
    let (_, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item("short", 0))));
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Ended("short"))));
    assert_eq!(dropped.load(Ordering::Relaxed), 1, "it is dropped before it is told");
    assert_eq!(merged.keys().collect::<Vec<_>>(), [&"long"]);
    assert_eq!(drain(&mut merged, &waker).last(), Some(&Event::Ended("long")));
    assert!(merged.is_empty() && merged.is_terminated());
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(None));
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(None));
}

#[test]
fn an_empty_merge_has_ended_and_a_new_source_revives_it() {
    testing::run(1, |_rt| async move {
        let mut merged = Merge::new();
        assert_eq!(merged.next().await, None);
        for round in 0..3 {
            assert!(merged.is_terminated());
            merged.insert("again", stream::iter([round]));
            assert!(!merged.is_terminated());
            assert_eq!(merged.next().await, Some(Event::Item("again", round)));
            assert_eq!(merged.next().await, Some(Event::Ended("again")));
            assert_eq!(merged.next().await, None);
        }
    });
}

#[test]
fn a_select_passes_an_empty_merge_over_and_inserts() {
    testing::run(1, |_rt| async move {
        let mut merged = Merge::new();
        let mut new_sources = stream::iter(0..3).fuse();
        let mut sum = 0;
        // As `select_biased!` does: those that are terminated are passed over.
        std::future::poll_fn(|cx| {
            loop {
                if !merged.is_terminated()
                    && let Poll::Ready(event) = merged.poll_next_unpin(cx)
                {
                    sum += event.and_then(Event::into_item).unwrap_or(0);
                } else if new_sources.is_terminated() {
                    return Poll::Ready(());
                } else if let Poll::Ready(Some(number)) = new_sources.poll_next_unpin(cx) {
                    merged.insert(number, stream::iter([number]));
                }
            }
        })
        .await;
        assert_eq!(sum, 1 + 2);
    });
}

#[test]
fn a_panicking_source_is_removed_and_the_others_go_on() {
    let broken = stream::iter(0..3).map(|number| if number < 2 { number } else { panic!("out of {number}") });
    let mut merged = merge([("sound", stream::iter(0..50).boxed()), ("broken", broken.boxed())]);
    let (_, waker) = bell();
    let events = drain(&mut merged, &waker);
    let of = |name| events.iter().filter(|event| *event.key() == name).cloned().collect::<Vec<_>>();
    let expected = [
        Event::Item("broken", 0),
        Event::Item("broken", 1),
        Event::Panicked("broken", "out of 2".to_owned()),
    ];
    assert_eq!(of("broken"), expected);
    assert_eq!(of("sound").len(), 51);
    let stats = merged.stats();
    assert_eq!((stats.ended, stats.panicked, stats.sources), (1, 1, 0));
}

#[test]
fn a_source_that_panics_as_it_is_dropped_at_its_end_is_told_as_panicked() {
    let dropped = Arc::default();
    let mut merged = merge([(1, guarded(&dropped, true, 0..1)), (2, guarded(&dropped, false, 0..1))]);
    let (_, waker) = bell();
    let events = drain(&mut merged, &waker);
    let expected = [
        Event::Item(1, 0),
        Event::Panicked(1, "in a destructor".to_owned()),
        Event::Item(2, 0),
        Event::Ended(2),
    ];
    assert_eq!(events, expected);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn a_merge_that_is_dropped_drops_all_sources_though_some_panic() {
    let dropped = Arc::default();
    let merged = merge((0..6).map(|key| (key, guarded(&dropped, key % 2 == 0, 0..1))));
    drop(merged);
    assert_eq!(dropped.load(Ordering::Relaxed), 6);
}

#[test]
fn a_panic_whose_payload_panics_when_it_is_dropped_is_contained() {
    let dropped = Arc::<AtomicUsize>::default();
    let inner = dropped.clone();
    let broken = stream::poll_fn(move |_| -> Poll<Option<u32>> { panic_any(Guard(inner.clone(), true)) });
    let mut merged = merge([(1, broken.boxed()), (2, stream::iter([2]).boxed())]);
    let (_, waker) = bell();
    let expected = [Event::Panicked(1, "(no text)".to_owned()), Event::Item(2, 2), Event::Ended(2)];
    assert_eq!(drain(&mut merged, &waker), expected);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn a_key_is_replaced_as_in_a_map() {
    let (tap_first, first) = tap();
    let (tap_second, second) = tap();
    let mut merged = Merge::default();
    assert!(merged.insert("key", first).is_none());
    let (_, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    let replaced = merged.insert("key", second);
    assert_eq!(merged.len(), 1);
    tap_first.pour([1]);
    tap_second.pour([2]);
    assert_eq!(drain(&mut merged, &waker), [Event::Item("key", 2)]);
    assert_eq!(replaced.expect("the first").0.lock().items, [1], "it keeps what it had");
    let stats = merged.stats();
    assert_eq!((stats.inserted, stats.removed, stats.sources), (2, 1, 1));
    assert!(merged.contains_key("key") && merged.remove("other").is_none());
}

#[test]
fn items_alone_pass_ends_and_panics_over_and_count_them() {
    testing::run(1, |_rt| async move {
        let broken = stream::poll_fn(|_| -> Poll<Option<u32>> { panic!("as planned") });
        let mut items = merge([
            ("a", stream::iter([1, 2]).boxed()),
            ("broken", broken.boxed()),
            ("b", stream::iter([3]).boxed()),
        ])
        .items();
        let mut all = Vec::new();
        while let Some(item) = items.next().await {
            all.push(item);
        }
        assert_eq!(all, [1, 2, 3]);
        assert!(items.is_terminated());
        items.merge_mut().insert("c", stream::iter([4]).boxed());
        assert_eq!(items.next().await, Some(4));
        let stats = items.into_merge().stats();
        assert_eq!((stats.items, stats.ended, stats.panicked, stats.sources), (4, 2, 1, 1));
    });
}

#[test]
fn what_it_says_of_itself_shows_keys_and_no_streams() {
    let merged = merge([("a", stream::iter([1])), ("b", stream::iter([2]))]);
    assert!(format!("{merged:?}").starts_with(r#"Merge { sources: ["a", "b"], "#), "{merged:?}");
}
