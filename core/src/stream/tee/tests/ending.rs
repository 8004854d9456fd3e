use futures::stream::FusedStream;

use super::*;
use crate::testing::{self, for_each_seed};

#[test]
fn every_reader_sees_the_end_when_it_has_read_all() {
    let mut quick = tee(stream::iter([1, 2]), Config::default()).unwrap();
    let mut slow = quick.clone();
    let (_, waker) = bell();
    assert_eq!(poll(&mut quick, &waker), item(1));
    assert_eq!(poll(&mut quick, &waker), item(2));
    assert_eq!(poll(&mut quick, &waker), Poll::Ready(None));
    assert!(quick.is_terminated() && !slow.is_terminated());
    let late = slow.clone();
    assert_eq!(poll(&mut slow, &waker), item(1));
    assert_eq!(poll(&mut slow, &waker), item(2));
    assert_eq!(poll(&mut slow, &waker), Poll::Ready(None));
    assert_eq!(poll(&mut slow, &waker), Poll::Ready(None));
    testing::run(1, |_rt| async move {
        assert_eq!(late.collect::<Vec<_>>().await, [Ok(1), Ok(2)]);
    });
    assert_eq!(poll(&mut quick.clone(), &waker), Poll::Ready(None));
}

#[test]
fn the_end_wakes_all_who_wait() {
    let (sender, first) = channel(Config::default());
    let mut readers = [first.clone(), first.clone(), first];
    let bells: Vec<_> = readers
        .iter_mut()
        .map(|reader| {
            let (bell, waker) = bell();
            assert_eq!(poll(reader, &waker), Poll::Pending);
            (bell, waker)
        })
        .collect();
    drop(sender);
    assert!(bells.iter().all(|(bell, _)| bell.rung() == 1));
    // The first to come sees the end, and the others have waited again meanwhile.
    for (reader, (_, waker)) in readers.iter_mut().zip(&bells) {
        assert_eq!(poll(reader, waker), Poll::Ready(None));
    }
}

#[test]
fn whoever_finds_the_end_wakes_those_who_wait() {
    for panics in [false, true] {
        // It wakes nobody itself.
        let mut polls = 0;
        let source = stream::poll_fn(move |_| {
            polls += 1;
            match polls {
                1 => Poll::Pending,
                _ if panics => panic!("as planned"),
                _ => Poll::<Option<u32>>::Ready(None),
            }
        });
        let mut one = tee(source, Config::default()).unwrap();
        let mut other = one.clone();
        let (bell, waker) = bell();
        assert_eq!(poll(&mut other, &waker), Poll::Pending);
        assert!(poll(&mut one, Waker::noop()).is_ready());
        assert_eq!(bell.rung(), 1);
        let told = panics.then(|| Err(TeeError::Panicked("as planned".to_owned())));
        assert_eq!(poll(&mut other, &waker), Poll::Ready(told));
    }
}

#[test]
fn a_panic_of_the_stream_is_told_to_every_reader_once_and_in_its_place() {
    let source = stream::iter(0..3).map(|number| if number < 2 { number } else { panic!("out of {number}") });
    let mut one = tee(source, Config::default()).unwrap();
    let mut other = one.clone();
    let (_, waker) = bell();
    let told = || Poll::Ready(Some(Err(TeeError::Panicked("out of 2".to_owned()))));
    for reader in [&mut one, &mut other] {
        assert_eq!(poll(reader, &waker), item(0));
        assert_eq!(poll(reader, &waker), item(1));
        assert_eq!(poll(reader, &waker), told());
        assert!(reader.is_terminated());
        assert_eq!(poll(reader, &waker), Poll::Ready(None));
    }
}

#[test]
fn a_panic_wakes_all_who_wait() {
    for_each_seed(0..20, |rt| async move {
        let inner = rt.clone();
        let source = stream::once(async move {
            inner.sleep(MS).await;
            panic!("as planned")
        });
        let first = tee::<stream::Once<_>>(source, Config::default()).unwrap();
        let readers: Vec<_> = (0..3).map(|_| rt.spawn("reader", first.clone().collect::<Vec<_>>())).collect();
        drop(first);
        for reader in readers {
            let all: Vec<Result<u32, TeeError>> = reader.await.expect("the panic does not come through");
            assert_eq!(all, [Err(TeeError::Panicked("as planned".to_owned()))]);
        }
    });
}

#[test]
fn the_stream_is_dropped_at_its_end_or_with_its_last_reader_though_it_panics() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("in a destructor");
        }
    }
    for ends in [true, false] {
        let dropped = Arc::<AtomicUsize>::default();
        let guard = Guard(dropped.clone());
        // It keeps its waker, which keeps what the readers share.
        let mut kept = Vec::new();
        let source = stream::poll_fn(move |cx| {
            let _guard = &guard;
            kept.push(cx.waker().clone());
            if ends { Poll::Ready(None) } else { Poll::<Option<u32>>::Pending }
        });
        let mut one = tee(source, Config::default()).unwrap();
        let other = one.clone();
        let (bell, waker) = bell();
        assert_eq!(poll(&mut one, &waker).is_ready(), ends);
        assert_eq!(dropped.load(Ordering::Relaxed), usize::from(ends));
        drop(other);
        assert_eq!(dropped.load(Ordering::Relaxed), usize::from(ends));
        drop((one, waker));
        assert_eq!((dropped.load(Ordering::Relaxed), Arc::strong_count(&bell)), (1, 1));
    }
}

#[test]
fn an_item_is_dropped_when_the_last_reader_has_it() {
    let one_item = Arc::new(());
    let inner = one_item.clone();
    let source = stream::iter([inner]).chain(stream::pending());
    let mut one = tee(source, Config::default()).unwrap();
    let (mut two, three) = (one.clone(), one.clone());
    let (_, waker) = bell();
    drop(poll(&mut one, &waker));
    drop(poll(&mut two, &waker));
    assert_eq!(Arc::strong_count(&one_item), 2, "one is kept for the third");
    drop(three);
    assert_eq!(Arc::strong_count(&one_item), 1);
}

#[test]
fn an_item_is_cloned_for_each_reader_but_the_last() {
    struct Counted(Arc<AtomicUsize>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(self.0.clone())
        }
    }
    for count in 1..4 {
        let clones = Arc::new(AtomicUsize::new(0));
        let inner = clones.clone();
        let source = stream::iter((0..5).map(move |_| Counted(inner.clone())));
        let first = tee(source, Config::default()).unwrap();
        let mut readers: Vec<_> = (1..count).map(|_| first.clone()).collect();
        readers.push(first);
        for reader in readers {
            testing::run(1, |_rt| async move { assert_eq!(reader.count().await, 5) });
        }
        assert_eq!(clones.load(Ordering::Relaxed), 5 * (count - 1), "for {count} readers");
    }
}

#[test]
fn nobody_keeps_the_waker_of_a_reader_that_is_gone() {
    let (_sender, mut gone) = channel(Config::default());
    let stays = gone.clone();
    let (bell, waker) = bell();
    assert_eq!(poll(&mut gone, &waker), Poll::Pending);
    drop((gone, waker));
    assert_eq!((Arc::strong_count(&bell), stays.stats().readers), (1, 1));
}
