//! Seaworthy's components side by side with their peers: `just bench`, `just bench tasks`, `just bench tasks/queue`.

mod harness;
mod http;
mod limit;
mod pool;
mod resilience;
mod runtime;
mod runtimes;
mod stream;
mod tasks;

use std::thread;

use anyhow::bail;
use clap::Parser;
use harness::{Machine, Results, Settings, Table};

/// One file of benches: its name, the packages it compares to, and what it runs.
struct Bench {
    name: &'static str,
    peers: &'static [&'static str],
    run: fn(Settings) -> Vec<Table>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "resilience/retry", peers: &["backon"], run: resilience::retry::run },
    Bench {
        name: "resilience/breaker",
        peers: &["recloser", "failsafe", "tower-resilience-circuitbreaker"],
        run: resilience::breaker::run,
    },
    Bench {
        name: "resilience/defects",
        peers: &["recloser", "failsafe", "tower-resilience-circuitbreaker", "backon", "tower"],
        run: resilience::defects::run,
    },
    Bench { name: "http/get", peers: &["reqwest", "hyper-util", "hyper"], run: http::get::run },
    Bench { name: "http/streams", peers: &["reqwest", "hyper"], run: http::streams::run },
    Bench { name: "limit/quota", peers: &["governor", "leaky-bucket"], run: limit::quota::run },
    Bench { name: "limit/try_acquire", peers: &["governor", "leaky-bucket"], run: limit::try_acquire::run },
    Bench { name: "pool/contended", peers: &["deadpool", "bb8", "mobc"], run: pool::contended::run },
    Bench { name: "pool/uncontended", peers: &["deadpool", "bb8", "mobc"], run: pool::uncontended::run },
    Bench {
        name: "runtime/echo",
        peers: &["tokio", "async-io", "async-net", "smol"],
        run: runtime::echo::run,
    },
    Bench { name: "runtime/spawn", peers: &["tokio", "async-executor", "smol"], run: runtime::spawn::run },
    Bench { name: "runtime/testing", peers: &["tokio", "async-executor"], run: runtime::testing::run },
    Bench { name: "runtime/timers", peers: &["tokio", "async-io"], run: runtime::timers::run },
    Bench { name: "stream/generate", peers: &["futures"], run: stream::generate::run },
    Bench {
        name: "stream/merge",
        peers: &["futures", "futures-concurrency", "futures-buffered", "tokio-stream"],
        run: stream::merge::run,
    },
    Bench { name: "stream/batches", peers: &["futures", "tokio", "tokio-stream"], run: stream::batches::run },
    Bench { name: "stream/map_concurrent", peers: &["futures", "tokio"], run: stream::map_concurrent::run },
    Bench { name: "tasks/manager", peers: &["tokio", "futures"], run: tasks::manager::run },
    Bench { name: "tasks/memory", peers: &["tokio"], run: tasks::memory::run },
    Bench { name: "tasks/queue", peers: &["parking_lot"], run: tasks::queue::run },
];

/// Runs Seaworthy's components beside their peers and prints who is faster.
#[derive(Parser)]
struct Arguments {
    /// Which benches, by the start of their names; all if none is named.
    names: Vec<String>,
    /// Everything once and tiny, to see that the benches work; nothing is written.
    #[arg(long)]
    quick: bool,
    /// How many rounds a figure is the median of.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
}

fn main() -> anyhow::Result<()> {
    http::serve_if_asked();
    let Arguments { names, quick, rounds } = Arguments::parse();
    if let Some(unknown) = names.iter().find(|name| !BENCHES.iter().any(|bench| bench.is_meant_by(name))) {
        let known: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("there is no bench `{unknown}`; there are {}", known.join(", "));
    }
    let settings = Settings { quick, rounds: if quick { 1 } else { rounds.max(1) } };
    let machine = Machine::here();
    for bench in BENCHES {
        if names.is_empty() || names.iter().any(|name| bench.is_meant_by(name)) {
            let tables = bench.run(settings);
            tables.iter().for_each(|table| println!("{table}"));
            if !quick {
                Results::new(bench.name, bench.peers, &machine, tables).write()?;
            }
        }
    }
    Ok(())
}

impl Bench {
    fn is_meant_by(&self, name: &str) -> bool {
        self.name.starts_with(name)
    }

    fn run(&self, settings: Settings) -> Vec<Table> {
        eprintln!("{}", self.name);
        // On a thread of its own: some pin theirs to a core.
        let run = self.run;
        let ran = thread::spawn(move || run(settings)).join();
        ran.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bench_runs() {
        for bench in BENCHES {
            assert!(
                !bench.run(Settings { quick: true, rounds: 1 }).is_empty(),
                "{} has no table",
                bench.name
            );
        }
    }
}
