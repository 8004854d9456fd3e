//! How connections end: one direction, both, or at once.

use std::{
    io::{self, ErrorKind},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures::{AsyncReadExt, AsyncWriteExt, future::join};

use super::{
    Case,
    bytes::{Pattern, receive_all, send},
    pair::pair,
    transfer::{stalled, write_counted},
};
use crate::rt::{BoxConnection, Rt};

pub(super) const CASES: &[Case] = &[
    case!(one_direction_can_end_before_the_other),
    case!(closing_twice_is_fine),
    case!(nothing_can_be_written_after_a_close),
    case!(what_was_written_before_the_drop_arrives),
    case!(a_dropped_peer_wakes_a_waiting_reader),
    case!(a_dropped_peer_wakes_a_blocked_writer),
    case!(an_abort_reaches_a_waiting_reader_as_a_reset),
    case!(an_abort_reaches_a_blocked_writer),
];

async fn one_direction_can_end_before_the_other(rt: Rt) {
    let (client, server) = pair(&rt).await;
    half_close(&rt, client, server).await;
    let (client, server) = pair(&rt).await;
    half_close(&rt, server, client).await;
}

/// `first` closes, and is answered all the same.
async fn half_close(rt: &Rt, mut first: BoxConnection, mut second: BoxConnection) {
    let answering = rt.spawn("answers after the end", async move {
        let mut question = String::new();
        second.read_to_string(&mut question).await?;
        second.write_all(question.to_uppercase().as_bytes()).await?;
        send(&mut second, &mut Pattern::new(), 1 << 20).await?;
        second.close().await?;
        io::Result::Ok(second)
    });
    first.write_all(b"ahoy").await.expect("writing works");
    first.close().await.expect("closing works");
    let mut answer = [0; 4];
    first.read_exact(&mut answer).await.expect("the other direction is open");
    assert_eq!(&answer, b"AHOY");
    let received = receive_all(&mut first, &mut Pattern::new()).await.expect("it stays open");
    assert_eq!(received, 1 << 20);
    let mut byte = [0];
    assert_eq!(first.read(&mut byte).await.expect("the end stays the end"), 0);
    answering.await.expect("no panic").expect("answering works");
}

async fn closing_twice_is_fine(rt: Rt) {
    let (mut client, mut server) = pair(&rt).await;
    client.close().await.expect("closing works");
    client.close().await.expect("closing twice works");
    let mut byte = [0];
    assert_eq!(server.read(&mut byte).await.expect("the end comes"), 0);
    server.close().await.expect("closing the other end works");
    assert_eq!(client.read(&mut byte).await.expect("the end comes"), 0);
    client.close().await.expect("closing works when both directions have ended");
    server.close().await.expect("on either side");
}

async fn nothing_can_be_written_after_a_close(rt: Rt) {
    let (mut client, _server) = pair(&rt).await;
    client.close().await.expect("closing works");
    let written = client.write(b"late").await;
    assert!(written.is_err(), "a write after the close gave {written:?}");
}

async fn what_was_written_before_the_drop_arrives(rt: Rt) {
    let (mut client, mut server) = pair(&rt).await;
    let sender = rt.spawn("sender", async move { send(&mut client, &mut Pattern::new(), 1 << 20).await });
    let received = receive_all(&mut server, &mut Pattern::new()).await.expect("it ends well");
    assert_eq!(received, 1 << 20);
    sender.await.expect("no panic").expect("sending works");
}

async fn a_dropped_peer_wakes_a_waiting_reader(rt: Rt) {
    let (mut client, server) = pair(&rt).await;
    let mut byte = [0];
    let (read, ()) = join(client.read(&mut byte), later(&rt, move || drop(server))).await;
    assert_eq!(read.expect("the end is no error"), 0);
}

async fn a_dropped_peer_wakes_a_blocked_writer(rt: Rt) {
    ends_while_written_to(&rt, drop).await;
}

async fn an_abort_reaches_a_waiting_reader_as_a_reset(rt: Rt) {
    let (mut client, server) = pair(&rt).await;
    let mut byte = [0];
    let (read, ()) = join(client.read(&mut byte), later(&rt, move || server.abort())).await;
    let error = read.expect_err("an abort is no good end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
}

async fn an_abort_reaches_a_blocked_writer(rt: Rt) {
    ends_while_written_to(&rt, super::super::net::Connection::abort).await;
}

/// The peer of a writer that waits for room ends the connection without having read anything.
async fn ends_while_written_to(rt: &Rt, end: fn(BoxConnection)) {
    let (client, server) = pair(rt).await;
    let written = Arc::new(AtomicU64::new(0));
    let writer = rt.spawn("writer", write_counted(client, Arc::clone(&written)));
    stalled(rt, &written).await;
    end(server);
    let error = writer.await.expect("no panic").expect_err("there is nobody to write to");
    let expected = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::ConnectionAborted];
    assert!(expected.contains(&error.kind()), "{error}");
}

async fn later(rt: &Rt, end: impl FnOnce()) {
    rt.sleep(Duration::from_millis(2)).await;
    end();
}
