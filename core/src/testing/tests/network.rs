use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;

use futures::FutureExt;

use super::*;
use crate::{
    rt::{Address, BoxConnection, BoxListener},
    testing::{Fate, Network, Side},
};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an IP address")
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

async fn listen(rt: &Rt, on: &str) -> BoxListener {
    rt.listen(at(on)).await.expect("a free address")
}

async fn listen_error(rt: &Rt, on: impl Into<Address>) -> io::ErrorKind {
    rt.listen(on).await.expect_err("taken or impossible").kind()
}

async fn connect_error(rt: &Rt, to: &str) -> io::ErrorKind {
    rt.connect(at(to)).await.expect_err("nobody there").kind()
}

#[test]
fn both_ends_know_both_addresses() {
    run(1, |rt| async move {
        let mut listener = listen(&rt, "127.0.0.1:80").await;
        let client = rt.connect(at("127.0.0.1:80")).await.expect("a listener");
        let (server, from) = listener.accept().await.expect("a connection");
        let address = |address: io::Result<Address>| address.expect("known");
        assert_eq!(address(listener.local_addr()), at("127.0.0.1:80").into());
        assert_eq!(address(client.peer_addr()), at("127.0.0.1:80").into());
        assert_eq!(address(server.local_addr()), at("127.0.0.1:80").into());
        assert_eq!(address(client.local_addr()), address(server.peer_addr()));
        assert_eq!(address(client.local_addr()), from);
        assert_eq!(from.tcp().expect("TCP").ip(), ip("127.0.0.1"));
        let other = rt.connect(at("127.0.0.1:80")).await.expect("a listener");
        assert_ne!(address(other.local_addr()), from);
    });
}

#[test]
fn nobody_there_is_refused_and_takes_its_time() {
    run(1, |rt| async move {
        let start = rt.now();
        assert_eq!(connect_error(&rt, "127.0.0.1:80").await, io::ErrorKind::ConnectionRefused);
        assert!((Duration::from_micros(200)..=ms(2)).contains(&(rt.now() - start)));
        assert_eq!(connect_error(&rt, "10.1.2.3:80").await, io::ErrorKind::ConnectionRefused);
        assert_eq!(connect_error(&rt, "8.8.8.8:80").await, io::ErrorKind::NetworkUnreachable);
        let path = Address::Unix(PathBuf::from("/run/nobody"));
        assert_eq!(rt.connect(path).await.expect_err("nobody").kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn an_address_is_taken_until_its_listener_is_dropped() {
    run(1, |rt| async move {
        let first = listen(&rt, "127.0.0.1:80").await;
        assert_eq!(listen_error(&rt, at("127.0.0.1:80")).await, io::ErrorKind::AddrInUse);
        assert_eq!(listen_error(&rt, at("0.0.0.0:80")).await, io::ErrorKind::AddrInUse);
        let _elsewhere = (listen(&rt, "127.0.0.2:80").await, listen(&rt, "[::1]:80").await);
        drop(first);
        drop(listen(&rt, "127.0.0.1:80").await);
        assert_eq!(connect_error(&rt, "127.0.0.1:80").await, io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn port_0_takes_a_free_port() {
    run(1, |rt| async move {
        let taken = listen(&rt, "127.0.0.1:49152").await;
        let mut listeners = vec![taken];
        for _ in 0..5 {
            listeners.push(listen(&rt, "127.0.0.1:0").await);
        }
        let mut ports: Vec<_> =
            listeners.iter().map(|l| l.local_addr().expect("known").to_string()).collect();
        ports.sort();
        ports.dedup();
        assert_eq!(ports.len(), 6, "{ports:?}");
        assert!(!ports.contains(&"127.0.0.1:0".to_owned()));
    });
}

#[test]
fn hosts_have_the_private_addresses_and_no_others() {
    run(1, |rt| async move {
        for on in ["127.9.9.9:1", "[::1]:1", "10.0.0.1:1", "192.168.3.4:1", "172.16.0.1:1", "[fd00::1]:1"] {
            let mut listener = listen(&rt, on).await;
            rt.connect(at(on)).await.expect(on);
            listener.accept().await.expect(on);
        }
        assert_eq!(listen_error(&rt, at("8.8.8.8:1")).await, io::ErrorKind::AddrNotAvailable);
        assert_eq!(listen_error(&rt, at("[2001:db8::1]:1")).await, io::ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn a_listener_on_all_addresses_hears_each() {
    run(1, |rt| async move {
        let mut listener = listen(&rt, "0.0.0.0:80").await;
        for to in ["127.0.0.1:80", "10.0.0.7:80", "0.0.0.0:80"] {
            let client = rt.connect(at(to)).await.expect(to);
            let (server, _) = listener.accept().await.expect(to);
            assert_eq!(server.local_addr().expect("known"), client.peer_addr().expect("known"));
        }
        assert_eq!(connect_error(&rt, "[::1]:80").await, io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn names_are_localhost_addresses_and_those_made_known() {
    let network = Network::default();
    network.name("DB.internal", [ip("10.0.0.5"), ip("fd00::5")]);
    let config = Config { network: network.clone(), ..Config::from(1) };
    run(config, |rt| async move {
        let found = async |host: &str| rt.resolve(host, 5).await.map_err(|error| error.kind());
        assert_eq!(found("LocalHost").await, Ok(vec![at("127.0.0.1:5"), at("[::1]:5")]));
        assert_eq!(found("1.2.3.4").await, Ok(vec![at("1.2.3.4:5")]));
        assert_eq!(found("db.INTERNAL").await, Ok(vec![at("10.0.0.5:5"), at("[fd00::5]:5")]));
        assert_eq!(found("example.org").await, Err(io::ErrorKind::NotFound));
        network.name("db.internal", []);
        assert_eq!(found("db.internal").await, Err(io::ErrorKind::NotFound));
        let error = rt.connect(("example.org", 80)).await.expect_err("unknown");
        assert!(error.to_string().contains("`example.org`"), "{error}");
    });
}

#[test]
fn a_dropped_listener_resets_those_who_wait_to_be_accepted() {
    run(1, |rt| async move {
        let listener = listen(&rt, "127.0.0.1:80").await;
        let mut client = rt.connect(at("127.0.0.1:80")).await.expect("a listener");
        drop(listener);
        let read = client.read(&mut [0; 1]).await.map_err(|error| error.kind());
        assert_eq!(read, Err(io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn a_full_backlog_makes_the_next_wait_for_a_place() {
    let config = Config { backlog_max: 2, ..Config::from(1) };
    run(config, |rt| async move {
        let mut listener = listen(&rt, "127.0.0.1:80").await;
        let spawn = |name| {
            let rt = rt.clone();
            rt.clone().spawn(name, async move { rt.connect(at("127.0.0.1:80")).await })
        };
        let mut tasks: Vec<_> = (0..5).map(|_| spawn("client")).collect();
        rt.sleep(secs(1)).await;
        assert_eq!(tasks.iter().filter(|task| task.is_finished()).count(), 2);
        // One who gives up in the queue takes nobody's place.
        let gives_up = tasks.iter().position(|task| !task.is_finished()).expect("three wait");
        drop(tasks.remove(gives_up));
        listener.accept().await.expect("a connection");
        rt.sleep(secs(1)).await;
        assert_eq!(tasks.iter().filter(|task| task.is_finished()).count(), 3);
        drop(listener);
        rt.sleep(secs(1)).await;
        let refused = tasks.into_iter().map(|task| async { task.await.expect("no panic").is_err() });
        let refused = futures::future::join_all(refused).await;
        assert_eq!(refused.into_iter().filter(|refused| *refused).count(), 1);
    });
}

#[test]
fn an_attempt_that_is_dropped_leaves_nothing_open() {
    for seed in 0..20 {
        run(seed, |rt| async move {
            let mut listener = listen(&rt, "127.0.0.1:80").await;
            let attempt = {
                let rt = rt.clone();
                rt.clone().spawn("client", async move {
                    rt.connect(at("127.0.0.1:80")).await.expect("a listener");
                })
            };
            rt.sleep(rt.rng("drop").duration(Duration::ZERO, ms(4))).await;
            drop(attempt);
            rt.sleep(secs(1)).await;
            // It came as far as the server, or it did not.
            if let Some(accepted) = listener.accept().now_or_never() {
                let (mut server, _) = accepted.expect("a connection");
                assert_eq!(server.read(&mut [0; 1]).await.expect("an end"), 0);
            }
            let mut client = rt.connect(at("127.0.0.1:80")).await.expect("still listening");
            let (mut server, _) = listener.accept().await.expect("a connection");
            client.write_all(b"x").await.expect("open");
            assert_eq!(server.read(&mut [0; 1]).await.expect("open"), 1);
        });
    }
}

#[test]
fn a_dropped_accept_loses_no_connection() {
    run(1, |rt| async move {
        let mut listener = listen(&rt, "127.0.0.1:80").await;
        assert!(listener.accept().now_or_never().is_none());
        let _client = rt.connect(at("127.0.0.1:80")).await.expect("a listener");
        listener.accept().await.expect("a connection");
    });
}

#[test]
fn unix_paths_are_names_and_their_clients_have_none() {
    run(1, |rt| async move {
        let path = || Address::Unix(PathBuf::from("/run/seaworthy.sock"));
        let mut listener = rt.listen(path()).await.expect("a free path");
        assert_eq!(listen_error(&rt, path()).await, io::ErrorKind::AddrInUse);
        let mut client = rt.connect(path()).await.expect("a listener");
        let (mut server, from) = listener.accept().await.expect("a connection");
        assert_eq!(from, Address::Unix(PathBuf::new()));
        assert_eq!(client.local_addr().expect("known"), from);
        assert_eq!(client.peer_addr().expect("known"), path());
        client.write_all(b"ahoy").await.expect("open");
        let mut read = [0; 4];
        server.read_exact(&mut read).await.expect("open");
        assert_eq!(&read, b"ahoy");
        // No reset on a Unix socket: what was written arrives, then the end.
        server.write_all(b"bye").await.expect("open");
        server.abort();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.expect("an end");
        assert_eq!(rest, "bye");
        drop(listener);
        rt.listen(path()).await.expect("free again");
        assert_eq!(listen_error(&rt, Address::Unix(PathBuf::new())).await, io::ErrorKind::InvalidInput);
    });
}

#[test]
fn connects_fail_hang_and_tarry_on_request() {
    let network = Network::default();
    let config = Config { network: network.clone(), ..Config::from(1) };
    run(config, |rt| async move {
        let mut listener = listen(&rt, "127.0.0.1:80").await;
        network.on_connect(|to| match to.tcp().expect("TCP").port() {
            1 => Fate::Fail(io::ErrorKind::HostUnreachable),
            2 => Fate::Hang,
            80 => Fate::Delay(secs(3)),
            _ => Fate::Proceed,
        });
        assert_eq!(connect_error(&rt, "127.0.0.1:1").await, io::ErrorKind::HostUnreachable);
        assert_eq!(connect_error(&rt, "127.0.0.1:3").await, io::ErrorKind::ConnectionRefused);
        let start = rt.now();
        assert!(rt.timeout(secs(9), rt.connect(at("127.0.0.1:2"))).await.is_err());
        assert_eq!(rt.now() - start, secs(9));
        let start = rt.now();
        rt.connect(at("127.0.0.1:80")).await.expect("a listener");
        listener.accept().await.expect("a connection");
        assert!((secs(3)..=secs(3) + ms(4)).contains(&(rt.now() - start)));
    });
}

#[test]
fn both_ends_of_every_connection_can_be_wrapped() {
    let network = Network::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let config = Config { network: network.clone(), ..Config::from(1) };
    let seen_inside = Arc::clone(&seen);
    run(config, |rt| async move {
        let mut listener = listen(&rt, "127.0.0.1:80").await;
        network.wrap(move |connection, info| {
            assert_eq!(connection.local_addr().expect("known"), info.local);
            assert_eq!(connection.peer_addr().expect("known"), info.peer);
            seen_inside.lock().push((info.number, info.side));
            if info.side == Side::Server {
                connection.abort();
                return Box::new(Broken) as BoxConnection;
            }
            connection
        });
        for _ in 0..2 {
            let mut client = rt.connect(at("127.0.0.1:80")).await.expect("a listener");
            let (server, _) = listener.accept().await.expect("a connection");
            assert!(server.peer_addr().is_err());
            assert!(client.read(&mut [0; 1]).await.is_err());
        }
    });
    let both = |number| [(number, Side::Client), (number, Side::Server)];
    assert_eq!(*seen.lock(), [both(0), both(1)].concat());
}

struct Broken;

mod broken {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use futures::{AsyncRead, AsyncWrite};

    use super::Broken;
    use crate::rt::{Address, Connection};

    fn broken<T>() -> io::Result<T> {
        Err(io::ErrorKind::NotConnected.into())
    }

    impl AsyncRead for Broken {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(broken())
        }
    }

    impl AsyncWrite for Broken {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(broken())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(broken())
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(broken())
        }
    }

    impl Connection for Broken {
        fn peer_addr(&self) -> io::Result<Address> {
            broken()
        }

        fn local_addr(&self) -> io::Result<Address> {
            broken()
        }

        fn set_nodelay(&self, _on: bool) -> io::Result<()> {
            broken()
        }

        fn is_write_vectored(&self) -> bool {
            false
        }

        fn abort(self: Box<Self>) {}
    }
}
