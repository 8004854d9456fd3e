//! Hosts that go down and come back.

use std::{io::ErrorKind, sync::Arc};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use seaworthy_core::rt::{BoxConnection, BoxListener, Rt};
use seaworthy_sim::{
    engine::Engine,
    event::What,
    fault::{Fault, FaultKind, Schedule},
    scenario::Stage,
};

use super::play::{
    BEGIN, END, PORT, SLACK, Seen, assert_echo, connect, echo_server, effects, fault, listen, ms, play, until,
};

/// Notes when it is dropped.
struct Dropped(Seen<&'static str>, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

/// A server that notes the ends of its parts.
fn mortal(stage: &mut Stage, seen: &Seen<&'static str>) {
    let seen = seen.clone();
    stage.server("server", move |host| {
        let seen = seen.clone();
        async move {
            let _main = Dropped(seen.clone(), "main");
            let task = Dropped(seen.clone(), "task");
            let sleeper = host.rt().clone();
            host.rt()
                .spawn("sleeps", async move {
                    let _task = task;
                    loop {
                        sleeper.sleep(ms(10_000)).await;
                    }
                })
                .detach();
            let waiter = Dropped(seen.clone(), "waiter");
            host.rt()
                .spawn("waits", async move {
                    let _waiter = waiter;
                    std::future::pending::<()>().await;
                })
                .detach();
            let mut listener = listen(host.rt()).await?;
            loop {
                let (connection, _) = listener.accept().await?;
                let (reader, mut writer) = connection.split();
                host.rt()
                    .spawn("echo", async move { drop(futures::io::copy(reader, &mut writer).await) })
                    .detach();
            }
        }
    });
}

#[test]
fn a_crash_drops_all_of_the_host_and_its_end_starts_it_again() {
    for engine in Engine::ALL {
        let seen = Seen::new();
        let run = play(*engine, fault(FaultKind::Crash, 0), |stage| {
            mortal(stage, &seen);
            let seen = seen.clone();
            stage.client("client", move |host| {
                let seen = seen.clone();
                async move {
                    let mut connection = connect(host.rt()).await?;
                    assert_echo(&mut connection).await;
                    let end = connection.read(&mut [0]).await;
                    let is_end = matches!(&end, Ok(0))
                        || end.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
                    assert!(is_end, "{end:?}");
                    assert!((BEGIN..BEGIN + SLACK).contains(&host.now()), "{:?}", host.now());
                    until(&host, BEGIN + SLACK).await;
                    let mut dropped = seen.take();
                    dropped.sort_unstable();
                    assert_eq!(dropped, ["main", "task", "waiter"]);
                    let error = connect(host.rt()).await.expect_err("nobody listens");
                    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                    until(&host, END + SLACK).await;
                    assert_echo(&mut connect(host.rt()).await?).await;
                    assert_eq!(seen.take(), [""; 0]);
                    Ok(())
                }
            });
        });
        assert_eq!(effects(&run, FaultKind::Crash), 1);
        let of_server = run.trace.iter().filter(|event| event.host == "server");
        let lives =
            of_server.filter(|event| matches!(event.what, What::Boot | What::Down)).collect::<Vec<_>>();
        assert!(
            matches!(&*lives, [one, two, three] if one.what == What::Boot && two.what == What::Down && three.what == What::Boot
                && (BEGIN..BEGIN + SLACK).contains(&two.at()) && (END..END + SLACK).contains(&three.at())),
            "{engine}: {lives:?}"
        );
    }
}

#[test]
fn of_a_loss_of_power_nothing_is_heard_until_the_host_is_back() {
    for engine in Engine::ALL {
        let run = play(*engine, fault(FaultKind::PowerLoss, 0), |stage| {
            echo_server(stage);
            stage.client("reader", async |host| {
                let mut connection = connect(host.rt()).await?;
                assert_echo(&mut connection).await;
                let error = connection.read(&mut [0]).await.expect_err("it is reset");
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert!((END..END + SLACK).contains(&host.now()), "{:?}", host.now());
                assert_echo(&mut connect(host.rt()).await?).await;
                Ok(())
            });
            stage.client("writer", async |host| {
                let mut connection = connect(host.rt()).await?;
                let error = loop {
                    if let Err(error) = connection.write_all(&[0; 1000]).await {
                        break error;
                    }
                    let mut echo = [0; 1000];
                    let _echo = host.rt().timeout(ms(100), connection.read_exact(&mut echo)).await;
                };
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert!((END..END + ms(200)).contains(&host.now()), "{:?}", host.now());
                Ok(())
            });
            stage.client("newcomer", async |host| {
                until(&host, ms(2000)).await;
                let connected = host.rt().timeout(ms(500), connect(host.rt())).await;
                assert!(connected.is_err(), "nobody answers");
                let connected = connect(host.rt()).await;
                assert!((END..END + SLACK).contains(&host.now()), "{:?}", host.now());
                // It comes just when the host listens again, or before.
                if let Err(error) = connected {
                    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                }
                Ok(())
            });
        });
        assert!(effects(&run, FaultKind::PowerLoss) >= 3, "{engine}");
    }
}

#[test]
fn a_host_that_several_faults_take_down_comes_back_with_the_end_of_the_last() {
    let down = |at_ms, lasts_ms, kind| Fault { at_ms, lasts_ms, kind, on: "server".to_owned(), size: 0 };
    let schedule = Schedule::new(vec![
        down(1000, 1000, FaultKind::Crash),
        down(1500, 1500, FaultKind::PowerLoss),
        down(2000, 2000, FaultKind::Crash),
        down(4500, 0, FaultKind::Crash),
        down(5000, 9000, FaultKind::PowerLoss),
    ]);
    for engine in Engine::ALL {
        let boots = Seen::new();
        let run = play(*engine, schedule.clone(), |stage| {
            let boots = boots.clone();
            stage.server("server", move |host| {
                boots.add(host.now());
                async move {
                    let mut listener = listen(host.rt()).await?;
                    loop {
                        listener.accept().await?;
                    }
                }
            });
            stage.client("client", async |host| {
                host.healed().await;
                until(&host, ms(6500)).await;
                connect(host.rt()).await.map(drop)?;
                Ok(())
            });
        });
        let boots = boots.take();
        let about = |at: u64| ms(at)..ms(at) + SLACK;
        assert_eq!(boots.len(), 4, "{engine}: {boots:?}");
        let expected = [0, 4000, 4500, 6000];
        assert!(
            expected.iter().zip(&boots).all(|(at, boot)| about(*at).contains(boot)),
            "{engine}: {boots:?}"
        );
        assert_eq!((effects(&run, FaultKind::Crash), effects(&run, FaultKind::PowerLoss)), (2, 1));
    }
}

#[test]
fn a_host_whose_main_has_ended_cannot_be_taken_down_nor_comes_back() {
    for engine in Engine::ALL {
        let (boots, ended) = (Seen::new(), Seen::new());
        let run = play(*engine, fault(FaultKind::Crash, 0), |stage| {
            let (boots, ended) = (boots.clone(), ended.clone());
            stage.server("server", move |host| {
                boots.add(());
                let task = Dropped(ended.clone(), "task");
                async move {
                    let work = async move {
                        let _task = task;
                        std::future::pending::<()>().await;
                    };
                    host.rt().spawn("work", work).detach();
                    Ok(())
                }
            });
            let ended = Arc::new(stage.sim().clone());
            stage.client("client", move |host| {
                let _sim = Arc::clone(&ended);
                async move {
                    until(&host, ms(4000)).await;
                    Ok(())
                }
            });
        });
        assert_eq!((boots.take().len(), ended.take().len()), (1, 1));
        assert_eq!(effects(&run, FaultKind::Crash), 0);
    }
}

#[test]
fn a_crash_at_the_very_beginning_puts_off_the_first_start() {
    let down = Fault { at_ms: 0, lasts_ms: 2000, kind: FaultKind::Crash, on: "server".to_owned(), size: 0 };
    for engine in Engine::ALL {
        let boots = Seen::new();
        let run = play(*engine, Schedule::new(vec![down.clone()]), |stage| {
            let boots = boots.clone();
            stage.server("server", move |host| {
                boots.add(host.now());
                std::future::pending()
            });
            stage.client("client", async |host| {
                until(&host, ms(3000)).await;
                Ok(())
            });
        });
        let boots = boots.take();
        // The test runtime is free to let the host start before its weather begins.
        let last = *boots.last().expect("it starts");
        assert!((ms(2000)..ms(2000) + SLACK).contains(&last) && boots.len() <= 2, "{engine}: {boots:?}");
        assert_eq!(effects(&run, FaultKind::Crash), 1, "{engine}");
    }
}

/// What a scenario keeps where no crash reaches it.
type Kept = Arc<Mutex<Option<(Rt, BoxListener, BoxConnection)>>>;

/// A server that keeps all it has outside of its tasks, and tries to go on with it in its next life.
fn hoarder(stage: &mut Stage, lives: &Seen<()>) {
    let (kept, lives) = (Kept::default(), lives.clone());
    stage.server("server", move |host| {
        let (kept, lives) = (Arc::clone(&kept), lives.clone());
        async move {
            let before = kept.lock().take();
            if let Some((rt, mut listener, mut connection)) = before {
                assert!(listener.accept().await.is_err(), "it was closed");
                let error = connection.read(&mut [0]).await.expect_err("it was closed");
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                assert!(connection.write_all(&[0]).await.is_err());
                assert!(rt.connect(("server", PORT)).await.is_err() && listen(&rt).await.is_err());
            }
            lives.add(());
            let mut listener = listen(host.rt()).await?;
            let (mut connection, _) = listener.accept().await?;
            let mut byte = [0];
            connection.read_exact(&mut byte).await?;
            connection.write_all(&byte).await?;
            *kept.lock() = Some((host.rt().clone(), listener, connection));
            std::future::pending().await
        }
    });
}

#[test]
fn what_is_kept_outside_of_the_tasks_of_a_host_ends_with_them() {
    for engine in Engine::ALL {
        for (kind, ends) in [(FaultKind::Crash, BEGIN), (FaultKind::PowerLoss, END)] {
            let lives = Seen::new();
            play(*engine, fault(kind, 0), |stage| {
                hoarder(stage, &lives);
                stage.client("client", move |host| async move {
                    let mut connection = connect(host.rt()).await?;
                    assert_echo(&mut connection).await;
                    let error = connection.read(&mut [0]).await.expect_err("nobody is there any more");
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    assert!((ends..ends + SLACK).contains(&host.now()), "{:?}", host.now());
                    until(&host, END + SLACK).await;
                    assert_echo(&mut connect(host.rt()).await?).await;
                    Ok(())
                });
            });
            assert_eq!(lives.take().len(), 2, "{engine}: {kind}");
        }
    }
}

#[test]
fn what_is_kept_outside_of_the_tasks_of_a_host_ends_with_its_main() {
    for engine in Engine::ALL {
        play(*engine, Schedule::default(), |stage| {
            let kept = Arc::new(Mutex::new(None));
            stage.server("server", move |host| {
                let kept = Arc::clone(&kept);
                async move {
                    let mut listener = listen(host.rt()).await?;
                    let connection = listener.accept().await?;
                    *kept.lock() = Some((listener, connection));
                    Ok(())
                }
            });
            stage.client("client", async |host| {
                let mut connection = connect(host.rt()).await?;
                let error = connection.read(&mut [0]).await.expect_err("its process has ended");
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                let error = connect(host.rt()).await.expect_err("nobody listens");
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                Ok(())
            });
        });
    }
}

#[test]
fn a_task_that_a_destructor_spawns_at_the_end_of_a_life_never_runs() {
    struct Spawns(seaworthy_core::rt::Rt, Seen<&'static str>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let seen = self.1.clone();
            self.0.spawn("too late", async move { seen.add("ran") }).detach();
        }
    }
    for engine in Engine::ALL {
        let seen = Seen::new();
        play(*engine, fault(FaultKind::Crash, 0), |stage| {
            let seen = seen.clone();
            stage.server("server", move |host| {
                let spawns = Spawns(host.rt().clone(), seen.clone());
                async move {
                    let _spawns = spawns;
                    std::future::pending().await
                }
            });
            stage.client("client", async |host| {
                until(&host, ms(4000)).await;
                Ok(())
            });
        });
        assert_eq!(seen.take(), [""; 0], "{engine}");
    }
}

#[test]
fn a_panic_of_a_destructor_in_a_crash_fails_the_run() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("no power");
            }
        }
    }
    for engine in Engine::ALL {
        let run = super::play::try_play(*engine, fault(FaultKind::Crash, 0), |stage| {
            stage.server("server", async |_| {
                let _bomb = Bomb;
                std::future::pending().await
            });
            stage.client("client", async |host| {
                until(&host, ms(4000)).await;
                Ok(())
            });
        });
        let text = run.outcome.verdict.to_string();
        assert!(text.contains("panicked") && text.contains("no power"), "{engine}: {text}");
    }
}
