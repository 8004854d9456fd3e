//! The runtimes of others, the threads of others, and the ends of time.

use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, executor::block_on};
use seaworthy_tokio::{Rt, Tokio, run};

#[test]
fn there_is_no_current_runtime_outside_of_one() {
    assert!(Tokio::current().is_err());
}

#[test]
fn a_runtime_of_others_is_used_and_left_as_it_was() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let rt = Tokio::current().expect("inside one").rt();
        assert_eq!(rt.spawn("answer", async { 6 * 7 }).await.expect("no panic"), 42);
        drop(rt);
        // The watching task ends with the handle, at its next turn.
        while runtime.metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn the_end_of_a_runtime_of_others_is_noticed() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let rt = Tokio::new(runtime.handle().clone()).rt();
    let mut sleep = rt.sleep(Duration::from_secs(3600));
    let mut poll = || sleep.poll_unpin(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    drop(runtime);
    let panics = count_panics();
    assert!(poll().is_pending());
    assert_eq!(panics.load(Ordering::SeqCst), 0, "not even a panic that is caught: it would be printed");
    assert!(block_on(rt.spawn("late", async {})).expect_err("no runtime").is_cancelled());
}

fn count_panics() -> Arc<AtomicUsize> {
    let panics = Arc::new(AtomicUsize::new(0));
    let (count, report) = (Arc::clone(&panics), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        count.fetch_add(1, Ordering::SeqCst);
        report(info);
    }));
    panics
}

#[test]
fn everything_works_on_a_thread_and_an_executor_that_tokio_does_not_know() {
    run(async |rt| {
        let elsewhere = rt.clone();
        let (send, done) = futures::channel::oneshot::channel();
        thread::spawn(move || send.send(block_on(round_trip(elsewhere))));
        assert_eq!(done.await.expect("no panic"), "ahoy");
    });
}

async fn round_trip(rt: Rt) -> String {
    rt.sleep(Duration::from_millis(1)).await;
    let mut listener = rt.listen(([127, 0, 0, 1], 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound").tcp().expect("TCP");
    let mut client = rt.connect(("localhost", address.port())).await.expect("connected");
    client.write_all(b"ahoy").await.expect("written");
    client.close().await.expect("closed");
    let (mut server, _peer) = listener.accept().await.expect("accepted");
    let mut text = String::new();
    server.read_to_string(&mut text).await.expect("read");
    text
}

#[test]
fn a_paused_clock_is_seen() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let rt = Tokio::current().expect("inside one").rt();
        let start = rt.now();
        rt.sleep(Duration::from_secs(3600)).await;
        assert!(rt.now() - start >= Duration::from_secs(3600));
    });
}

#[test]
fn the_last_instant_there_is_can_be_waited_for() {
    run(async |rt| {
        let mut sleep = rt.sleep_until(last_instant());
        assert_eq!((&mut sleep).now_or_never(), None);
        sleep.reset(last_instant());
        assert_eq!((&mut sleep).now_or_never(), None);
        sleep.reset(rt.now());
        sleep.await;
    });
}

fn last_instant() -> Instant {
    let (mut last, mut step) = (Instant::now(), Duration::from_secs(1 << 62));
    while !step.is_zero() {
        match last.checked_add(step) {
            Some(later) => last = later,
            None => step /= 2,
        }
    }
    last
}
