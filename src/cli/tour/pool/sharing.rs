use std::time::Duration;

use futures::future::{join, join_all};
use parking_lot::Mutex;
use seaworthy::pool::{Acquire, Config};

use super::{Backend, Context, client, count, text::time};

const TASKS: u64 = 200;
const QUERIES: u64 = 25;
const CONNECTIONS: usize = 8;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queries: u64,
    took: Duration,
    pub(super) wait_median: Duration,
    pub(super) wait_p99: Duration,
}

impl Shared {
    pub(super) fn per_second(&self) -> f64 {
        self.queries as f64 / self.took.as_secs_f64()
    }
}

/// Many tasks, few connections; the server counts for itself.
pub(super) async fn among_many(cx: &Context, backend: &Backend) -> anyhow::Result<Shared> {
    cx.scene(format_args!("{TASKS} tasks share {CONNECTIONS} connections to {}", backend.address));
    let rt = &cx.rt;
    let pool = client::pool(rt, backend, Config { max: CONNECTIONS, ..Config::default() })?;
    let start = rt.now();
    let tasks = (0..TASKS).map(|task| {
        let (clock, pool) = (rt.clone(), pool.clone());
        rt.spawn("tour.client", async move {
            let mut waits = Vec::new();
            let mut right = 0;
            for query in 0..QUERIES {
                let asked = clock.now();
                let mut client = pool.get().await?;
                waits.push(clock.now() - asked);
                right += u64::from(client.add(task, query).await? == task + query);
            }
            anyhow::Ok((waits, right))
        })
    });
    let (mut waits, mut right) = (Vec::new(), 0);
    for ended in join_all(tasks).await {
        let (theirs, was_right) = ended??;
        waits.extend(theirs);
        right += was_right;
    }
    let took = rt.now() - start;
    waits.sort_unstable();
    let queries = TASKS * QUERIES;
    let [wait_median, wait_p99] = [50, 99].map(|percent| waits[waits.len() * percent / 100]);
    let shared = Shared { queries, took, wait_median, wait_p99 };
    cx.fact(
        count(shared.per_second() as u64),
        format_args!("queries a second: {} in {}", count(queries), time(took)),
    );
    cx.fact(time(wait_median), format_args!("median wait for a connection; 99th of 100: {}", time(wait_p99)));
    cx.claim(right == queries, count(right), "answers, each the right one for its question", count(queries));
    let peak = backend.meter.take_open_peak();
    cx.claim(
        peak <= CONNECTIONS,
        format_args!("{peak} at once"),
        "connections at the peak, counted by the server",
        format_args!("at most {CONNECTIONS}"),
    );
    let accepted = backend.meter.accepted();
    cx.claim(accepted <= CONNECTIONS, accepted, "connects in all", format_args!("at most {CONNECTIONS}"));
    pool.close(Duration::from_secs(1)).await;
    Ok(shared)
}

const LINE: usize = 100;

/// One connection, a line of callers, and one in a hurry.
pub(super) async fn in_order(cx: &Context, backend: &Backend) -> anyhow::Result<()> {
    let pool = client::pool(&cx.rt, backend, Config { max: 1, ..Config::default() })?;
    let mut held = pool.get().await?;
    // Its answer shows that the server has counted this connection: the next scene counts, too.
    held.add(1, 1).await?;
    let served = Mutex::new(Vec::new());
    // Each takes its place in line at its first poll, one after the other.
    let callers = (0..=LINE).map(|caller| {
        let (pool, served) = (&pool, &served);
        async move {
            let priority = if caller == LINE { 10 } else { 0 };
            let lease = pool.get_with(Acquire { priority, ..Acquire::default() }).await?;
            served.lock().push(caller);
            drop(lease);
            anyhow::Ok(())
        }
    });
    let (ended, ()) = join(join_all(callers), async { drop(held) }).await;
    ended.into_iter().collect::<Result<(), _>>()?;
    let served = served.into_inner();
    let in_order = served[1..].iter().enumerate().filter(|(place, caller)| place == *caller).count();
    cx.claim(
        in_order == LINE && served[0] == LINE,
        format_args!("{in_order} of {LINE}"),
        "waiting callers served in the order they came, after an urgent one that came last",
        "all, and the urgent one first",
    );
    Ok(())
}
