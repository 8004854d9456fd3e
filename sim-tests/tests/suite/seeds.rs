//! A seed repeats its run, and another seed is another run.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use seaworthy_core::rt::{Rt, yield_now};
use seaworthy_sim::Config;

use crate::stage::{PORT, echo, finish, listen, ms, simulation};

type Trace = Vec<(Duration, String)>;

/// What happened when, in a run with a bit of everything.
fn trace(config: Config) -> Trace {
    let epoch = config.epoch;
    let mut simulation = simulation(config);
    let trace = Arc::new(Mutex::new(Trace::new()));
    let note = {
        let trace = Arc::clone(&trace);
        move |rt: &Rt, event: String| {
            let at = rt.wall_clock().duration_since(epoch).expect("time goes on");
            trace.lock().push((at, event));
        }
    };
    let noted = note.clone();
    simulation.host("server", move |rt| {
        let note = noted.clone();
        async move {
            let mut listener = listen(&rt).await?;
            loop {
                let (connection, peer) = listener.accept().await?;
                note(&rt, format!("accepted {peer}"));
                rt.spawn("echo", echo(connection)).detach();
            }
        }
    });
    for client in ["one", "two", "three"] {
        let note = note.clone();
        simulation.client(client, move |rt| {
            let note = note.clone();
            async move {
                rt.sleep(ms(1)).await;
                let tasks: Vec<_> = (0..5)
                    .map(|n| rt.spawn("call", call(rt.clone(), format!("{client} {n}"), note.clone())))
                    .collect();
                for task in tasks {
                    task.await??;
                }
                Ok(())
            }
        });
    }
    finish(simulation);
    std::mem::take(&mut *trace.lock())
}

async fn call(rt: Rt, name: String, note: impl Fn(&Rt, String)) -> std::io::Result<()> {
    let mut rng = rt.rng("call");
    let mut connection = rt.connect(("server", PORT)).await?;
    for _ in 0..5 {
        rt.sleep(rng.duration(Duration::ZERO, ms(5))).await;
        let question = vec![rng.next_u64() as u8; 1 + rng.index(100_000)];
        let mut answer = vec![0; question.len()];
        let (mut reader, mut writer) = (&mut connection).split();
        futures::future::try_join(writer.write_all(&question), reader.read_exact(&mut answer)).await?;
        note(&rt, format!("{name} got {} times {}", answer.len(), answer[0]));
        rt.spawn_blocking("job", || ()).await.expect("it ends well");
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_events_at_the_same_times() {
    for seed in 0..5 {
        let (first, second) = (trace(Config::seeded(seed)), trace(Config::seeded(seed)));
        assert_eq!(first.len(), 15 + 15 * 5);
        assert_eq!(first, second);
    }
}

#[test]
fn other_seeds_give_other_runs() {
    let traces: BTreeSet<_> = (0..20).map(|seed| trace(Config::seeded(seed))).collect();
    assert_eq!(traces.len(), 20);
}

#[test]
fn without_chance_in_the_network_seeds_still_interleave_tasks_differently() {
    let orders = |jitter| -> BTreeSet<_> { (0..300).map(|seed| order_of_four_tasks(seed, jitter)).collect() };
    assert_eq!(orders(false).len(), 1, "first come, first served");
    let orders = orders(true).len();
    assert!(orders >= 20, "{orders} of the 24 orders of four tasks");
}

fn order_of_four_tasks(seed: u64, jitter: bool) -> Vec<u8> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    let mut simulation = simulation(Config { seed, jitter, ..Config::default() });
    simulation.client("host", move |rt| {
        let noted = Arc::clone(&noted);
        async move {
            let tasks: Vec<_> = (0..4_u8)
                .map(|n| {
                    let noted = Arc::clone(&noted);
                    rt.spawn("one of four", async move {
                        yield_now().await;
                        noted.lock().push(n);
                    })
                })
                .collect();
            for task in tasks {
                task.await?;
            }
            Ok(())
        }
    });
    finish(simulation);
    Arc::try_unwrap(order).expect("the host is gone").into_inner()
}
