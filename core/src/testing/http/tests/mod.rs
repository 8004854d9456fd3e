//! Each fault as a client sees it, byte by byte.

mod accepting;
mod bodies;
mod faults;
mod ledger;
mod proxying;
mod ready_made;
mod scripts;
mod stopping;
mod tls;

use std::{io, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    rt::{BoxConnection, Rt},
    testing::{for_each_seed, run},
};

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

async fn start(rt: &Rt, handler: impl Handler) -> Server {
    Server::start(rt, LOCAL, handler).await.expect("a free port")
}

/// A server with one reply for everybody.
async fn start_with(rt: &Rt, reply: Reply) -> Server {
    start(rt, move |_: &Received| reply.clone()).await
}

async fn connect(rt: &Rt, to: std::net::SocketAddr) -> BoxConnection {
    rt.connect(to).await.expect("a listener")
}

async fn send(client: &mut BoxConnection, text: &str) {
    client.write_all(text.as_bytes()).await.expect("an open connection");
}

/// All that comes to the end, and how that was.
async fn read_to_end(client: &mut BoxConnection) -> (String, io::Result<()>) {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    let end = loop {
        match client.read(&mut piece).await {
            Ok(0) => break Ok(()),
            Ok(n) => all.extend_from_slice(&piece[..n]),
            Err(error) => break Err(error),
        }
    };
    (String::from_utf8_lossy(&all).into_owned(), end)
}

/// Reads until what came ends with `end`.
async fn read_until(client: &mut BoxConnection, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let mut byte = [0];
        let n = client.read(&mut byte).await.expect("an open connection");
        assert_eq!(n, 1, "ended after {:?}", String::from_utf8_lossy(&all));
        all.push(byte[0]);
    }
    String::from_utf8(all).expect("text")
}

/// One request on a connection of its own, and all that comes of it.
async fn ask(rt: &Rt, server: &Server, request: &str) -> (String, io::Result<()>) {
    let mut client = connect(rt, server.addr()).await;
    send(&mut client, request).await;
    read_to_end(&mut client).await
}

/// The whole answer to a `GET` of a reply that closes.
fn answer(reply: Reply) -> String {
    run(1, |rt| async move {
        let server = start_with(&rt, reply).await;
        let (text, end) = ask(&rt, &server, GET).await;
        end.expect("a clean end");
        text
    })
}

fn second() -> Duration {
    Duration::from_secs(1)
}
