//! What connections carry, while they last.

use std::{io, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_core::rt::BoxConnection;
use seaworthy_sim::{
    engine::{Engine, Run},
    fault::FaultKind,
    scenario::Host,
};

use super::play::{BEGIN, END, SLACK, Seen, connect, effects, fault, ms, play, server_of_one, until};

/// One number a tenth of a second, for five seconds, and then the end.
const NUMBERS: u8 = 50;

async fn send(host: &Host, mut writer: impl futures::AsyncWrite + Unpin) -> io::Result<()> {
    for number in 0..NUMBERS {
        until(host, ms(100 * u64::from(number) + 100)).await;
        writer.write_all(&[number]).await?;
    }
    writer.close().await
}

type Arrivals = Vec<(Duration, u8)>;

async fn receive(
    host: &Host,
    mut reader: impl futures::AsyncRead + Unpin,
    seen: Seen<(Duration, u8)>,
) -> io::Result<()> {
    let mut byte = [0];
    while reader.read(&mut byte).await? > 0 {
        seen.add((host.now(), byte[0]));
    }
    Ok(())
}

async fn both(host: Host, connection: BoxConnection, seen: Seen<(Duration, u8)>) -> io::Result<()> {
    let (reader, writer) = connection.split();
    let (sent, received) = futures::future::join(send(&host, writer), receive(&host, reader, seen)).await;
    sent.and(received)
}

/// What arrives when at the server and at the client, if both send all the time.
fn exchange(engine: Engine, kind: FaultKind) -> (Arrivals, Arrivals, Run) {
    let (at_server, at_client) = (Seen::new(), Seen::new());
    let run = play(engine, fault(kind, 0), |stage| {
        let seen = at_server.clone();
        server_of_one(stage, move |host, connection| both(host, connection, seen.clone()));
        let seen = at_client.clone();
        stage.client("client", move |host| {
            let seen = seen.clone();
            async move {
                let connection = connect(host.rt()).await?;
                Ok(both(host, connection, seen).await?)
            }
        });
    });
    let (at_server, at_client) = (at_server.take(), at_client.take());
    for arrivals in [&at_server, &at_client] {
        let numbers: Vec<_> = arrivals.iter().map(|(_, number)| *number).collect();
        assert!(
            numbers.iter().copied().eq(0..NUMBERS),
            "{engine}: nothing is lost or out of order: {numbers:?}"
        );
    }
    (at_server, at_client, run)
}

fn is_held(arrivals: &Arrivals) -> bool {
    let mut held = arrivals.iter().filter(|(at, _)| (BEGIN + SLACK..END).contains(at));
    let late = arrivals.iter().filter(|(at, _)| (END..END + SLACK).contains(at));
    // All of it comes at once afterwards: neither too early nor only when something else happens.
    let are_late = late.count() >= 18;
    held.next().is_none() && are_late
}

fn is_free(arrivals: &Arrivals) -> bool {
    arrivals.iter().all(|(at, number)| *at < ms(100 * u64::from(*number) + 100) + SLACK)
}

#[test]
fn a_black_hole_lets_nothing_through_in_either_direction() {
    for engine in Engine::ALL {
        let (at_server, at_client, run) = exchange(*engine, FaultKind::BlackHole);
        assert!(is_held(&at_server) && is_held(&at_client), "{engine}: {at_server:?} {at_client:?}");
        assert!(effects(&run, FaultKind::BlackHole) >= 18 * 2);
    }
}

#[test]
fn only_what_the_host_sends_is_held_one_way() {
    for engine in Engine::ALL {
        let (at_server, at_client, run) = exchange(*engine, FaultKind::OneWay);
        assert!(is_free(&at_server) && is_held(&at_client), "{engine}: {at_server:?} {at_client:?}");
        assert!(effects(&run, FaultKind::OneWay) >= 18);
    }
}

#[test]
fn a_stalled_reader_reads_nothing_and_still_sends() {
    for engine in Engine::ALL {
        let (at_server, at_client, run) = exchange(*engine, FaultKind::StalledReader);
        assert!(is_held(&at_server) && is_free(&at_client), "{engine}: {at_server:?} {at_client:?}");
        assert!(effects(&run, FaultKind::StalledReader) >= 18);
    }
}

#[test]
fn turmoil_holds_what_is_to_be_held() {
    let (at_server, at_client, run) = exchange(Engine::Turmoil, FaultKind::Hold);
    assert!(is_held(&at_server) && is_held(&at_client), "{at_server:?} {at_client:?}");
    assert!(effects(&run, FaultKind::Hold) >= 18 * 2);
}

#[test]
fn what_is_on_its_way_in_a_black_hole_is_not_overtaken_by_the_end() {
    for engine in Engine::ALL {
        for drops in [false, true] {
            play(*engine, fault(FaultKind::BlackHole, 0), |stage| {
                server_of_one(stage, move |host, mut connection| async move {
                    until(&host, ms(1500)).await;
                    connection.write_all(b"last words").await?;
                    if drops {
                        return Ok(());
                    }
                    connection.close().await?;
                    std::future::pending().await
                });
                stage.client("client", async |host| {
                    let mut connection = connect(host.rt()).await?;
                    let mut words = String::new();
                    connection.read_to_string(&mut words).await?;
                    assert_eq!(words, "last words");
                    assert!((END..END + SLACK).contains(&host.now()), "{:?}", host.now());
                    Ok(())
                });
            });
        }
    }
}

#[test]
fn a_writer_into_a_black_hole_learns_only_afterwards_that_its_peer_is_gone() {
    for engine in Engine::ALL {
        play(*engine, fault(FaultKind::BlackHole, 0), |stage| {
            server_of_one(stage, async |host, connection| {
                until(&host, ms(1500)).await;
                drop(connection);
                Ok(())
            });
            stage.client("client", async |host| {
                let mut connection = connect(host.rt()).await?;
                until(&host, ms(1800)).await;
                let error = loop {
                    if let Err(error) = connection.write_all(&[0; 1024]).await {
                        break error;
                    }
                    host.rt().sleep(ms(20)).await;
                };
                let kinds = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
                assert!(kinds.contains(&error.kind()), "{error}");
                assert!(host.now() >= END, "{:?}", host.now());
                Ok(())
            });
        });
    }
}

/// The sizes of reads at the client and of writes at the server, while 3000 bytes go there from 1.1 s on.
fn sizes(engine: Engine, kind: FaultKind, size: u64) -> (Vec<usize>, Vec<usize>, Duration, Run) {
    let (reads, writes, end) = (Seen::new(), Seen::new(), Seen::new());
    let run = play(engine, fault(kind, size), |stage| {
        let seen = writes.clone();
        server_of_one(stage, move |host, mut connection| {
            let seen = seen.clone();
            async move {
                until(&host, ms(1100)).await;
                let bytes: Vec<u8> = (0..3000_u32).map(|number| (number % 251) as u8).collect();
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let slices = [io::IoSlice::new(&[]), io::IoSlice::new(rest)];
                    let n = connection.write_vectored(&slices).await?;
                    seen.add(n);
                    rest = &rest[n..];
                }
                connection.close().await
            }
        });
        let (seen, end) = (reads.clone(), end.clone());
        stage.client("client", move |host| {
            let (seen, end) = (seen.clone(), end.clone());
            async move {
                let mut connection = connect(host.rt()).await?;
                let (mut buffer, mut all) = (vec![0; 4096], Vec::new());
                loop {
                    let n = connection.read(&mut buffer).await?;
                    seen.add(n);
                    all.extend_from_slice(&buffer[..n]);
                    if n == 0 {
                        break;
                    }
                }
                assert!(
                    all.len() == 3000
                        && all.iter().enumerate().all(|(at, byte)| at % 251 == usize::from(*byte))
                );
                end.add(host.now());
                Ok(())
            }
        });
    });
    (reads.take(), writes.take(), end.take()[0], run)
}

#[test]
fn reads_of_the_host_are_short() {
    for engine in Engine::ALL {
        // The client reads, so the fault is on it.
        let mut schedule = fault(FaultKind::ShortReads, 7);
        schedule.faults[0].on = "client".to_owned();
        let (reads, run) = {
            let reads = Seen::new();
            let run = play(*engine, schedule, |stage| {
                server_of_one(stage, async |host, mut connection| {
                    until(&host, ms(1100)).await;
                    connection.write_all(&[5; 100]).await?;
                    until(&host, ms(3100)).await;
                    connection.write_all(&[5; 100]).await?;
                    connection.close().await
                });
                let reads = reads.clone();
                stage.client("client", move |host| {
                    let reads = reads.clone();
                    async move {
                        let mut connection = connect(host.rt()).await?;
                        let mut buffer = [0; 512];
                        loop {
                            match connection.read(&mut buffer).await? {
                                0 => return Ok(()),
                                n => reads.add((host.now(), n)),
                            }
                        }
                    }
                });
            });
            (reads.take(), run)
        };
        assert!(reads.iter().all(|(at, n)| *at > END || *n <= 7), "{engine}: {reads:?}");
        assert_eq!(reads.iter().map(|(_, n)| n).sum::<usize>(), 200);
        assert_eq!(reads.last().expect("it reads").1, 100, "{engine}: as ever afterwards");
        // The last of the fifteen reads is not short.
        assert_eq!(effects(&run, FaultKind::ShortReads), 14, "{engine}");
    }
}

#[test]
fn writes_of_the_host_are_short() {
    for engine in Engine::ALL {
        let (_, writes, _, run) = sizes(*engine, FaultKind::ShortWrites, 9);
        assert!(writes.iter().all(|n| *n <= 9), "{engine}: {writes:?}");
        assert!(effects(&run, FaultKind::ShortWrites) >= 3000 / 9);
    }
}

#[test]
fn what_the_host_sends_takes_its_time_while_it_is_to_be_slow() {
    for engine in Engine::ALL {
        let (.., end, run) = sizes(*engine, FaultKind::Bandwidth, 2000);
        assert!((ms(2450)..ms(2750)).contains(&end), "{engine}: {end:?}");
        assert!(effects(&run, FaultKind::Bandwidth) > 5);
        let (.., end, _) = sizes(*engine, FaultKind::Bandwidth, 200);
        assert!((END..END + SLACK).contains(&end), "{engine}: what is left then goes at once: {end:?}");
    }
}

#[test]
fn all_connections_of_a_host_share_its_bandwidth() {
    for engine in Engine::ALL {
        let ends = Seen::new();
        let run = play(*engine, fault(FaultKind::Bandwidth, 2000), |stage| {
            super::play::echo_server(stage);
            for name in ["one", "two", "three"] {
                let ends = ends.clone();
                stage.client(name, move |host| {
                    let ends = ends.clone();
                    async move {
                        let mut connection = connect(host.rt()).await?;
                        until(&host, BEGIN + SLACK).await;
                        connection.write_all(&[0; 1000]).await?;
                        connection.read_exact(&mut [0; 1000]).await?;
                        ends.add(host.now() - BEGIN);
                        Ok(())
                    }
                });
            }
        });
        let ends = ends.take();
        let last = *ends.iter().max().expect("all end");
        assert!((ms(1350)..ms(1650)).contains(&last), "{engine}: 3000 bytes at 2000 a second: {ends:?}");
        assert!(effects(&run, FaultKind::Bandwidth) > 5, "{engine}");
    }
}

#[test]
fn messages_take_longer_on_turmoil() {
    let (at_server, at_client, run) = exchange(Engine::Turmoil, FaultKind::Latency);
    assert!(is_free(&at_server) && is_free(&at_client), "a size of 0 is none");
    assert!(effects(&run, FaultKind::Latency) > 0);
    let slow = play(Engine::Turmoil, fault(FaultKind::Latency, 1000), |stage| {
        super::play::echo_server(stage);
        stage.client("client", async |host| {
            let mut connection = connect(host.rt()).await?;
            let (mut took, mut during) = (Vec::new(), Vec::new());
            for at in (100..5000).step_by(1000) {
                until(&host, ms(at)).await;
                let began = host.now();
                super::play::assert_echo(&mut connection).await;
                let lists = if (BEGIN..END).contains(&began) { &mut during } else { &mut took };
                lists.push(host.now() - began);
            }
            assert!(took.iter().all(|took| *took < SLACK) && took.len() >= 3, "{took:?}");
            assert!(during.iter().any(|took| *took > 2 * SLACK), "{during:?}");
            Ok(())
        });
    });
    assert!(effects(&slow, FaultKind::Latency) >= 2);
}

#[test]
fn what_holds_nothing_has_no_effect() {
    let kinds = [FaultKind::BlackHole, FaultKind::OneWay, FaultKind::StalledReader, FaultKind::Bandwidth];
    for engine in Engine::ALL {
        for kind in kinds {
            let run = play(*engine, fault(kind, 500), |stage| {
                super::play::echo_server(stage);
                stage.client("client", async |host| {
                    let mut connection = connect(host.rt()).await?;
                    super::play::assert_echo(&mut connection).await;
                    let silence = host.rt().timeout(ms(4000), connection.read(&mut [0])).await;
                    assert!(silence.is_err());
                    super::play::assert_echo(&mut connection).await;
                    Ok(())
                });
            });
            assert_eq!(effects(&run, kind), 0, "{engine}: {kind}");
        }
    }
}
