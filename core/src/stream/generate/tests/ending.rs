//! How it ends: an end, an error, a panic, a reader that goes away.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt, StreamExt, channel::oneshot, future, stream::FusedStream};

use super::{Out, Sent, generate, given_away, try_generate};
use crate::{
    stream::script::{bell, poll},
    testing,
};

#[test]
fn an_error_is_the_last_item() {
    testing::run(1, |_rt| async move {
        let mut results = try_generate(|mut out| async move {
            out.send(1).await;
            Err("broken")
        });
        assert_eq!(results.next().await, Some(Ok(1)));
        assert!(!results.is_terminated());
        assert_eq!(results.next().await, Some(Err("broken")));
        assert!(results.is_terminated());
        assert_eq!(results.next().await, None);
        let sound = try_generate(|mut out| async move {
            out.send(2).await;
            Ok::<_, &str>(())
        });
        assert_eq!(sound.collect::<Vec<_>>().await, [Ok(2)]);
    });
}

#[test]
fn a_panic_comes_through_and_ends_the_stream() {
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|mut out| async move {
        out.send(1).await;
        drop(sender.send(out));
        panic!("as planned");
    });
    let (_, waker) = bell();
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut stream, &waker))).is_err());
    assert!(stream.is_terminated());
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
    let mut out: Out<i32> = receiver.now_or_never().unwrap().unwrap();
    assert_eq!(out.send(2).now_or_never(), Some(Sent::Refused(2)));
}

#[test]
fn what_is_sent_after_the_end_comes_back() {
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|out| async move { drop(sender.send(out)) });
    let (_, waker) = bell();
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
    let mut out = receiver.now_or_never().unwrap().unwrap();
    assert_eq!(out.send(7).now_or_never(), Some(Sent::Refused(7)));
}

#[test]
fn an_item_from_elsewhere_is_handed_out_before_the_end() {
    let (go, gone) = oneshot::channel::<()>();
    let (sender, receiver) = oneshot::channel();
    let mut stream = generate(|out| async move {
        drop(sender.send(out));
        let _ = gone.await;
    });
    let (_, waker) = bell();
    assert_eq!(poll(&mut stream, &waker), Poll::Pending);
    let mut out: Out<u32> = receiver.now_or_never().unwrap().unwrap();
    let mut send = pin!(out.send(7));
    let (sender_bell, sender_waker) = bell();
    assert_eq!(send.as_mut().poll(&mut Context::from_waker(&sender_waker)), Poll::Pending);
    drop(go);
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(7)));
    assert_eq!(sender_bell.rung(), 1);
    assert_eq!(send.as_mut().poll(&mut Context::from_waker(&sender_waker)), Poll::Ready(Sent::Taken));
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
}

#[test]
fn an_item_that_nobody_takes_any_more_comes_back() {
    let (stream, mut out) = given_away();
    let mut send = pin!(out.send(7));
    let (sender_bell, sender_waker) = bell();
    let mut cx = Context::from_waker(&sender_waker);
    assert_eq!(send.as_mut().poll(&mut cx), Poll::Pending);
    drop(stream);
    assert_eq!(sender_bell.rung(), 1);
    assert_eq!(send.as_mut().poll(&mut cx), Poll::Ready(Sent::Refused(7)));
}

#[test]
fn the_generator_is_dropped_when_it_ends_and_with_its_stream() {
    for ends in [true, false] {
        let kept = Arc::new(());
        let inner = kept.clone();
        let mut stream = generate(|mut out| async move {
            let _inner = inner;
            out.send(1).await;
            if !ends {
                future::pending::<()>().await;
            }
        });
        let (bell, waker) = bell();
        assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
        assert_eq!(poll(&mut stream, &waker).is_ready(), ends);
        assert_eq!(Arc::strong_count(&kept), if ends { 1 } else { 2 });
        drop((stream, waker));
        assert_eq!((Arc::strong_count(&kept), Arc::strong_count(&bell)), (1, 1));
    }
}
