//! Hosts that do a bit of everything, under everything.

use std::{collections::BTreeMap, io, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_core::rt::{BoxConnection, Rt};
use seaworthy_sim::{
    always,
    engine::{self, Engine, Options, Run},
    fault::{FaultKind, Storm},
    scenario::{Host, HostInfo, Scenario, Stage},
    sometimes,
};

const PORT: u16 = 700;

/// Clients that ask servers, which ask each other.
struct Chatty;

impl Scenario for Chatty {
    fn name(&self) -> &'static str {
        "chatty"
    }

    fn about(&self) -> &'static str {
        "hosts that do a bit of everything"
    }

    fn storm(&self) -> Storm {
        Storm {
            kinds: FaultKind::ALL.to_vec(),
            chaos: Duration::from_secs(12),
            settle: Duration::from_secs(8),
            faults_max: 40,
            lasts_max: Duration::from_secs(4),
        }
    }

    fn points(&self) -> &'static [&'static str] {
        &["an answer came", "a call failed"]
    }

    fn suffers(&self, kind: FaultKind, host: &HostInfo<'_>) -> bool {
        // Clients are the ones to say when it is over.
        !host.is_client || !matches!(kind, FaultKind::Crash | FaultKind::PowerLoss)
    }

    fn set_up(&self, stage: &mut Stage) {
        stage.server("left", serve);
        stage.server("right", serve);
        stage.client("ann", async |host| call(host, "left").await);
        stage.client("bob", async |host| call(host, "right").await);
    }
}

async fn serve(host: Host) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut listener = host.rt().listen(([0, 0, 0, 0], PORT)).await?;
    loop {
        let Ok((connection, _)) = listener.accept().await else { continue };
        let host = host.clone();
        host.rt().clone().spawn("answer", async move { drop(answer(&host, connection).await) }).detach();
    }
}

/// Answers a line of bytes with its sum, or asks the other server to.
async fn answer(host: &Host, mut connection: BoxConnection) -> io::Result<()> {
    let rt = host.rt();
    let mut rng = rt.rng("answers");
    loop {
        let request = read(rt, &mut connection).await?;
        let _date = rt.wall_clock();
        let numbers = request.clone();
        let sum = rt.spawn_blocking("sum", move || numbers.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        let sum = sum.await.map_err(io::Error::other)?;
        if host.strikes(FaultKind::Resize).is_some() {
            host.note(format_args!("resized"));
        }
        if let Some(ms) = host.strikes(FaultKind::SlowReply) {
            rt.sleep(Duration::from_millis(ms)).await;
        }
        if host.strikes_by_chance(FaultKind::NoReply, &mut rng) {
            std::future::pending::<()>().await;
        }
        let is_error = host.strikes_by_chance(FaultKind::ErrorReply, &mut rng)
            || host.strikes_by_chance(FaultKind::Panic, &mut rng);
        let other = if host.name() == "left" { "right" } else { "left" };
        if request.first() == Some(&1) {
            let _answer = ask(rt, other, &request[1..]).await?;
        }
        connection.write_all(&[u8::from(is_error)]).await?;
        connection.write_all(&sum.to_le_bytes()).await?;
    }
}

async fn read(rt: &Rt, connection: &mut BoxConnection) -> io::Result<Vec<u8>> {
    let mut len = [0; 2];
    within(rt, 20, connection.read_exact(&mut len)).await?;
    let mut bytes = vec![0; usize::from(u16::from_le_bytes(len))];
    within(rt, 3, connection.read_exact(&mut bytes)).await?;
    Ok(bytes)
}

async fn within<T>(rt: &Rt, seconds: u64, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let worked = rt.timeout(Duration::from_secs(seconds), work).await;
    worked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn ask(rt: &Rt, server: &str, request: &[u8]) -> io::Result<u64> {
    let mut connection = within(rt, 2, rt.connect((server, PORT))).await?;
    ask_on(rt, &mut connection, request).await
}

async fn ask_on(rt: &Rt, connection: &mut BoxConnection, request: &[u8]) -> io::Result<u64> {
    let len = u16::try_from(request.len()).map_err(io::Error::other)?;
    let asked = async {
        connection.write_all(&len.to_le_bytes()).await?;
        connection.write_all(request).await?;
        let mut answer = [0; 9];
        connection.read_exact(&mut answer).await?;
        if answer[0] != 0 {
            return Err(io::Error::other("an error is the answer"));
        }
        Ok(u64::from_le_bytes(answer[1..].try_into().expect("eight bytes")))
    };
    within(rt, 3, asked).await
}

async fn call(host: Host, server: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let rt = host.rt();
    let mut rng = rt.rng("requests");
    let mut connection = None;
    let mut calm = 0;
    while calm < 5 {
        let was_healed = host.is_healed();
        let mut request = vec![0; 1 + rng.index(300)];
        rng.fill(&mut request);
        let sum = request.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let (kept, kept_request) = (connection.take(), request.clone());
        let work = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => within(rt, 2, rt.connect((server, PORT))).await?,
            };
            let answer = ask_on(rt, &mut connection, &kept_request).await?;
            io::Result::Ok((connection, answer))
        };
        let came = match host.cancellable(work).await {
            Some(Ok((kept, answer))) => {
                always!(host, answer == sum, "an answer is that to the question", "{answer} for {sum}");
                if rng.chance(3, 4) {
                    connection = Some(kept);
                }
                true
            }
            Some(Err(error)) => {
                host.note(format_args!("failed: {error}"));
                false
            }
            None => false,
        };
        sometimes!(host, came, "an answer came");
        sometimes!(host, !came, "a call failed");
        if was_healed {
            let late = host.now() > Duration::from_secs(20);
            always!(host, !late || came, "it works when it is healed", "a call failed at {:?}", host.now());
            calm += u32::from(came);
        }
        rt.sleep(Duration::from_millis(1 + rng.below(100))).await;
    }
    Ok(())
}

fn run(engine: Engine, seed: u64, trace: bool) -> Run {
    engine::run(&Chatty, &Options { trace, ..Options::new(engine, seed) })
}

#[test]
fn nothing_that_can_go_wrong_makes_a_run_stuck() {
    let mut effects = BTreeMap::<_, u64>::new();
    for engine in Engine::ALL {
        let mut here = BTreeMap::<_, u64>::new();
        for seed in 0..200 {
            let outcome = run(*engine, seed, false).outcome;
            assert!(outcome.verdict.is_pass(), "{engine}, seed {seed}: {}", outcome.verdict);
            for (kind, count) in outcome.effects {
                *here.entry(kind).or_default() += count;
            }
        }
        let missing: Vec<_> = Chatty.storm().kinds_on(*engine);
        let missing: Vec<_> = missing.iter().filter(|kind| !here.contains_key(kind)).collect();
        assert!(missing.is_empty(), "{engine}: without effect: {missing:?}");
        effects.append(&mut here);
    }
}

#[test]
fn a_seed_repeats_its_run_and_another_does_not() {
    for engine in Engine::ALL {
        let mut digests = Vec::new();
        for seed in 0..50 {
            let (one, two) = (run(*engine, seed, true), run(*engine, seed, seed % 10 != 0));
            if seed % 10 != 0 {
                let parted = one.trace.iter().zip(&two.trace).find(|(one, two)| one != two);
                assert_eq!(parted, None, "{engine}, seed {seed}");
                assert_eq!(one.trace.len(), two.trace.len());
            }
            // Whether it is watched or not.
            assert_eq!(one.outcome.digest, two.outcome.digest);
            assert_eq!(one.outcome.checkpoints, two.outcome.checkpoints);
            digests.push(one.outcome.digest);
        }
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 50, "{engine}");
    }
}

/// Set in a process that is to print its digests and nothing else.
const PRINTS: &str = "SEAWORTHY_SIM_TEST_PRINTS_DIGESTS";

#[test]
fn a_seed_repeats_its_run_in_another_process() {
    let digests = || {
        let runs = Engine::ALL.iter().flat_map(|engine| (0..5).map(|seed| run(*engine, seed, false)));
        runs.map(|run| format!("digest {}", run.outcome.digest)).collect::<Vec<_>>()
    };
    if std::env::var_os(PRINTS).is_some() {
        return digests().iter().for_each(|line| println!("\n{line}"));
    }
    let this = std::env::current_exe().expect("it has a path");
    let name = "weather::chatty::a_seed_repeats_its_run_in_another_process";
    let other = std::process::Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env(PRINTS, "1")
        .output()
        .expect("it can be started");
    let printed = String::from_utf8(other.stdout).expect("digests are text");
    let printed: Vec<_> = printed.lines().filter(|line| line.starts_with("digest ")).collect();
    assert_eq!(printed, digests());
}
