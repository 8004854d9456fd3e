//! How hosts find and reach each other.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{AsyncReadExt, AsyncWriteExt, future::join_all};
use seaworthy_core::rt::Address;
use seaworthy_sim::Config;

use crate::stage::{PORT, echo, finish, listen, ms, simulation};

#[test]
fn many_clients_connect_at_once() {
    for seed in 0..4 {
        let mut simulation = simulation(Config::seeded(seed));
        simulation.host("server", async |rt| {
            let mut listener = listen(&rt).await?;
            loop {
                let (connection, _) = listener.accept().await?;
                rt.spawn("echo", echo(connection)).detach();
            }
        });
        for client in ["one", "two", "three"] {
            simulation.client(client, move |rt| async move {
                rt.sleep(ms(1)).await;
                let asks = (0..100_u8).map(|n| {
                    let rt = rt.clone();
                    async move {
                        let mut connection = rt.connect(("server", PORT)).await?;
                        let question = format!("{client} {n}");
                        connection.write_all(question.as_bytes()).await?;
                        connection.close().await?;
                        let mut answer = String::new();
                        connection.read_to_string(&mut answer).await?;
                        assert_eq!(answer, question);
                        std::io::Result::Ok(())
                    }
                });
                for asked in join_all(asks).await {
                    asked?;
                }
                Ok(())
            });
        }
        finish(simulation);
    }
}

#[test]
fn a_connect_that_nobody_accepts_leaves_nothing_behind() {
    let mut simulation = simulation(Config::default());
    simulation.client("server", async |rt| {
        let mut listener = listen(&rt).await?;
        rt.sleep(ms(500)).await;
        // The one that gave up is not among those to accept.
        let (connection, _) = listener.accept().await?;
        assert_eq!(echo(connection).await?, 4);
        Ok(())
    });
    simulation.client("client", async |rt| {
        rt.sleep(ms(1)).await;
        let connected = rt.timeout(ms(100), rt.connect(("server", PORT))).await;
        assert!(connected.is_err(), "nobody accepts it");
        let mut connection = rt.connect(("server", PORT)).await?;
        connection.write_all(b"ahoy").await?;
        connection.close().await?;
        assert_eq!(connection.read_to_end(&mut Vec::new()).await?, 4);
        Ok(())
    });
    finish(simulation);
}

#[test]
fn a_connect_dropped_as_it_is_accepted_ends_at_the_server_too() {
    let ghosts = Arc::new(AtomicUsize::new(0));
    for seed in 0..20 {
        let mut simulation = simulation(Config::seeded(seed));
        let counted = Arc::clone(&ghosts);
        simulation.host("server", move |rt| {
            let counted = Arc::clone(&counted);
            async move {
                let mut listener = listen(&rt).await?;
                loop {
                    let (mut connection, _) = listener.accept().await?;
                    let read = rt.timeout(ms(500), connection.read(&mut [0])).await;
                    assert_eq!(read.expect("it hears of the end")?, 0);
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        simulation.client("client", async |rt| {
            rt.sleep(ms(1)).await;
            for patience in 0..10 {
                let inner = rt.clone();
                let connecting = rt.spawn("connect", async move { inner.connect(("server", PORT)).await });
                rt.sleep(ms(patience)).await;
                // Dropped unpolled, whether or not the answer is there.
                drop(connecting);
                rt.sleep(ms(20)).await;
            }
            rt.sleep(Duration::from_secs(1)).await;
            Ok(())
        });
        finish(simulation);
    }
    assert!(ghosts.load(Ordering::Relaxed) > 100);
}

#[test]
fn what_a_simulated_network_lacks_is_an_error_and_no_panic() {
    seaworthy_sim::run(1, async |rt| {
        let kind = |result: std::io::Result<_>| result.map(drop).expect_err("it lacks this").kind();
        assert_eq!(kind(rt.resolve("nobody", 80).await.map(drop)), ErrorKind::NotFound);
        assert_eq!(kind(rt.connect(("nobody", 80)).await.map(drop)), ErrorKind::NotFound);
        // The question has not made the name known.
        assert_eq!(kind(rt.resolve("nobody", 80).await.map(drop)), ErrorKind::NotFound);
        assert_eq!(
            kind(rt.connect(Address::from(([10, 0, 0, 1], 80))).await.map(drop)),
            ErrorKind::ConnectionRefused
        );
        assert_eq!(kind(rt.listen(([10, 0, 0, 1], 80)).await.map(drop)), ErrorKind::AddrNotAvailable);
        let any_v6 = Address::Tcp("[::]:80".parse().expect("an address"));
        assert_eq!(kind(rt.listen(any_v6).await.map(drop)), ErrorKind::AddrNotAvailable);
        let unix = Address::Unix("/run/x.sock".into());
        assert_eq!(kind(rt.listen(unix.clone()).await.map(drop)), ErrorKind::Unsupported);
        assert_eq!(kind(rt.connect(unix).await.map(drop)), ErrorKind::Unsupported);
    });
}

#[test]
fn hosts_find_each_other_over_ipv6_as_well() {
    let mut simulation = simulation(Config { ipv6: true, ..Config::default() });
    simulation.client("server", async |rt| {
        let any = Address::Tcp("[::]:80".parse()?);
        let (connection, _) = rt.listen(any).await?.accept().await?;
        assert_eq!(echo(connection).await?, 4);
        Ok(())
    });
    simulation.client("client", async |rt| {
        rt.sleep(ms(1)).await;
        let mut connection = rt.connect(("server", PORT)).await?;
        connection.write_all(b"ahoy").await?;
        connection.close().await?;
        assert_eq!(connection.read_to_end(&mut Vec::new()).await?, 4);
        Ok(())
    });
    finish(simulation);
}
