use std::sync::OnceLock;

use futures::{FutureExt, StreamExt, stream};

use super::*;
use crate::{stream::merge, testing::for_each_seed};

#[test]
fn inserting_wakes_the_poller() {
    let (_quiet, flow) = tap::<u32>();
    let mut merged = merge([("quiet", flow.boxed())]);
    let (bell, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    assert_eq!(bell.rung(), 0);
    merged.insert("new", stream::iter([7]).boxed());
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item("new", 7))));
}

#[test]
fn whoever_waits_is_told_of_sources_inserted_elsewhere_in_its_task() {
    for_each_seed(0..50, |rt| async move {
        let merged = Arc::new(Mutex::new(merge([(0, stream::pending().boxed())])));
        let reader = std::future::poll_fn(|cx| merged.lock().poll_next_unpin(cx));
        let inserter = async {
            rt.sleep(std::time::Duration::from_secs(1)).await;
            merged.lock().insert(1, stream::iter([5]).boxed());
        };
        let (event, ()) = futures::future::join(reader, inserter).await;
        assert_eq!(event, Some(Event::Item(1, 5)));
    });
}

#[test]
fn removing_the_last_source_wakes_the_poller_who_sees_the_end() {
    let (_one, flow) = tap::<u32>();
    let (_two, other) = tap::<u32>();
    let mut merged = merge([(1, flow), (2, other)]);
    let (bell, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    assert!(merged.remove(&1).is_some());
    assert_eq!(bell.rung(), 0, "another is there to wait for");
    assert!(merged.remove(&2).is_some());
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(None));
}

#[test]
fn a_late_wake_of_a_removed_source_harms_nobody() {
    let (tap_old, old) = tap::<u32>();
    let (tap_new, new) = tap::<u32>();
    let mut merged = merge([("old", old)]);
    let (bell, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    let late = tap_old.waker();
    merged.remove("old").expect("it is there");
    merged.insert("new", new);
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    bell.rung();
    let polls = merged.stats().polls;

    // The new one has the slot of the old one.
    late.wake_by_ref();
    assert_eq!(bell.rung(), 0);
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    assert_eq!(merged.stats().polls, polls, "nobody was polled for it");
    tap_new.pour([1]);
    assert_eq!(bell.rung(), 1, "and no wake of the new one is taken for one of the old");
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item("new", 1))));
}

#[test]
fn a_source_that_is_gone_wakes_nobody() {
    let (tap_removed, removed) = tap::<u32>();
    let (_quiet, quiet) = tap::<u32>();
    let kept = Arc::new(Mutex::new(None));
    let inner = kept.clone();
    let mut polls = 0;
    let ending = stream::poll_fn(move |cx| {
        polls += 1;
        *inner.lock() = Some(cx.waker().clone());
        if polls == 1 { Poll::Pending } else { Poll::<Option<u32>>::Ready(None) }
    });
    let mut merged = merge([(1, removed.boxed()), (2, quiet.boxed()), (3, ending.boxed())]);
    let (bell, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    let late_of_ended = kept.lock().take().expect("it was polled");
    late_of_ended.wake_by_ref();
    assert_eq!(drain(&mut merged, &waker), [Event::Ended(3)]);
    let late_of_removed = tap_removed.waker();
    drop(merged.remove(&1));
    bell.rung();
    late_of_ended.wake();
    late_of_removed.wake();
    assert_eq!(bell.rung(), 0);
}

#[test]
fn a_source_that_was_removed_while_it_had_the_turn_leaves_it() {
    for reinsert in [false, true] {
        let mut merged = merge([(1, stream::repeat(1)), (2, stream::repeat(2))]);
        let (_, waker) = bell();
        assert_eq!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item(1, 1))));
        merged.remove(&1);
        if reinsert {
            merged.insert(3, stream::repeat(3));
        }
        let keys: Vec<u32> = drain(&mut merged, &waker).iter().map(|event| *event.key()).collect();
        assert!(!keys.contains(&1) && keys.contains(&2) && keys.contains(&3) == reinsert, "{keys:?}");
    }
}

#[test]
fn a_source_woken_within_its_own_poll_is_polled_again() {
    let mut polls = 0;
    let source = stream::poll_fn(move |cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls < 3 { Poll::Pending } else { Poll::Ready(Some(polls)) }
    });
    let mut merged = merge([((), source)]);
    let (bell, waker) = bell();
    for _ in 0..3 {
        if let Poll::Ready(event) = poll(&mut merged, &waker) {
            assert_eq!(event, Some(Event::Item((), 3)));
            return;
        }
        assert!(bell.rung() > 0);
    }
    panic!("its wake was lost");
}

#[test]
fn the_latest_poller_is_woken_and_no_other() {
    let (tap, flow) = tap();
    let mut merged = merge([((), flow)]);
    let ((first, first_waker), (second, second_waker)) = (bell(), bell());
    assert_eq!(poll(&mut merged, &first_waker), Poll::Pending);
    assert_eq!(poll(&mut merged, &second_waker), Poll::Pending);
    tap.pour([1]);
    assert_eq!((first.rung(), second.rung()), (0, 1));
    drop(first_waker);
    assert_eq!(Arc::strong_count(&first), 1, "nobody keeps the waker of one who went away");
}

#[test]
fn a_poller_is_woken_once_however_many_sources_are() {
    let (taps, flows): (Vec<_>, Vec<_>) = (0..10).map(|_| tap()).unzip();
    let mut merged = merge(flows.into_iter().enumerate());
    let (bell, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    taps.iter().for_each(|tap| tap.pour([0]));
    assert_eq!(bell.rung(), 1);
    assert_eq!(drain(&mut merged, &waker).len(), 10);
}

#[test]
fn wakers_outlive_the_merge_and_keep_nobody() {
    let (tap, flow) = tap::<u32>();
    let mut merged = merge([((), flow)]);
    let (bell, waker) = bell();
    assert_eq!(poll(&mut merged, &waker), Poll::Pending);
    let late = tap.waker();
    drop((merged, waker));
    assert_eq!(Arc::strong_count(&bell), 1);
    late.wake();
    tap.wake();
    assert_eq!(bell.rung(), 0);
}

/// A waker that comes back into the merge, by waking a source, whenever it is woken or dropped.
struct Reentrant(Arc<OnceLock<Waker>>);

impl Reentrant {
    fn re_enter(&self) {
        if let Some(source) = self.0.get() {
            source.wake_by_ref();
        }
    }
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        self.re_enter();
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.re_enter();
    }
}

#[test]
fn a_waker_may_wake_sources_as_it_is_woken_and_dropped() {
    let (tap, flow) = tap();
    let mut merged = merge([((), flow)]);
    let source = Arc::new(OnceLock::new());
    for round in 0..5 {
        let waker = Waker::from(Arc::new(Reentrant(source.clone())));
        while poll(&mut merged, &waker).is_ready() {}
        drop(waker);
        source.get_or_init(|| tap.waker());
        if round % 2 == 0 {
            tap.pour([round]);
        }
    }
    let (_, waker) = bell();
    while poll(&mut merged, &waker).is_ready() {}
    tap.pour([9]);
    assert_eq!(poll(&mut merged, &waker), Poll::Ready(Some(Event::Item((), 9))));
    let last = Waker::from(Arc::new(Reentrant(source)));
    assert!(poll(&mut merged, &last).is_pending());
    drop(last);
    drop(merged);
}

#[test]
fn a_merge_in_a_merge_passes_wakes_on() {
    let (tap, flow) = tap();
    let inner = merge([("inner", flow)]).items();
    let mut outer = merge([("outer", inner)]);
    assert_eq!(outer.next().now_or_never(), None);
    let (bell, waker) = bell();
    assert_eq!(poll(&mut outer, &waker), Poll::Pending);
    tap.pour([3]);
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll(&mut outer, &waker), Poll::Ready(Some(Event::Item("outer", 3))));
}
