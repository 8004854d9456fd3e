//! The executors and threads of others, and the ends of time.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_executor::Executor;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, executor::block_on};
use seaworthy_smol::{Rt, Smol, run};

#[test]
fn the_end_of_an_executor_of_others_is_noticed() {
    let executor = Arc::new(Executor::new());
    let rt = Smol::new(&executor).rt();
    let waits = rt.spawn("waits", std::future::pending::<()>());
    drop(executor);
    assert!(block_on(waits).expect_err("dropped").is_cancelled());
    assert!(block_on(rt.spawn("late", async {})).expect_err("no executor").is_cancelled());
    assert!(block_on(rt.spawn_blocking("late", || ())).expect_err("no executor").is_cancelled());
}

#[test]
fn everything_works_on_a_thread_and_an_executor_that_smol_does_not_know() {
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
