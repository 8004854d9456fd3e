//! Unix sockets and IPv6, where there are any.

use std::{
    io::ErrorKind,
    net::Ipv6Addr,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use futures::{AsyncReadExt, AsyncWriteExt, future::join};

use super::{
    Case,
    bytes::{Pattern, receive_all, send},
    pair::{address, ask, pair_at},
};
use crate::rt::{Address, Rt};

pub(super) const CASES: &[Case] = &[
    case!(ipv6_carries_bytes, Ipv6),
    case!(a_unix_socket_carries_bytes, UnixSockets),
    case!(a_unix_socket_ends_one_direction_before_the_other, UnixSockets),
    case!(a_unix_listener_takes_its_path_and_gives_it_back, UnixSockets),
    case!(an_aborted_unix_socket_ends, UnixSockets),
];

/// A path that no other case uses, short enough for every system.
fn fresh_path() -> Address {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("seaworthy-{}-{number}.sock", std::process::id());
    Address::Unix(std::env::temp_dir().join(name))
}

async fn ipv6_carries_bytes(rt: Rt) {
    let mut listener = rt.listen(Address::Tcp((Ipv6Addr::LOCALHOST, 0).into())).await.expect("it listens");
    let (mut client, server) = pair_at(&rt, &mut listener).await;
    assert_eq!(client.peer_addr().expect("it has a peer"), address(&listener));
    assert!(address(&listener).tcp().is_some_and(|address| address.is_ipv6() && address.port() != 0));
    ask(&rt, &mut client, server).await;
}

async fn a_unix_socket_carries_bytes(rt: Rt) {
    let path = fresh_path();
    let mut listener = rt.listen(path.clone()).await.expect("it listens");
    assert_eq!(address(&listener), path);
    let (mut client, server) = pair_at(&rt, &mut listener).await;
    assert_eq!(client.peer_addr().expect("it has a peer"), path);
    assert_eq!(server.local_addr().expect("it has an address"), path);
    assert_eq!(
        server.peer_addr().expect("it has a peer"),
        Address::Unix(PathBuf::new()),
        "a peer without a name"
    );
    client.set_nodelay(true).expect("it means nothing here, and does no harm");
    let mut server = ask(&rt, &mut client, server).await;
    let sender = async {
        send(&mut client, &mut Pattern::new(), 4 << 20).await?;
        client.close().await
    };
    let mut pattern = Pattern::new();
    let (sent, received) = join(sender, receive_all(&mut server, &mut pattern)).await;
    sent.expect("sending works");
    assert_eq!(received.expect("reading works"), 4 << 20);
}

async fn a_unix_socket_ends_one_direction_before_the_other(rt: Rt) {
    let mut listener = rt.listen(fresh_path()).await.expect("it listens");
    let (mut client, mut server) = pair_at(&rt, &mut listener).await;
    client.close().await.expect("closing works");
    client.close().await.expect("closing twice works");
    let mut byte = [0];
    assert_eq!(server.read(&mut byte).await.expect("the end comes"), 0);
    server.write_all(b"!").await.expect("the other direction is open");
    server.close().await.expect("closing works");
    client.read_exact(&mut byte).await.expect("the answer comes");
    assert_eq!(client.read(&mut byte).await.expect("the end comes"), 0);
}

async fn a_unix_listener_takes_its_path_and_gives_it_back(rt: Rt) {
    let path = fresh_path();
    let error = rt.connect(&path).await.expect_err("nobody listens there");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    for _ in 0..3 {
        let mut listener = rt.listen(path.clone()).await.expect("the path is free");
        let error = rt.listen(path.clone()).await.expect_err("the path is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        let (mut client, server) = pair_at(&rt, &mut listener).await;
        drop(listener);
        ask(&rt, &mut client, server).await;
        let error = rt.connect(&path).await.expect_err("the listener took its path with it");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

async fn an_aborted_unix_socket_ends(rt: Rt) {
    let mut listener = rt.listen(fresh_path()).await.expect("it listens");
    let (mut client, server) = pair_at(&rt, &mut listener).await;
    server.abort();
    let mut byte = [0];
    assert_eq!(client.read(&mut byte).await.expect("there is no reset here, only the end"), 0);
}
