//! Listening sockets: their address, their queue, their end.

use std::{collections::BTreeSet, io, task::Poll, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, future::join};

use super::{
    Case,
    bytes::poll_once,
    pair::{address, ask, listen, pair_at},
};
use crate::rt::{Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(port_zero_takes_a_free_port),
    case!(an_address_in_use_is_refused),
    case!(a_dropped_listener_frees_its_port),
    case!(connections_outlive_their_listener),
    case!(a_waiting_accept_is_woken),
    case!(a_cancelled_accept_loses_no_connection),
];

async fn port_zero_takes_a_free_port(rt: Rt) {
    let (one, other) = (listen(&rt).await, listen(&rt).await);
    let ports = [&one, &other].map(|listener| address(listener).tcp().expect("a TCP address").port());
    assert!(!ports.contains(&0), "{ports:?}");
    assert_ne!(ports[0], ports[1]);
}

async fn an_address_in_use_is_refused(rt: Rt) {
    let listener = listen(&rt).await;
    let taken = address(&listener);
    let error = rt.listen(taken.clone()).await.expect_err("the address is taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
    assert!(error.to_string().contains(&taken.to_string()), "the error names the address: {error}");
}

async fn a_dropped_listener_frees_its_port(rt: Rt) {
    let mut listener = listen(&rt).await;
    let on = address(&listener);
    for _ in 0..3 {
        let (mut client, server) = pair_at(&rt, &mut listener).await;
        // This end closes first, so the system remembers the connection for a while: no reason to refuse the port.
        let mut server = ask(&rt, &mut client, server).await;
        server.close().await.expect("it closes");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.expect("the end comes");
        drop((client, server, listener));
        listener = rt.listen(on.clone()).await.expect("the port is free again");
    }
}

async fn connections_outlive_their_listener(rt: Rt) {
    let mut listener = listen(&rt).await;
    let (mut client, server) = pair_at(&rt, &mut listener).await;
    drop(listener);
    ask(&rt, &mut client, server).await;
}

async fn a_waiting_accept_is_woken(rt: Rt) {
    let mut listener = listen(&rt).await;
    let to = address(&listener);
    let acceptor =
        rt.spawn("acceptor", async move { listener.accept().await.map(|(connection, _)| connection) });
    for _ in 0..10 {
        yield_now().await;
    }
    let mut client = rt.connect(to).await.expect("it connects");
    let server = acceptor.await.expect("no panic").expect("it accepts");
    ask(&rt, &mut client, server).await;
}

async fn a_cancelled_accept_loses_no_connection(rt: Rt) {
    const CONNECTIONS: u8 = 32;
    let mut listener = listen(&rt).await;
    let to = address(&listener);
    let connector = rt.clone();
    let clients = async move {
        let mut clients = Vec::new();
        for n in 0..CONNECTIONS {
            let mut client = connector.connect(to.clone()).await?;
            client.write_all(&[n]).await?;
            client.flush().await?;
            clients.push(client);
        }
        io::Result::Ok(clients)
    };
    let acceptor = async {
        let mut accepted = Vec::new();
        while accepted.len() < usize::from(CONNECTIONS) {
            // One poll, then the future is dropped; every other time the next one is waited for.
            let impatient = poll_once(listener.accept().boxed()).await;
            let one = match impatient {
                Poll::Ready(one) => Some(one),
                Poll::Pending if accepted.len() % 2 == 0 => Some(listener.accept().await),
                Poll::Pending => None,
            };
            match one {
                Some(one) => accepted.push(one.expect("accepting works").0),
                None => rt.sleep(Duration::from_micros(100)).await,
            }
        }
        accepted
    };
    let (clients, accepted) = join(rt.spawn("clients", clients), acceptor).await;
    let _clients = clients.expect("no panic").expect("each connects");
    let mut seen = BTreeSet::new();
    for mut connection in accepted {
        let mut byte = [0];
        connection.read_exact(&mut byte).await.expect("its byte comes");
        seen.insert(byte[0]);
    }
    assert_eq!(seen, (0..CONNECTIONS).collect());
}
