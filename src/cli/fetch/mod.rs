//! `seaworthy fetch`: many URLs at once, to files or to hashes, with a record of each.
//!
//! A list of URLs becomes a stream of [`Target`](list::Target)s, each with the name of its file; a [`transfer`] brings one
//! in; what became of it is a [`record`]. Nothing holds a whole body.

mod list;
mod name;
mod options;
mod part;
mod record;
mod sink;
mod transfer;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use seaworthy::{
    http,
    rt::{CancelToken, Rt},
    stream::{Concurrency, Order, RtStreamExt},
};

pub(crate) use self::options::{Options, Rate, concurrency, duration, rate};
use self::{
    record::{Outcome, Record, Sum},
    transfer::Transfers,
};
use super::{
    Exit, Failure,
    host::{self, Signals},
    screen::Screen,
};

/// Fetches all there is to fetch, and says how it went.
pub(crate) async fn run(
    rt: &Rt,
    signals: Signals,
    options: Options,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let stop = screen.closed().child();
    let client = http::Client::new(rt, options.client()).map_err(|error| {
        Failure::usage("these options do not go together", error, "see `seaworthy fetch --help`")
    })?;
    let list = list::List::open(rt, &options)?;
    let start = rt.now();
    let fetching = fetch(rt, &client, list, Arc::new(options), &stop, screen);
    let (sum, signal) = host::heeding(signals, &stop, screen, fetching).await;
    let sum = sum?;
    screen.told(sum.text(rt.now() - start, signal.is_some()));
    let exit = match signal {
        Some(signal) => host::exit(signal),
        None if sum.is_clean() => Exit::Done,
        None => Exit::Failed,
    };
    if let Some(failure) = sum.fatal {
        return Err(failure);
    }
    screen.finish(exit)
}

async fn fetch(
    rt: &Rt,
    client: &http::Client,
    list: list::List,
    options: Arc<Options>,
    stop: &CancelToken,
    screen: &Screen,
) -> Result<Sum, Failure> {
    let overall = screen.progress(list.len());
    overall.enable_steady_tick(Duration::from_millis(100));
    let is_ordered = options.ordered;
    let concurrency = Concurrency {
        tasks_max: options.concurrency,
        // In order, one that is slow does not stop the others for a while.
        read_ahead_max: if is_ordered { 4 * options.concurrency } else { 0 },
        order: if is_ordered { Order::Kept } else { Order::AsCompleted },
    };
    let transfers = Transfers::new(rt, client, options, screen);
    let records = list.targets().map_concurrent(rt, concurrency, move |target| {
        let transfers = transfers.clone();
        async move { transfers.bring(target).await }
    });
    let mut records = records.expect("the concurrency was checked as it was read");
    let mut sum = Sum::default();
    while let Some(Some(record)) = stop.run_until_cancelled(records.next()).await {
        let record: Record = match record {
            Ok(record) => record,
            Err(error) => {
                records.close().await;
                return Err(Failure::work("a transfer broke down", error, "this is a bug: please report it"));
            }
        };
        overall.inc(1);
        sum.add(&record);
        overall.set_message(sum.progress());
        screen.document(record.json());
        if matches!(record.outcome, Outcome::Failed(_)) {
            screen.result(record.text(screen));
        } else {
            screen.line(record.text(screen));
        }
        if let Some(failure) = record.into_fatal() {
            sum.fatal = Some(failure);
            break;
        }
    }
    // Files that are not complete stay as they are: the next run goes on with them.
    records.close().await;
    overall.finish_and_clear();
    Ok(sum)
}
