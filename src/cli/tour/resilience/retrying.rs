use std::time::Duration;

use futures::{StreamExt, stream};
use seaworthy::{
    resilience::{
        Budget, Retry, budget,
        retry::{self, Stop, Verdict},
    },
    time::{Backoff, Deadline, Jitter},
};

use super::{
    Context,
    backend::{Backend, Failure},
    text::{count, millis, time},
};

/// Pauses of 10 ms, 20 ms, 40 ms and so on.
fn config(attempts_max: u32) -> retry::Config {
    let backoff = Backoff { initial: Duration::from_millis(10), jitter: Jitter::None, ..Backoff::default() };
    retry::Config { attempts_max, backoff, ..retry::Config::default() }
}

/// What is unavailable may be there soon; what is not found stays so.
fn judge(result: &Result<String, Failure>) -> Verdict {
    match result {
        Ok(_) => Verdict::Done,
        Err(Failure::NotFound) => Verdict::Fail,
        Err(Failure::Unavailable | Failure::Io(_)) => Verdict::Retry,
    }
}

/// A failure that is over soon is not seen by the caller.
pub(super) async fn past_short_failures(cx: &Context) -> anyhow::Result<()> {
    cx.scene("Retries, of a server that fails twice");
    let backend = Backend::start(&cx.rt).await?;
    let retry = Retry::new(&cx.rt, config(4))?.classify(judge);

    backend.fail(2);
    let start = cx.rt.now();
    let (answer, ledger) = retry.run_traced(|_| backend.ask("stock")).await?;
    let took = cx.rt.now() - start;
    let requests = backend.requests();
    cx.claim(
        (answer.as_str(), ledger.attempts(), requests) == ("stock: done", 3, 3),
        requests,
        format_args!("requests, counted by the server, until it answered `{answer}`"),
        "3, as the ledger says",
    );
    let pauses = Duration::from_millis(10 + 20);
    cx.claim(took >= pauses, time(took), "with pauses of 10 and 20 ms", "at least the pauses");

    let before = backend.requests();
    let refused = retry.run(|_| backend.ask("nothing")).await;
    let asked = backend.requests() - before;
    let stop = refused.as_ref().err().map(|error| error.stop);
    cx.claim(
        stop == Some(Stop::Final) && asked == 1,
        asked,
        "request for what is not there: to ask again would not help",
        "1",
    );
    Ok(())
}

const LIMIT: Duration = Duration::from_millis(150);
const CALLS: usize = 200;

/// A failure that lasts is given up in time, and not made worse.
pub(super) async fn within_limits(cx: &Context) -> anyhow::Result<()> {
    cx.scene("Retries, of a server that stays down");
    let backend = Backend::start(&cx.rt).await?;
    backend.fail(usize::MAX);

    let deadline = Deadline::after(&cx.rt, "checkout", LIMIT);
    let start = cx.rt.now();
    let given_up = Retry::new(&cx.rt, config(100))?.deadline(deadline).run(|_| backend.ask("stock")).await;
    let took = cx.rt.now() - start;
    let error = given_up.err().ok_or_else(|| anyhow::anyhow!("the server is down, and answered"))?;
    cx.claim(
        error.stop == Stop::Deadline && backend.requests() < 100,
        time(took),
        format_args!("until a call with {} left {error}", millis(LIMIT)),
        "given up for the deadline, with attempts left",
    );

    let before = backend.requests();
    let retry = Retry::new(&cx.rt, config(3))?;
    let budget = budget::Config { ratio: 0.1, tokens_max: 10, reserve_per_second: 0 };
    let budgeted = retry.clone().budget(Budget::new(&cx.rt, budget)?);
    let storm = |retry: Retry| {
        let backend = &backend;
        // Client and server share the descriptors of this process, and some systems allow 256.
        async move {
            let calls = stream::iter(0..CALLS).map(|_| retry.run(|_| backend.ask("stock")));
            calls.buffer_unordered(64).count().await
        }
    };
    storm(retry).await;
    let without = backend.requests() - before;
    storm(budgeted).await;
    let with = backend.requests() - before - without;
    cx.fact(count(without as u64), format_args!("requests of {CALLS} calls with 3 attempts each"));
    // Ten tokens, and a tenth of one for each call.
    let most = CALLS + 10 + CALLS / 10;
    cx.claim(
        (CALLS..=most).contains(&with) && without == 3 * CALLS,
        count(with as u64),
        "of the same with a budget: a tenth, and 10 at once",
        format_args!("{CALLS} to {most}, and {} without it", 3 * CALLS),
    );
    Ok(())
}
