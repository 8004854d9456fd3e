//! After the storm: nearly all succeed, hardly anything is sent twice, and nothing is left behind.

use std::{sync::Arc, time::Duration};

use seaworthy_core::http::Client;

use super::{
    Plan,
    breakers::Watch,
    caller::{Call, Caller, Came},
    check_now,
    laws::{Ledger, check_health, check_rest},
};
use crate::{always, scenario::Host};

/// By when breakers have closed, and connections that the storm has broken are known to be.
const RECOVERY: Duration = Duration::from_secs(10);

/// How many requests are looked at.
const REQUESTS: u64 = 200;

pub(super) async fn settle(
    host: &Host,
    client: &Client,
    plan: &Arc<Plan>,
    ledger: &Arc<Ledger>,
    watch: &Arc<Watch>,
    number: u16,
) {
    let until = host.now() + RECOVERY;
    let mut caller =
        Caller::new(host, client, plan, ledger, watch, u64::from(number) << 32 | u64::from(u32::MAX));
    let mut sent = 0;
    while host.now() < until {
        caller.call(Call::harmless(sent)).await;
        sent += 1;
        host.rt().sleep(Duration::from_millis(50)).await;
    }
    watch.look(host);
    let stats = client.stats();
    always!(host, watch.are_closed(), "breakers close when backends are well", "not all have: {stats:?}");

    let before = ledger.retries(number);
    let mut succeeded = 0;
    for sent in 0..REQUESTS {
        let came = caller.call(Call::harmless(sent)).await;
        succeeded += u64::from(matches!(came, Came::Success));
        host.rt().sleep(Duration::from_millis(5)).await;
    }
    let again = ledger.retries(number) - before;
    check_health(host, REQUESTS, succeeded, again);
    check_now(host, client, plan, ledger, number);

    // Until the last rest of a body is drained, and the last connection has been idle for too long.
    let idle = plan.config.idle_timeout.unwrap_or_default();
    host.rt().sleep(Duration::from_secs(2).max(2 * idle)).await;
    check_rest(host, &client.stats());
}
