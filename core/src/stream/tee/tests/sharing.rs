use std::{future::poll_fn, sync::OnceLock};

use super::*;
use crate::{
    rt::{Rng, Rt},
    testing::{for_each_drop_point, for_each_seed},
};

#[test]
fn a_bad_lag_is_refused() {
    for lag_max in [0, 1_000_001] {
        let error = tee(stream::iter([1]), config(lag_max, OnLag::Wait)).map(drop).unwrap_err();
        assert_eq!(error.field, "stream::tee::Config::lag_max");
    }
}

#[test]
fn the_fastest_waits_for_the_slowest_and_is_woken_when_there_is_room() {
    let mut fast = tee(stream::iter(0..10), config(3, OnLag::Wait)).unwrap();
    let mut slow = fast.clone();
    let (fast_bell, waker) = bell();
    let (slow_bell, slow_waker) = bell();
    for number in 0..3 {
        assert_eq!(poll(&mut fast, &waker), item(number));
    }
    assert_eq!(poll(&mut fast, &waker), Poll::Pending);
    assert_eq!((slow.lag(), fast.lag(), fast.stats().kept), (3, 0, 3));
    assert_eq!(poll(&mut slow, &slow_waker), item(0));
    assert_eq!((fast_bell.rung(), slow_bell.rung()), (1, 0));
    assert_eq!(poll(&mut fast, &waker), item(3));
    assert_eq!(poll(&mut fast, &waker), Poll::Pending);
    drop(slow);
    assert_eq!(fast_bell.rung(), 1, "a reader that is dropped gives up its claim");
    assert_eq!(poll(&mut fast, &waker), item(4));
    assert_eq!(fast.stats().kept, 0);
}

#[test]
fn a_slow_reader_is_told_how_many_it_missed_and_goes_on_with_the_oldest() {
    let mut fast = tee(stream::iter(0..10), config(3, OnLag::Skip)).unwrap();
    let mut slow = fast.clone();
    let (_, waker) = bell();
    for number in 0..8 {
        assert_eq!(poll(&mut fast, &waker), item(number));
    }
    let mut twin = slow.clone();
    for reader in [&mut slow, &mut twin] {
        assert_eq!(poll(reader, &waker), Poll::Ready(Some(Err(TeeError::Missed(5)))));
        for number in 5..8 {
            assert_eq!(poll(reader, &waker), item(number));
        }
    }
    assert_eq!(poll(&mut twin, &waker), item(8));
    let stats = fast.stats();
    assert_eq!((stats.readers, stats.items, stats.missed, stats.kept), (3, 9, 10, 1));
}

#[test]
fn a_clone_goes_on_from_the_same_place() {
    let mut first = tee(stream::iter(0..5), Config::default()).unwrap();
    let (_, waker) = bell();
    let mut behind = first.clone();
    assert_eq!(poll(&mut first, &waker), item(0));
    assert_eq!(poll(&mut first, &waker), item(1));
    let mut beside = first.clone();
    let mut behind_too = behind.clone();
    assert_eq!(poll(&mut beside, &waker), item(2));
    assert_eq!(poll(&mut behind, &waker), item(0));
    assert_eq!(poll(&mut behind_too, &waker), item(0));
    assert_eq!(poll(&mut first, &waker), item(2));
}

#[test]
fn whoever_polled_last_and_is_polled_no_more_holds_nobody_up() {
    let (sender, mut driver) = channel(Config::default());
    let mut other = driver.clone();
    let (other_bell, other_waker) = bell();
    let (_, driver_waker) = bell();
    for number in 0..3 {
        assert_eq!(poll(&mut other, &other_waker), Poll::Pending);
        assert_eq!(poll(&mut driver, &driver_waker), Poll::Pending);
        sender.unbounded_send(number).unwrap();
        assert_eq!(other_bell.rung(), 1);
        assert_eq!(poll(&mut other, &other_waker), item(number));
        assert_eq!(poll(&mut driver, &driver_waker), item(number));
    }
    assert_eq!(poll(&mut other, &other_waker), Poll::Pending);
    assert_eq!(poll(&mut driver, &driver_waker), Poll::Pending);
    drop(driver);
    sender.unbounded_send(3).unwrap();
    assert_eq!(other_bell.rung(), 1);
    assert_eq!(poll(&mut other, &other_waker), item(3));
}

#[test]
fn whoever_takes_an_item_wakes_those_who_wait_for_it() {
    let items = Arc::new(Mutex::new(None));
    let inner = items.clone();
    let mut one = tee(
        stream::poll_fn(move |_| inner.lock().take().map_or(Poll::Pending, |item| Poll::Ready(Some(item)))),
        Config::default(),
    )
    .unwrap();
    let mut other = one.clone();
    let ((one_bell, one_waker), (other_bell, other_waker)) = (bell(), bell());
    assert_eq!(poll(&mut other, &other_waker), Poll::Pending);
    // The stream has an item and wakes nobody.
    *items.lock() = Some(7);
    assert_eq!(poll(&mut one, &one_waker), item(7));
    assert_eq!((one_bell.rung(), other_bell.rung()), (0, 1));
    assert_eq!(poll(&mut other, &other_waker), item(7));
}

#[test]
fn a_stream_woken_within_its_own_poll_is_polled_again() {
    let mut polls = 0;
    let source = stream::poll_fn(move |cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == 1 { Poll::Pending } else { Poll::Ready(Some(polls)) }
    });
    let mut reader = tee(source, Config::default()).unwrap();
    let (bell, waker) = bell();
    assert_eq!(poll(&mut reader, &waker), Poll::Pending);
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll(&mut reader, &waker), item(2));
}

#[test]
fn a_reader_that_never_waits_lets_other_tasks_run() {
    let mut reader = tee(stream::repeat(1), Config::default()).unwrap();
    let (bell, waker) = bell();
    for _ in 0..3 {
        let given = (0..).take_while(|_| poll(&mut reader, &waker).is_ready()).count();
        assert_eq!((given, bell.rung()), (128, 1));
    }
}

/// Reads to the end with pauses, and checks what comes. Returns how many items it got and missed.
async fn read(rt: Rt, mut rng: Rng, mut reader: Tee<mpsc::Receiver<u64>>, gives_up: bool) -> (u64, u64) {
    let (mut next, mut missed) = (0, 0);
    while let Some(item) = reader.next().await {
        match item {
            Ok(number) => {
                assert_eq!(number, next, "in order, each once");
                next += 1;
            }
            Err(TeeError::Missed(items)) => {
                next += items;
                missed += items;
            }
            Err(error) => panic!("{error}"),
        }
        if rng.chance(1, 3) {
            rt.sleep(MS * rng.below(6) as u32).await;
        }
        if gives_up && rng.chance(1, 10) {
            return (next - missed, missed);
        }
        if rng.chance(1, 15) {
            // Its place is taken by a clone.
            let clone = reader.clone();
            reader = clone;
        }
    }
    (next - missed, missed)
}

#[test]
fn every_reader_gets_all_in_order_whoever_comes_late_or_gives_up() {
    for_each_seed(0..300, |rt| async move {
        let mut rng = rt.rng("test");
        let items = rng.below(80);
        let on_lag = if rng.chance(1, 2) { OnLag::Wait } else { OnLag::Skip };
        let lag_max = 1 + rng.index(6);
        let (mut sender, receiver) = mpsc::channel(rng.index(3));
        let first = tee(receiver, config(lag_max, on_lag)).unwrap();
        let count = 1 + rng.index(4);
        let readers: Vec<_> = (0..count)
            .map(|number| {
                let gives_up = number > 0 && rng.chance(1, 3);
                let read = read(rt.clone(), rt.rng("reader"), first.clone(), gives_up);
                (gives_up, rt.spawn("reader", read))
            })
            .collect();
        drop(first);
        for number in 0..items {
            if rng.chance(1, 4) {
                rt.sleep(MS * rng.below(5) as u32).await;
            }
            futures::SinkExt::send(&mut sender, number).await.expect("the first reads to the end");
        }
        drop(sender);
        for (gives_up, reader) in readers {
            let (came, missed) = reader.await.expect("no panic");
            assert!(gives_up || came + missed == items, "{came} came and {missed} were missed of {items}");
            assert!(on_lag == OnLag::Skip || missed == 0);
        }
    });
}

#[test]
fn no_more_is_kept_than_the_slowest_may_lag() {
    for_each_seed(0..50, |rt| async move {
        let mut rng = rt.rng("test");
        let lag_max = 1 + rng.index(4);
        let on_lag = if rng.chance(1, 2) { OnLag::Wait } else { OnLag::Skip };
        let mut readers = vec![tee(stream::iter(0..1000), config(lag_max, on_lag)).unwrap()];
        let (_, waker) = bell();
        for _ in 0..200 {
            let place = rng.index(readers.len());
            match rng.below(12) {
                0 => readers.push(readers[place].clone()),
                1 if readers.len() > 1 => drop(readers.swap_remove(place)),
                _ => drop(poll(&mut readers[place], &waker)),
            }
            let stats = readers[0].stats();
            assert!(stats.kept <= lag_max && stats.readers == readers.len(), "{stats:?}");
            let slowest = readers.iter().map(Tee::lag).max().expect("one is left");
            assert_eq!(stats.kept as u64, slowest.min(lag_max as u64));
        }
    });
}

#[test]
fn a_dropped_next_loses_nothing() {
    let points = for_each_drop_point(
        0..10,
        |rt| async move {
            let numbers = crate::stream::generate(|mut out| async move {
                for number in 0..4 {
                    rt.sleep(MS).await;
                    out.send(number).await;
                }
            });
            let reader = tee(numbers, config(2, OnLag::Wait)).unwrap();
            let other = reader.clone();
            Arc::new((Mutex::new((reader, Vec::new())), Mutex::new((other, Vec::new()))))
        },
        |rt, state| async move {
            let task_state = state.clone();
            let other =
                rt.spawn("other", async move { while poll_fn(|cx| note_next(&task_state.1, cx)).await {} });
            while poll_fn(|cx| note_next(&state.0, cx)).await {}
            other.await.expect("no panic");
        },
        |_rt, state| async move {
            let one = async { while poll_fn(|cx| note_next(&state.0, cx)).await {} };
            let other = async { while poll_fn(|cx| note_next(&state.1, cx)).await {} };
            futures::future::join(one, other).await;
            assert_eq!((&*state.0.lock().1, &*state.1.lock().1), (&[0, 1, 2, 3][..], &[0, 1, 2, 3][..]));
        },
    );
    assert!(points >= 60, "{points}");
}

fn note_next<S: Stream<Item = u32>>(state: &Mutex<(Tee<S>, Vec<u32>)>, cx: &mut Context<'_>) -> Poll<bool> {
    let (reader, came) = &mut *state.lock();
    reader.poll_next_unpin(cx).map(|item| {
        came.extend(item.clone().map(|item| item.expect("nothing is missed")));
        item.is_some()
    })
}

type Numbers = stream::Repeat<Meddler>;

/// An item and a waker that look at the tee whenever they are cloned, dropped or woken.
struct Meddler(Arc<OnceLock<Tee<Numbers>>>);

impl Meddler {
    fn meddle(&self) {
        if let Some(tee) = self.0.get() {
            assert!(tee.stats().readers > 0);
        }
    }
}

impl Clone for Meddler {
    fn clone(&self) -> Self {
        self.meddle();
        Self(self.0.clone())
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.meddle();
    }
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        self.meddle();
    }
}

#[test]
fn no_item_and_no_waker_is_cloned_dropped_or_woken_under_the_lock() {
    for on_lag in [OnLag::Wait, OnLag::Skip] {
        let slow = Arc::new(OnceLock::new());
        let mut one = tee(stream::repeat(Meddler(slow.clone())), config(2, on_lag)).unwrap();
        let mut other = one.clone();
        assert!(slow.set(one.clone()).is_ok());
        for _ in 0..6 {
            let waker = Waker::from(Arc::new(Meddler(slow.clone())));
            drop(poll(&mut one, &waker));
            drop(poll(&mut other, &waker));
        }
        drop(one);
        drop(other);
        // It holds itself.
        drop(Arc::try_unwrap(slow).map(OnceLock::into_inner));
    }
}
