//! What a scenario costs beside turmoil alone: the same hosts, tick, latencies and messages.
//!
//! `cargo bench --profile sim -p seaworthy-sim`. One server and four clients; each client sends a request and waits for its
//! reply, for sixty simulated seconds. The runs alternate; a ratio counts, an absolute figure does not.

use std::{
    hint::black_box,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_core::rt::{BoxConnection, Rt, Scope};
use seaworthy_sim::{
    Config, HostResult, Simulation,
    engine::{self, Engine, Options},
    fault::{FaultKind, Storm},
    scenario::{Host, Scenario, Stage},
};

const CLIENTS: usize = 4;
const TIME: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(5);
const LATENCY: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(5)];
const PORT: u16 = 80;
const BYTES: usize = 64;
const ROUNDS: u64 = 15;

/// Replies that clients have had.
type Replies = Arc<AtomicU64>;

/// Runs it once with a seed and returns how many replies there were.
type Way = (&'static str, fn(u64) -> u64);

const WAYS: [Way; 4] = [
    ("turmoil and tokio alone", bare),
    ("a `Simulation`: Rt, links, task order", simulation),
    ("a scenario, calm", calm),
    ("a scenario, with faults", stormy),
];

fn main() {
    // As a test it only has to run.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let mut costs = [const { Vec::new() }; WAYS.len()];
    let mut walls = [const { Vec::new() }; WAYS.len()];
    let mut replies = [0; WAYS.len()];
    for round in 0..rounds {
        // Each begins as often as the others.
        for turn in 0..WAYS.len() {
            let way = (turn + round as usize) % WAYS.len();
            let began = Instant::now();
            let count = black_box(WAYS[way].1(round));
            let nanos = began.elapsed().as_nanos() as f64;
            costs[way].push(nanos / count as f64);
            walls[way].push(nanos / 1e6);
            replies[way] += count;
        }
    }
    let bare = median(&mut costs[0]);
    println!("{:<40} {:>9} {:>8} {:>12} {:>13} {:>6}", "", "replies", "ms", "ns a reply", "spread", "speed");
    for (way, (name, _)) in WAYS.iter().enumerate() {
        let (wall, cost) = (median(&mut walls[way]), median(&mut costs[way]));
        let (least, most) = (costs[way][0], costs[way][costs[way].len() - 1]);
        let replies = replies[way] / rounds;
        let speed = bare / cost;
        println!("{name:<40} {replies:>9} {wall:>8.1} {cost:>12.0} {least:>6.0}-{most:<6.0} {speed:>6.2}");
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn name(client: usize) -> String {
    format!("client-{client}")
}

fn bare(seed: u64) -> u64 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use turmoil::net::{TcpListener, TcpStream};

    let replies = Replies::default();
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(seed).tick_duration(TICK).simulation_duration(TIME * 2);
    builder.min_message_latency(LATENCY[0]).max_message_latency(LATENCY[1]);
    let mut sim = builder.build();
    sim.host("server", || async {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (mut connection, _peer) = listener.accept().await?;
            tokio::spawn(async move {
                let mut request = [0; BYTES];
                while connection.read_exact(&mut request).await.is_ok() {
                    connection.write_all(&request).await?;
                }
                io::Result::Ok(())
            });
        }
    });
    for client in 0..CLIENTS {
        let replies = Arc::clone(&replies);
        sim.client(name(client), async move {
            let mut connection = TcpStream::connect(("server", PORT)).await?;
            let mut reply = [0; BYTES];
            while turmoil::sim_elapsed().is_some_and(|now| now < TIME) {
                connection.write_all(&reply).await?;
                connection.read_exact(&mut reply).await?;
                replies.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    sim.run().expect("nothing goes wrong");
    replies.load(Ordering::Relaxed)
}

fn simulation(seed: u64) -> u64 {
    let replies = Replies::default();
    let [latency_min, latency_max] = LATENCY;
    let config = Config { seed, tick: TICK, latency_min, latency_max, ..Config::default() };
    let mut simulation = Simulation::new(config).expect("it makes sense");
    simulation.host("server", serve);
    for client in 0..CLIENTS {
        let replies = Arc::clone(&replies);
        simulation.client(&name(client), move |rt| {
            let replies = Arc::clone(&replies);
            async move {
                let over = rt.now() + TIME;
                ask(&rt, &replies, || rt.now() >= over).await?;
                Ok(())
            }
        });
    }
    simulation.run().expect("nothing goes wrong");
    replies.load(Ordering::Relaxed)
}

fn calm(seed: u64) -> u64 {
    scenario(seed, &[])
}

fn stormy(seed: u64) -> u64 {
    scenario(seed, &[FaultKind::Reset, FaultKind::ShortReads, FaultKind::BlackHole, FaultKind::Latency])
}

fn scenario(seed: u64, kinds: &'static [FaultKind]) -> u64 {
    let asking = Asking { kinds, replies: Replies::default() };
    let outcome =
        engine::run(&asking, &Options { tick: TICK, ..Options::new(Engine::Turmoil, seed) }).outcome;
    assert!(outcome.verdict.is_pass(), "{}", outcome.verdict);
    asking.replies.load(Ordering::Relaxed)
}

struct Asking {
    kinds: &'static [FaultKind],
    replies: Replies,
}

impl Scenario for Asking {
    fn name(&self) -> &'static str {
        "asking"
    }

    fn about(&self) -> &'static str {
        "for the bench"
    }

    fn storm(&self) -> Storm {
        let lasts_max = Duration::from_secs(1);
        Storm { kinds: self.kinds.to_vec(), chaos: TIME, lasts_max, ..Storm::default() }
    }

    fn set_up(&self, stage: &mut Stage) {
        stage.server("server", |host: Host| async move { serve(host.rt().clone()).await });
        for client in 0..CLIENTS {
            let replies = Arc::clone(&self.replies);
            stage.client(&name(client), move |host: Host| {
                let replies = Arc::clone(&replies);
                async move {
                    while !host.is_healed() {
                        // A fault: once more.
                        if ask(host.rt(), &replies, || host.is_healed()).await.is_err() {
                            host.rt().sleep(TICK).await;
                        }
                    }
                    Ok(())
                }
            });
        }
    }
}

async fn serve(rt: Rt) -> HostResult {
    let mut listener = rt.listen(([0, 0, 0, 0], PORT)).await?;
    let sessions = Scope::new(&rt);
    loop {
        let (connection, _peer) = listener.accept().await?;
        sessions.spawn("session", async move {
            let _over = reply(connection).await;
        });
    }
}

async fn reply(mut connection: BoxConnection) -> io::Result<()> {
    let mut request = [0; BYTES];
    while connection.read_exact(&mut request).await.is_ok() {
        connection.write_all(&request).await?;
    }
    Ok(())
}

async fn ask(rt: &Rt, replies: &Replies, is_over: impl Fn() -> bool) -> io::Result<()> {
    let mut connection = rt.connect(("server", PORT)).await?;
    let mut reply = [0; BYTES];
    while !is_over() {
        connection.write_all(&reply).await?;
        connection.read_exact(&mut reply).await?;
        replies.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
