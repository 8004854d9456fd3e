//! How connections end.

use std::io::ErrorKind;

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_sim::{engine::Engine, fault::FaultKind};

use super::play::{
    BEGIN, END, SLACK, Seen, assert_echo, connect, echo_server, effects, fault, ms, play, server_of_one,
    until,
};

#[test]
fn a_reset_breaks_both_ends_at_once_whatever_they_do() {
    for engine in Engine::ALL {
        let seen = Seen::new();
        let run = play(*engine, fault(FaultKind::Reset, 0), |stage| {
            let at_server = seen.clone();
            server_of_one(stage, move |host, mut connection| {
                let seen = at_server.clone();
                async move {
                    let error = connection.write_all(&vec![0; 1 << 20]).await.expect_err("nobody reads it");
                    seen.add((host.now(), error.kind()));
                    Ok(())
                }
            });
            let at_client = seen.clone();
            stage.client("client", move |host| {
                let seen = at_client.clone();
                async move {
                    let connection = connect(host.rt()).await?;
                    let (_reader, mut writer) = connection.split();
                    until(&host, ms(900)).await;
                    let error = loop {
                        if let Err(error) = writer.write_all(&[0; 4096]).await {
                            break error;
                        }
                    };
                    seen.add((host.now(), error.kind()));
                    Ok(())
                }
            });
        });
        let seen = seen.take();
        assert_eq!(seen.len(), 2);
        for (at, kind) in seen {
            assert_eq!(kind, ErrorKind::ConnectionReset);
            assert!((BEGIN..BEGIN + SLACK).contains(&at), "{engine}: {at:?}");
        }
        assert_eq!(effects(&run, FaultKind::Reset), 1);
    }
}

#[test]
fn a_reset_wakes_who_waits_to_read_and_leaves_new_connections_alone() {
    for engine in Engine::ALL {
        play(*engine, fault(FaultKind::Reset, 0), |stage| {
            echo_server(stage);
            stage.client("client", async |host| {
                let mut connection = connect(host.rt()).await?;
                let error = connection.read(&mut [0]).await.expect_err("it is reset");
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert!((BEGIN..BEGIN + SLACK).contains(&host.now()), "{:?}", host.now());
                assert_eq!(
                    connection.write(&[0]).await.expect_err("it stays so").kind(),
                    ErrorKind::ConnectionReset
                );
                connection.close().await?;
                assert_echo(&mut connect(host.rt()).await?).await;
                Ok(())
            });
        });
    }
}

#[test]
fn a_connection_is_reset_when_it_has_carried_so_much() {
    for engine in Engine::ALL {
        for is_old in [false, true] {
            let run = play(*engine, fault(FaultKind::ResetAfterBytes, 100), |stage| {
                echo_server(stage);
                stage.client("client", move |host| async move {
                    let mut connection = None;
                    if is_old {
                        let mut old = connect(host.rt()).await?;
                        assert_echo(&mut old).await;
                        connection = Some(old);
                    }
                    until(&host, BEGIN + SLACK).await;
                    let mut connection = match connection {
                        Some(old) => old,
                        None => connect(host.rt()).await?,
                    };
                    connection.write_all(&[9; 60]).await?;
                    let mut echo = Vec::new();
                    let error = connection.read_to_end(&mut echo).await.expect_err("it is reset");
                    assert_eq!((error.kind(), echo.len()), (ErrorKind::ConnectionReset, 40));
                    until(&host, END).await;
                    assert_echo(&mut connect(host.rt()).await?).await;
                    Ok(())
                });
            });
            assert_eq!(effects(&run, FaultKind::ResetAfterBytes), 1);
        }
    }
}

#[test]
fn a_fault_that_counts_bytes_forgets_them_when_it_is_over() {
    for engine in Engine::ALL {
        for kind in [FaultKind::ResetAfterBytes, FaultKind::Truncate] {
            let run = play(*engine, fault(kind, 3), |stage| {
                echo_server(stage);
                stage.client("client", async |host| {
                    let mut connection = connect(host.rt()).await?;
                    until(&host, ms(1500)).await;
                    assert_echo(&mut connection).await;
                    until(&host, ms(3500)).await;
                    for _ in 0..10 {
                        assert_echo(&mut connection).await;
                    }
                    Ok(())
                });
            });
            assert_eq!(effects(&run, kind), 0);
        }
    }
}

#[test]
fn what_the_host_sends_ends_in_the_middle() {
    for engine in Engine::ALL {
        let run = play(*engine, fault(FaultKind::Truncate, 10), |stage| {
            server_of_one(stage, async |host, mut connection| {
                until(&host, ms(1100)).await;
                connection.write_all(&[1; 50]).await?;
                let mut byte = [0];
                connection.read_exact(&mut byte).await?;
                let error = connection.write_all(&[1; 50]).await.expect_err("nobody listens");
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                Ok(())
            });
            stage.client("client", async |host| {
                let mut connection = connect(host.rt()).await?;
                let mut bytes = Vec::new();
                connection.read_to_end(&mut bytes).await?;
                assert_eq!(bytes, [1; 10]);
                // The other direction is as it was.
                connection.write_all(&[2]).await?;
                assert_eq!(connection.read(&mut [0]).await?, 0);
                until(&host, ms(4000)).await;
                assert_eq!(connection.read(&mut [0]).await?, 0, "it stays so");
                Ok(())
            });
        });
        assert_eq!(effects(&run, FaultKind::Truncate), 1);
    }
}

#[test]
fn a_stream_that_ends_there_anyway_is_not_truncated() {
    for engine in Engine::ALL {
        let run = play(*engine, fault(FaultKind::Truncate, 10), |stage| {
            server_of_one(stage, async |host, mut connection| {
                until(&host, ms(1100)).await;
                connection.write_all(&[1; 10]).await?;
                connection.close().await
            });
            stage.client("client", async |host| {
                let mut bytes = Vec::new();
                connect(host.rt()).await?.read_to_end(&mut bytes).await?;
                assert_eq!(bytes, [1; 10]);
                Ok(())
            });
        });
        assert_eq!(effects(&run, FaultKind::Truncate), 0);
    }
}

#[test]
fn turmoils_cut_breaks_connections_when_it_is_over_and_lets_none_begin() {
    let run = play(Engine::Turmoil, fault(FaultKind::Partition, 0), |stage| {
        echo_server(stage);
        stage.client("client", async |host| {
            let mut connection = connect(host.rt()).await?;
            until(&host, ms(1500)).await;
            connection.write_all(&[1]).await?;
            let patience = host.rt().timeout(ms(500), connect(host.rt())).await;
            assert!(patience.is_err(), "nobody is there to refuse");
            let error = connection.read(&mut [0]).await.expect_err("it is reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert!((END..END + SLACK).contains(&host.now()), "{:?}", host.now());
            assert_echo(&mut connect(host.rt()).await?).await;
            Ok(())
        });
    });
    assert!(effects(&run, FaultKind::Partition) >= 3);
}
