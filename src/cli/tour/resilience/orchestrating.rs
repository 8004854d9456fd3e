use std::{error::Error, sync::Arc, time::Duration};

use seaworthy::{
    resilience::{
        Orchestrator, Policy, Retry,
        breaker::{self, Window},
        orchestrator::{Config, Node, Plan, PlanError, Report, Why},
        retry,
    },
    time::{Backoff, Jitter},
};

use super::{
    Context,
    backend::{Backend, Failure},
    text::time,
};

const ORDERS: usize = 8;
const OPEN: Duration = Duration::from_millis(250);
const CONCURRENCY: usize = 4;

/// Orders are reserved at one server and paid at another, and shipped when both is done.
pub(super) async fn around_a_dependency(cx: &Context) -> anyhow::Result<()> {
    cx.scene(format_args!("{ORDERS} orders in one plan: reserved, paid, then shipped. The bank is down"));
    let shop =
        Shop { stock: Backend::start(&cx.rt).await?.into(), bank: Backend::start(&cx.rt).await?.into() };
    let pauses = Backoff { jitter: Jitter::None, ..breaker::Config::default().open_for };
    let config = Config {
        concurrency: CONCURRENCY,
        breaker: breaker::Config {
            window: Window::Calls { last: 10 },
            calls_min: 6,
            open_for: Backoff { initial: OPEN, max: OPEN, ..pauses },
            successes_to_close: 1,
            ..breaker::Config::default()
        },
        ..Config::default()
    };
    let orchestrator = Orchestrator::new(&cx.rt, config)?;

    refused(cx, &orchestrator, &shop).await?;
    shop.bank.fail(usize::MAX);
    let report = orchestrator.run(shop.plan(cx, ORDERS, Duration::ZERO)?).await?;
    lost(cx, &shop, &report);

    // The breaker of the bank outlives the run: of all that come now, one finds out that it is up.
    shop.bank.fail(0);
    let report = orchestrator.run(shop.plan(cx, ORDERS, 10 * OPEN)?).await?;
    let done = report.tasks.iter().filter(|task| task.value().is_some()).count();
    let waited = time(report.elapsed);
    cx.claim(
        report.is_met && done == 3 * ORDERS,
        format_args!("{done} of {}", 3 * ORDERS),
        format_args!("tasks of the same plan done when the bank is up again, in {waited}"),
        "all",
    );
    Ok(())
}

struct Shop {
    stock: Arc<Backend>,
    bank: Arc<Backend>,
}

impl Shop {
    /// `patience` is for how long an open breaker is waited for, at most.
    fn plan(&self, cx: &Context, orders: usize, patience: Duration) -> anyhow::Result<Plan<String, Failure>> {
        let backoff =
            Backoff { initial: Duration::from_millis(5), jitter: Jitter::None, ..Backoff::default() };
        let config =
            retry::Config { attempts_max: 3, backoff, retry_after_max: patience, ..retry::Config::default() };
        let policy = Policy::new(&cx.rt, "shop").retry(Retry::new(&cx.rt, config)?);
        let mut plan = Plan::new();
        for order in 0..orders {
            let (reserve, pay) = (format!("reserve {order}"), format!("pay {order}"));
            let ask = |backend: &Arc<Backend>, what: &str| {
                let (backend, what) = (Arc::clone(backend), what.to_owned());
                move |_attempt| backend.ask(&what)
            };
            plan.add(Node::new(reserve.clone()).calls("stock"), &policy, ask(&self.stock, &reserve));
            plan.add(Node::new(pay.clone()).calls("bank"), &policy, ask(&self.bank, &pay));
            let ship = format!("ship {order}");
            let node = Node::new(ship.clone()).after([reserve, pay]).calls("stock");
            plan.add(node, &policy, ask(&self.stock, &ship));
        }
        Ok(plan)
    }
}

/// A plan that makes no sense is refused by name before anything starts.
async fn refused(cx: &Context, orchestrator: &Orchestrator, shop: &Shop) -> anyhow::Result<()> {
    let mut plan = shop.plan(cx, 0, Duration::ZERO)?;
    let policy = Policy::new(&cx.rt, "shop");
    for (name, after) in [("bill", "ship"), ("ship", "pay"), ("pay", "bill")] {
        let stock = Arc::clone(&shop.stock);
        plan.add(Node::new(name).after([after]), &policy, move |_| stock.ask(name));
    }
    let refused = orchestrator.run(plan).await.err();
    let text = refused.as_ref().map(PlanError::to_string).unwrap_or_default();
    let is_cycle = matches!(&refused, Some(PlanError::Cycle { tasks }) if tasks.len() == 4);
    cx.claim(
        is_cycle && shop.stock.requests() == 0,
        shop.stock.requests(),
        "requests of a plan that goes in a circle:",
        "0, and the circle by name",
    );
    cx.note(text);
    Ok(())
}

/// What of the plan could be done with the bank down.
fn lost(cx: &Context, shop: &Shop, report: &Report<String, Failure>) {
    let of =
        |what: &str| report.tasks.iter().filter(move |task| task.name.starts_with(what)).collect::<Vec<_>>();
    let reserved = of("reserve").iter().filter(|task| task.value().is_some()).count();
    cx.claim(
        reserved == ORDERS,
        format_args!("{reserved} of {ORDERS}"),
        "orders reserved: another's failure is not theirs",
        "all",
    );
    let paid = of("pay");
    let is_stopped = |why| matches!(why, Some(Why::Open | Why::Failed));
    let open = paid.iter().filter(|task| task.why() == Some(Why::Open)).count();
    let asked = shop.bank.requests();
    // Six failures open it; what was under way then may add to that.
    let most = 6 + CONCURRENCY;
    cx.claim(
        paid.iter().all(|task| is_stopped(task.why())) && open > 0 && asked < most,
        asked,
        format_args!(
            "requests to the bank, which all payments share a breaker for; {open} of {ORDERS} saw it open"
        ),
        format_args!("fewer than {most}, and not {} for 3 attempts each", 3 * ORDERS),
    );
    let shipped = of("ship");
    let skipped = shipped.iter().filter(|task| task.why() == Some(Why::DependencyFailed)).count();
    cx.claim(
        skipped == ORDERS && shipped.iter().all(|task| task.attempts() == 0),
        format_args!("{skipped} of {ORDERS}"),
        "shipments not started, because what comes before them failed",
        "all",
    );
    if let Some(Err(error)) = shipped.first().map(|task| &task.result) {
        cx.note(format_args!("ship 0: {error}"));
    }
    if let Some(Err(error)) = paid.last().map(|task| &task.result) {
        let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        cx.note(format_args!("pay {}: {error}{why}", ORDERS - 1));
    }
}
