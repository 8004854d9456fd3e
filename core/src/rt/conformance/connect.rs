//! Connections that come about, and those that do not.

use std::io;

use futures::{
    AsyncReadExt, AsyncWriteExt,
    future::{join, join_all},
};

use super::{
    Case,
    bytes::poll_once,
    pair::{ANY_PORT, address, ask, listen, pair},
};
use crate::rt::{Address, BoxListener, Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(a_connection_carries_bytes_both_ways),
    case!(both_ends_know_each_others_address),
    case!(a_port_without_a_listener_refuses),
    case!(a_name_that_cannot_exist_is_an_error),
    case!(an_address_resolves_to_itself),
    case!(localhost_is_this_host),
    case!(a_cancelled_connect_harms_no_later_one),
    case!(two_hundred_ends_are_open_at_once),
    case!(nodelay_can_be_switched),
];

async fn a_connection_carries_bytes_both_ways(rt: Rt) {
    let (mut client, server) = pair(&rt).await;
    let mut server = ask(&rt, &mut client, server).await;
    ask(&rt, &mut server, client).await;
}

async fn both_ends_know_each_others_address(rt: Rt) {
    let mut listener = listen(&rt).await;
    let to = address(&listener);
    let (client, accepted) = join(rt.connect(to.clone()), listener.accept()).await;
    let (client, (server, from)) = (client.expect("it connects"), accepted.expect("it accepts"));
    let client_local = client.local_addr().expect("it has an address");
    assert_eq!(client.peer_addr().expect("it has a peer"), to);
    assert_eq!(server.local_addr().expect("it has an address"), to);
    assert_eq!(server.peer_addr().expect("it has a peer"), client_local);
    assert_eq!(from, client_local, "accept names the peer");
}

async fn a_port_without_a_listener_refuses(rt: Rt) {
    let listener = listen(&rt).await;
    let to = address(&listener);
    drop(listener);
    for _ in 0..3 {
        let error = rt.connect(to.clone()).await.expect_err("nobody listens there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
        assert!(error.to_string().contains(&to.to_string()), "the error names the address: {error}");
    }
}

async fn a_name_that_cannot_exist_is_an_error(rt: Rt) {
    // A label has at most 63 bytes, so no name server is asked.
    let name = "x".repeat(64);
    let error = rt.resolve(&name, 80).await.expect_err("there is no such name");
    assert!(error.to_string().contains(&name), "the error names it: {error}");
    assert!(rt.connect((name, 80)).await.is_err());
}

async fn an_address_resolves_to_itself(rt: Rt) {
    for address in ["127.0.0.1:80", "[::1]:80"] {
        let address: std::net::SocketAddr = address.parse().expect("an address");
        let resolved = rt.resolve(&address.ip().to_string(), 80).await.expect("no lookup is needed");
        assert_eq!(resolved, [address]);
    }
}

async fn localhost_is_this_host(rt: Rt) {
    let mut listener = listen(&rt).await;
    let port = address(&listener).tcp().expect("a TCP address").port();
    let resolved = rt.resolve("localhost", port).await.expect("every host knows it");
    assert!(!resolved.is_empty(), "an answer is never empty");
    assert!(
        resolved.iter().all(|address| address.port() == port && address.ip().is_loopback()),
        "{resolved:?}"
    );
    let (client, accepted) = join(rt.connect(("localhost", port)), listener.accept()).await;
    ask(&rt, &mut client.expect("it connects by name"), accepted.expect("it accepts").0).await;
}

async fn a_cancelled_connect_harms_no_later_one(rt: Rt) {
    let mut listener = listen(&rt).await;
    let to = address(&listener);
    for polls in 0..8 {
        let mut abandoned = Box::pin(rt.connect(to.clone()));
        for _ in 0..polls {
            if poll_once(&mut abandoned).await.is_ready() {
                break;
            }
            yield_now().await;
        }
        drop(abandoned);
        let server = rt.spawn("server", first_that_speaks(listener));
        let mut client = rt.connect(to.clone()).await.expect("the listener is still there");
        client.write_all(b"!").await.expect("writing works");
        client.flush().await.expect("flushing works");
        let mut reply = [0];
        client.read_exact(&mut reply).await.expect("the answer comes");
        listener = server.await.expect("no panic").expect("accepting works");
    }
}

/// Answers the first peer that sends something. One that gave up may come before it and says nothing.
async fn first_that_speaks(mut listener: BoxListener) -> io::Result<BoxListener> {
    loop {
        let Ok((mut connection, _)) = listener.accept().await else { continue };
        let mut byte = [0];
        if connection.read_exact(&mut byte).await.is_ok() {
            connection.write_all(&byte).await?;
            connection.flush().await?;
            return Ok(listener);
        }
    }
}

async fn two_hundred_ends_are_open_at_once(rt: Rt) {
    const CONNECTIONS: usize = 100;
    let mut listener = rt.listen(ANY_PORT).await.expect("it listens");
    let to = address(&listener);
    let acceptor = rt.spawn("acceptor", async move {
        let mut connections = Vec::new();
        while connections.len() < CONNECTIONS {
            connections.push(listener.accept().await?.0);
        }
        io::Result::Ok(connections)
    });
    let connects = (0..CONNECTIONS).map(|_| rt.connect(to.clone()));
    let clients: io::Result<Vec<_>> = join_all(connects).await.into_iter().collect();
    let clients = clients.expect("each connects");
    let servers = acceptor.await.expect("no panic").expect("each is accepted");

    let echoes: Vec<_> = servers
        .into_iter()
        .map(|server| {
            rt.spawn("echo", async move {
                let (reader, mut writer) = server.split();
                futures::io::copy(reader, &mut writer).await?;
                writer.close().await
            })
        })
        .collect();
    let talks = clients.into_iter().enumerate().map(|(n, mut client)| {
        rt.spawn("client", async move {
            let words = format!("connection {n}");
            client.write_all(words.as_bytes()).await?;
            client.close().await?;
            let mut echo = String::new();
            client.read_to_string(&mut echo).await?;
            io::Result::Ok(echo == words)
        })
    });
    for talk in join_all(talks).await {
        assert!(talk.expect("no panic").expect("no error"), "the bytes of another connection");
    }
    for echo in echoes {
        echo.await.expect("no panic").expect("no error");
    }
}

async fn nodelay_can_be_switched(rt: Rt) {
    let (client, server) = pair(&rt).await;
    for connection in [&client, &server] {
        for on in [false, true] {
            connection.set_nodelay(on).expect("TCP has it");
        }
    }
    assert!(matches!(client.peer_addr(), Ok(Address::Tcp(_))));
}
