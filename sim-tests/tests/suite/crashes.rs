//! Hosts that go down in the middle of a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use seaworthy_core::rt::Rng;
use seaworthy_sim::Config;

use crate::stage::{PORT, echo, fill, finish, listen, ms, run_for, simulation};

#[test]
fn a_crash_ends_the_connections_of_the_host() {
    let mut simulation = simulation(Config::default());
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    simulation.client("server", move |rt| {
        let noted = Arc::clone(&noted);
        async move {
            let (mut connection, _) = listen(&rt).await?.accept().await?;
            let read = connection.read(&mut [0]).await;
            *noted.lock() = Some(read.map_err(|error| error.kind()));
            Ok(())
        }
    });
    simulation.host("doomed", async |rt| {
        rt.sleep(ms(1)).await;
        let _connection = rt.connect(("server", PORT)).await?;
        std::future::pending().await
    });
    run_for(&mut simulation, ms(100));
    assert_eq!(*seen.lock(), None);
    simulation.crash("doomed");
    finish(simulation);
    assert_eq!(*seen.lock(), Some(Ok(0)));
}

#[test]
fn nobody_is_told_of_a_loss_of_power() {
    let mut simulation = simulation(Config::default());
    simulation.client("writer", async |rt| {
        let (mut connection, _) = listen(&rt).await?.accept().await?;
        fill(&rt, &mut connection, &[0; 1000]).await?;
        let written = rt.timeout(Duration::from_secs(60), connection.write_all(&[0; 1000])).await;
        assert!(written.is_err(), "after the power has gone, a write gave {written:?}");
        Ok(())
    });
    simulation.client("reader", async |rt| {
        let (mut connection, _) = listen(&rt).await?.accept().await?;
        let read = rt.timeout(Duration::from_secs(60), connection.read(&mut [0])).await;
        assert!(read.is_err(), "after the power has gone, a read gave {read:?}");
        Ok(())
    });
    simulation.host("doomed", async |rt| {
        rt.sleep(ms(1)).await;
        let _writer = rt.connect(("writer", PORT)).await?;
        let _reader = rt.connect(("reader", PORT)).await?;
        std::future::pending().await
    });
    run_for(&mut simulation, ms(200));
    simulation.turmoil().partition("doomed", "writer");
    simulation.turmoil().partition("doomed", "reader");
    simulation.crash("doomed");
    finish(simulation);
}

#[test]
fn crashes_in_the_middle_of_everything_leave_nothing_behind() {
    let answers = Arc::new(AtomicUsize::new(0));
    for seed in 0..10 {
        let mut simulation = simulation(Config::seeded(seed));
        simulation.host("server", async |rt| {
            let mut listener = listen(&rt).await?;
            loop {
                let (connection, _) = listener.accept().await?;
                rt.spawn("echo", echo(connection)).detach();
            }
        });
        for client in ["one", "two"] {
            let answers = Arc::clone(&answers);
            simulation.client(client, move |rt| {
                let answers = Arc::clone(&answers);
                async move {
                    let end = rt.now() + Duration::from_secs(1);
                    while rt.now() < end {
                        let ask = async {
                            let mut connection = rt.connect(("server", PORT)).await?;
                            connection.write_all(&[7; 20_000]).await?;
                            connection.close().await?;
                            connection.read_to_end(&mut Vec::new()).await
                        };
                        // Who is down gives no answer, and who goes down an error.
                        if let Ok(Ok(20_000)) = rt.timeout(ms(50), ask).await {
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                        rt.sleep(ms(1)).await;
                    }
                    Ok(())
                }
            });
        }
        let mut rng = Rng::from_seed(seed);
        let hosts = ["server", "one", "two"];
        while simulation.elapsed() < Duration::from_secs(3) {
            simulation.step().expect("nothing fails");
            let host = hosts[rng.index(3)];
            match rng.below(40) {
                0 => simulation.crash(host),
                1 | 2 => simulation.bounce(host),
                _ => {}
            }
        }
        for host in hosts {
            simulation.bounce(host);
        }
        finish(simulation);
    }
    assert!(answers.load(Ordering::Relaxed) > 100);
}
