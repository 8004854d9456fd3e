//! Names, connecting and accepting.

use std::io::ErrorKind;

use futures::AsyncReadExt;
use seaworthy_sim::{engine::Engine, fault::FaultKind};

use super::play::{
    BEGIN, END, PORT, SLACK, Seen, assert_echo, connect, echo_server, effects, fault, listen, ms, play, until,
};

/// What comes of connects before, during and after a fault.
fn connects(engine: Engine, kind: FaultKind) -> Vec<Result<(), ErrorKind>> {
    let seen = Seen::new();
    let run = play(engine, fault(kind, 0), |stage| {
        echo_server(stage);
        let seen = seen.clone();
        stage.client("client", move |host| {
            let seen = seen.clone();
            async move {
                for at in [500, 1010, 2900, 3010] {
                    until(&host, ms(at)).await;
                    match connect(host.rt()).await {
                        Ok(mut connection) => {
                            assert_echo(&mut connection).await;
                            seen.add(Ok(()));
                        }
                        Err(error) => seen.add(Err(error.kind())),
                    }
                }
                Ok(())
            }
        });
    });
    assert_eq!(effects(&run, kind), 2, "{engine}");
    seen.take()
}

#[test]
fn connects_are_refused_while_they_are_to_be() {
    for engine in Engine::ALL {
        let refused = Err(ErrorKind::ConnectionRefused);
        assert_eq!(connects(*engine, FaultKind::ConnectRefused), [Ok(()), refused, refused, Ok(())]);
    }
}

#[test]
fn names_cannot_be_looked_up_while_that_is_to_fail() {
    for engine in Engine::ALL {
        let failed = Err(ErrorKind::Other);
        assert_eq!(connects(*engine, FaultKind::DnsFailure), [Ok(()), failed, failed, Ok(())]);
    }
}

#[test]
fn a_connect_hangs_as_long_as_it_is_to_and_can_be_given_up() {
    for engine in Engine::ALL {
        let run = play(*engine, fault(FaultKind::ConnectHang, 0), |stage| {
            echo_server(stage);
            stage.client("client", async |host| {
                until(&host, BEGIN + SLACK).await;
                host.rt().timeout(ms(500), connect(host.rt())).await.expect_err("it hangs");
                let mut connection = connect(host.rt()).await?;
                assert!((END..END + SLACK).contains(&host.now()), "{:?}", host.now());
                assert_echo(&mut connection).await;
                Ok(())
            });
        });
        assert_eq!(effects(&run, FaultKind::ConnectHang), 2);
    }
}

#[test]
fn a_connect_takes_as_much_longer_as_the_fault_is_large_and_no_longer_than_it_lasts() {
    for engine in Engine::ALL {
        let run = play(*engine, fault(FaultKind::ConnectSlow, 700), |stage| {
            echo_server(stage);
            stage.client("client", async |host| {
                for (at, longer) in [(500, 0), (1100, 700), (2900, 100), (3010, 0)] {
                    until(&host, ms(at)).await;
                    assert_echo(&mut connect(host.rt()).await?).await;
                    let took = host.now() - ms(at);
                    assert!((ms(longer)..ms(longer) + SLACK + SLACK).contains(&took), "{at}: {took:?}");
                }
                Ok(())
            });
        });
        assert_eq!(effects(&run, FaultKind::ConnectSlow), 2);
    }
}

#[test]
fn connects_wait_in_vain_to_be_accepted_until_the_host_accepts_again() {
    for engine in Engine::ALL {
        let accepted = Seen::new();
        let run = play(*engine, fault(FaultKind::AcceptStall, 0), |stage| {
            let accepted = accepted.clone();
            stage.server("server", move |host| {
                let accepted = accepted.clone();
                async move {
                    let mut listener = listen(host.rt()).await?;
                    loop {
                        let _connection = listener.accept().await?;
                        accepted.add(host.now());
                    }
                }
            });
            stage.client("client", async |host| {
                for at in [900, 1500, 1600, 3500] {
                    until(&host, ms(at)).await;
                    // turmoil connects when the server accepts, others before.
                    let _connected = host.rt().timeout(ms(2000), connect(host.rt())).await;
                }
                Ok(())
            });
        });
        let accepted = accepted.take();
        let within = |from, to| accepted.iter().filter(|at| (from..to).contains(*at)).count();
        assert_eq!((within(ms(0), BEGIN), within(BEGIN, END)), (1, 0), "{engine}: {accepted:?}");
        assert!(within(END, END + SLACK) >= 1 && accepted.len() >= 3, "{engine}: {accepted:?}");
        assert_eq!(effects(&run, FaultKind::AcceptStall), 1);
    }
}

#[test]
fn accepting_fails_again_and_again_without_keeping_time_from_passing() {
    for engine in Engine::ALL {
        let errors = Seen::new();
        let run = play(*engine, fault(FaultKind::AcceptError, 0), |stage| {
            let errors = errors.clone();
            stage.server("server", move |host| {
                let errors = errors.clone();
                async move {
                    let mut listener = listen(host.rt()).await?;
                    let mut accepted = Vec::new();
                    loop {
                        match listener.accept().await {
                            Ok((connection, _)) => accepted.push((host.now(), connection)),
                            Err(error) => errors.add((host.now(), error.to_string())),
                        }
                    }
                }
            });
            stage.client("client", async |host| {
                until(&host, ms(2000)).await;
                let mut connection = connect(host.rt()).await?;
                let end = host.rt().timeout(ms(2000), connection.read(&mut [0])).await;
                assert!(end.is_err(), "it is accepted in the end and held");
                Ok(())
            });
        });
        let errors = errors.take();
        assert!((15..=21).contains(&errors.len()), "{engine}: {errors:?}");
        assert!(
            errors.iter().all(|(at, text)| (ms(2000)..END).contains(at) && text == "too many open files")
        );
        assert_eq!(effects(&run, FaultKind::AcceptError), errors.len() as u64);
    }
}

#[test]
fn two_hosts_can_use_one_port_and_their_own_loopback() {
    for engine in Engine::ALL {
        play(*engine, Default::default(), |stage| {
            for name in ["server", "other"] {
                stage.client(name, async move |host| {
                    let mut listener = host.rt().listen(([127, 0, 0, 1], PORT)).await?;
                    let own = host.rt().clone();
                    let accepted =
                        host.rt().spawn("accept", async move { listener.accept().await.map(drop) });
                    let mut end = own.connect(("localhost", PORT)).await?;
                    assert_eq!(end.read(&mut [0]).await?, 0);
                    accepted.await??;
                    Ok(())
                });
            }
        });
    }
}
