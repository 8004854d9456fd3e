//! A get and a return that nobody disputes.

use std::future::Future;

use super::managers::{self, Lender};
use crate::{
    harness::{Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

const MAX: usize = 8;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let runtime = OnTokio::current_thread();
    let gets = settings.size(100_000);
    let on = &runtime;
    let table = Comparison::new("A get and a return, alone", "ns/get", gets)
        .pinned()
        .limit(50.0)
        .ours("seaworthy", |meter| time(meter, on, gets, async { managers::ours(&on.rt, MAX) }))
        .peer("deadpool", |meter| time(meter, on, gets, async { managers::deadpool(MAX) }))
        .peer("deadpool, with a time limit", |meter| {
            time(meter, on, gets, async { managers::deadpool_with_timeout(MAX) });
        })
        .peer("bb8", |meter| time(meter, on, gets, managers::bb8(MAX, true)))
        .peer("bb8, without tests", |meter| time(meter, on, gets, managers::bb8(MAX, false)))
        .peer("mobc", |meter| time(meter, on, gets, async { managers::mobc(MAX) }))
        .note("Each with its own defaults: all but deadpool limit the time of a get.")
        .run(settings);
    vec![table]
}

fn time<P: Lender>(meter: &mut Meter, runtime: &OnTokio, gets: usize, pool: impl Future<Output = P>) {
    let pool = runtime.block_on(async {
        let pool = pool.await;
        drop(pool.lend().await);
        pool
    });
    meter.time(|| {
        runtime.block_on(async {
            for _ in 0..gets {
                pool.lend().await.uses += 1;
            }
        });
    });
    // One of its connections, if not the only one.
    assert!(runtime.block_on(async { pool.lend().await.uses }) > 0);
}
