//! What holds for all kinds.

use seaworthy_sim::{
    engine::Engine,
    event::What,
    fault::{Fault, FaultKind, Reach, Schedule},
};

use super::play::{assert_echo, connect, echo_server, effects, listen, ms, play, until};

fn kinds_on(engine: Engine) -> impl Iterator<Item = FaultKind> {
    let possible = move |kind: &FaultKind| kind.reach() != Reach::Turmoil || engine == Engine::Turmoil;
    FaultKind::ALL.iter().copied().filter(possible)
}

fn all_at_once(engine: Engine, on: &str, at_ms: u64, lasts_ms: u64) -> Schedule {
    let fault = |kind: FaultKind| {
        let lasts_ms = if kind.is_instant() { 0 } else { lasts_ms };
        Fault { at_ms, lasts_ms, kind, on: on.to_owned(), size: kind.sizes().1 }
    };
    Schedule::new(kinds_on(engine).map(fault).collect())
}

#[test]
fn nothing_has_an_effect_on_a_host_that_does_nothing_but_to_take_it_down() {
    for engine in Engine::ALL {
        let run = play(*engine, all_at_once(*engine, "idle", 1000, 2000), |stage| {
            echo_server(stage);
            stage.server("idle", async |host| {
                let mut listener = listen(host.rt()).await?;
                listener.accept().await?;
                Ok(())
            });
            stage.client("client", async |host| {
                let mut connection = connect(host.rt()).await?;
                while host.now() < ms(5000) {
                    assert_echo(&mut connection).await;
                    host.rt().sleep(ms(20)).await;
                }
                Ok(())
            });
        });
        let down = effects(&run, FaultKind::Crash) + effects(&run, FaultKind::PowerLoss);
        assert_eq!(down, 1, "{engine}");
        assert_eq!(run.outcome.effects.values().sum::<u64>(), 1, "{engine}: {:?}", run.outcome.effects);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_asks_the_system_for_the_time_in_a_task_is_told_that_of_the_host() {
    for engine in Engine::ALL {
        play(*engine, Schedule::default(), |stage| {
            stage.client("client", async |host| {
                let (rt, system) = (host.rt(), std::time::Instant::now());
                let began = rt.now();
                for pause in [1, 2, 3, 17, 400] {
                    rt.sleep(ms(pause)).await;
                    assert_eq!(system.elapsed(), rt.now() - began);
                }
                Ok(())
            });
        });
    }
}

#[test]
fn every_kind_alone_leaves_a_host_that_works_when_it_is_over() {
    for engine in Engine::ALL {
        for kind in kinds_on(*engine) {
            let lasts_ms = if kind.is_instant() { 0 } else { 1500 };
            let at = |at_ms| Fault { at_ms, lasts_ms, kind, on: "server".to_owned(), size: kind.sizes().0 };
            // The second lasts until all is healed, whatever it says.
            let last = Fault { lasts_ms: 600_000, ..at(5000) };
            let run = play(*engine, Schedule::new(vec![at(500), at(1000), at(2500), last]), |stage| {
                echo_server(stage);
                stage.client("client", async |host| {
                    let rt = host.rt();
                    while !host.is_healed() {
                        let work = async {
                            let mut connection = connect(rt).await.ok()?;
                            let mut echo = [0; 64];
                            loop {
                                futures::AsyncWriteExt::write_all(&mut connection, &[1; 64]).await.ok()?;
                                futures::AsyncReadExt::read_exact(&mut connection, &mut echo).await.ok()?;
                                rt.sleep(ms(10)).await;
                            }
                        };
                        let _failed: Result<Option<()>, _> = rt.timeout(ms(300), work).await;
                        rt.sleep(ms(10)).await;
                    }
                    until(&host, ms(6100)).await;
                    let began = host.now();
                    for _ in 0..20 {
                        assert_echo(&mut connect(rt).await?).await;
                    }
                    assert!(host.now() - began < ms(2000), "{:?}", host.now() - began);
                    Ok(())
                });
            });
            // The server uses neither blocking jobs nor its date, nor does it ask for faults, nor set a timer.
            let is_used = kind.reach() != Reach::Scenario
                && !matches!(
                    kind,
                    FaultKind::SlowBlocking | FaultKind::WallClockJump | FaultKind::LateTimers
                );
            assert_eq!(effects(&run, kind) > 0, is_used, "{engine}: {kind}");
            let last_ends = run.trace.iter().rposition(|event| matches!(event.what, What::FaultEnded { .. }));
            let healed = run.trace.iter().position(|event| event.what == What::Healed);
            assert!(last_ends < healed, "{engine}: {kind}");
            let after = &run.trace[healed.expect("it is healed")..];
            let is_over = |what: &What| !matches!(what, What::FaultStruck { .. });
            assert!(
                after.iter().all(|event| is_over(&event.what)),
                "{engine}: {kind} strikes when all is over"
            );
        }
    }
}

#[test]
fn faults_on_a_host_that_is_not_there_are_passed_over() {
    for engine in Engine::ALL {
        let run = play(*engine, all_at_once(*engine, "nobody", 100, 200), |stage| {
            echo_server(stage);
            stage.client("client", async |host| {
                until(&host, ms(200)).await;
                assert_echo(&mut connect(host.rt()).await?).await;
                Ok(())
            });
        });
        assert!(run.outcome.effects.is_empty());
    }
}

#[test]
fn messages_are_in_the_trace_with_both_hosts() {
    for engine in Engine::ALL {
        let run = play(*engine, Schedule::default(), |stage| {
            echo_server(stage);
            stage.client("client", async |host| {
                assert_echo(&mut connect(host.rt()).await?).await;
                Ok(())
            });
        });
        let told: Vec<_> = run
            .trace
            .iter()
            .filter(|event| !matches!(event.what, What::Boot))
            .map(|event| format!("{} {:?}", event.host, event.what))
            .take(5)
            .collect();
        let expected = [
            r#"client Connected { to: "server" }"#,
            r#"client Sent { to: "server", bytes: 1 }"#,
            r#"server Received { from: "client", bytes: 1 }"#,
            r#"server Sent { to: "client", bytes: 1 }"#,
            r#"client Received { from: "server", bytes: 1 }"#,
        ];
        assert_eq!(told, expected, "{engine}");
    }
}
