//! How connections between hosts end, and who learns of it.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_core::rt::{BoxConnection, Rt};
use seaworthy_sim::Config;

use crate::stage::{PORT, finish, listen, ms, run_for, simulation, two};

#[test]
fn one_direction_ends_before_the_other() {
    two(
        1,
        async |_, mut connection| {
            let mut question = String::new();
            connection.read_to_string(&mut question).await?;
            connection.write_all(question.to_uppercase().as_bytes()).await?;
            connection.close().await?;
            connection.close().await?;
            Ok(())
        },
        async |_, mut connection| {
            connection.write_all(b"ahoy").await?;
            connection.close().await?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await?;
            assert_eq!(answer, "AHOY");
            Ok(())
        },
    );
}

#[test]
fn a_blocked_writer_learns_that_its_peer_is_gone() {
    for seed in 0..10 {
        two(
            seed,
            async |rt, connection| {
                rt.sleep(ms(200)).await;
                drop(connection);
                rt.sleep(ms(200)).await;
                Ok(())
            },
            async |_, mut connection| {
                let error = connection.write_all(&[0; 1 << 20]).await.expect_err("nobody reads it");
                assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
                Ok(())
            },
        );
    }
}

#[test]
fn a_blocked_writer_learns_it_also_after_the_peers_half_close() {
    two(
        1,
        async |rt, mut connection| {
            connection.close().await?;
            rt.sleep(ms(200)).await;
            drop(connection);
            rt.sleep(ms(200)).await;
            Ok(())
        },
        async |_, mut connection| {
            assert_eq!(connection.read(&mut [0]).await?, 0);
            let error = connection.write_all(&[0; 1 << 20]).await.expect_err("nobody reads it");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
            Ok(())
        },
    );
}

#[test]
fn an_abort_is_a_reset_for_the_peer_blocked_or_not() {
    for seed in 0..10 {
        for (wait, writes) in [(0, false), (300, false), (0, true)] {
            two(
                seed,
                async |rt, connection| {
                    rt.sleep(ms(200)).await;
                    connection.abort();
                    rt.sleep(ms(200)).await;
                    Ok(())
                },
                move |rt, mut connection| async move {
                    rt.sleep(ms(wait)).await;
                    let ended = if writes {
                        connection.write_all(&[0; 1 << 20]).await
                    } else {
                        connection.read(&mut [0]).await.map(drop)
                    };
                    let error = ended.expect_err("it was aborted");
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                    connection.close().await?;
                    Ok(())
                },
            );
        }
    }
}

#[test]
fn what_was_sent_before_an_abort_comes_before_the_reset() {
    two(
        1,
        async |rt, mut connection| {
            connection.write_all(b"last words").await?;
            connection.abort();
            rt.sleep(ms(100)).await;
            Ok(())
        },
        async |_, mut connection| {
            let mut words = [0; 10];
            connection.read_exact(&mut words).await?;
            assert_eq!(&words, b"last words");
            let error = connection.read(&mut words).await.expect_err("an abort is no good end");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            Ok(())
        },
    );
}

#[test]
fn a_reset_from_outside_is_seen_by_both_ends_blocked_or_not() {
    for (reads, wait) in [(true, 0), (false, 0), (true, 300), (false, 300)] {
        let mut simulation = simulation(Config::default());
        let errors = Arc::new(AtomicUsize::new(0));
        let end = {
            let errors = Arc::clone(&errors);
            move |rt: Rt, mut connection: BoxConnection| {
                let errors = Arc::clone(&errors);
                async move {
                    rt.sleep(ms(wait)).await;
                    let ended = match reads {
                        true => connection.read(&mut [0]).await.map(drop),
                        false => connection.write_all(&[0; 1 << 20]).await,
                    };
                    assert_eq!(ended.expect_err("it was reset").kind(), ErrorKind::ConnectionReset);
                    errors.fetch_add(1, Ordering::Relaxed);
                    rt.sleep(ms(200)).await;
                    Ok(())
                }
            }
        };
        let at_client = end.clone();
        simulation.client("server", move |rt| {
            let end = end.clone();
            async move {
                let (connection, _) = listen(&rt).await?.accept().await?;
                end(rt, connection).await
            }
        });
        simulation.client("client", move |rt| {
            let end = at_client.clone();
            async move {
                rt.sleep(ms(1)).await;
                let connection = rt.connect(("server", PORT)).await?;
                end(rt, connection).await
            }
        });
        run_for(&mut simulation, ms(200));
        let links = simulation.links();
        assert_eq!(links.reset(|pair| pair.server.port() == 443), 0);
        assert_eq!(links.reset(|pair| pair.server.port() == PORT), 1);
        finish(simulation);
        assert_eq!(errors.load(Ordering::Relaxed), 2);
    }
}
