use std::{sync::Arc, time::Duration};

use seaworthy_core::{
    limit::{Acquire, AcquireError, Bulkhead, KeyedRateLimiter, RateLimiter, bulkhead},
    rt::Rng,
    time::Deadline,
};

use super::laws::{Places, Tap};
use crate::{always, scenario::Host, scenarios::turns, sometimes};

/// What the clocks of a simulation can tell apart, and some more.
const TICKS: Duration = Duration::from_millis(25);

/// Takes tokens, with and without a deadline, until the faults are over.
pub(super) async fn tokens(host: Host, limiter: RateLimiter, tap: Arc<Tap>, mut rng: Rng, pause: Duration) {
    while !host.is_healed() {
        host.rt().sleep(rng.duration(Duration::ZERO, pause)).await;
        let n = 1 + rng.below(2) as u32;
        if rng.chance(1, 4) {
            tap.try_acquire(&limiter, n);
            continue;
        }
        let began = host.now();
        let limit = rng.chance(1, 2).then(|| rng.duration(Duration::from_millis(1), Duration::from_secs(3)));
        let deadline = limit.map(|limit| Deadline::after(host.rt(), "tokens", limit));
        let acquiring = limiter.acquire_with(n, Acquire { deadline, ..Acquire::default() });
        // What a limiter that is paused keeps for ever ends with the storm at the latest.
        let watched = host.cancellable(tap.acquire(n, limit.is_some(), acquiring));
        let Some(got) = host.sim().until_healed(watched).await else { return };
        let took = host.now() - began;
        if let (Some(limit), Some(_)) = (limit, &got) {
            let is_late = took > limit + TICKS && turns::are_on_time(&host, began);
            always!(host, !is_late, "a wait ends with its deadline", "{took:?} instead of {limit:?}");
        }
        match got {
            None => host.reached("a waiter for a token gives up"),
            Some(Ok(())) => host.note(format_args!("{n} tokens after {took:?}")),
            Some(Err(error)) => refused(&host, &error, limit, began),
        }
    }
}

fn refused(host: &Host, error: &AcquireError, limit: Option<Duration>, began: Duration) {
    match error {
        AcquireError::QueueFull { .. } => host.reached("the line of a limiter is full"),
        AcquireError::DeadlineTooSoon { wait, remaining, .. } => {
            host.reached("a wait is refused because it cannot end in time");
            let text = format_args!("{wait:?} of {remaining:?}");
            always!(host, wait > remaining, "only a wait that is too long is refused", "{text}");
        }
        AcquireError::DeadlineExceeded { .. } => {
            host.reached("a wait for a token ends with its deadline");
            let (took, limit) = (host.now() - began, limit.unwrap_or(Duration::MAX));
            let text = format_args!("after {took:?} of {limit:?}");
            always!(host, took >= limit, "no deadline is over before its time", "{text}");
        }
        // The burst may have become smaller.
        AcquireError::TooMany { .. } => {}
        error => host.violated("a wait fails for a reason that there is", format_args!("{error}")),
    }
}

/// Holds permits, until the faults are over.
pub(super) async fn permits(
    host: Host,
    bulkhead: Bulkhead,
    places: Arc<Places>,
    mut rng: Rng,
    pause: Duration,
) {
    while !host.is_healed() {
        host.rt().sleep(rng.duration(Duration::ZERO, pause)).await;
        let limit = rng.chance(1, 2).then(|| rng.duration(Duration::from_millis(1), Duration::from_secs(3)));
        let deadline = limit.map(|limit| Deadline::after(host.rt(), "permits", limit));
        let acquiring = bulkhead.acquire_with(Acquire { deadline, ..Acquire::default() });
        let watched = host.cancellable(places.acquire(limit.is_some(), acquiring));
        let Some(got) = host.sim().until_healed(watched).await else { return };
        match got {
            None => host.reached("a waiter for a permit gives up"),
            Some(Ok(permit)) => {
                let held = places.hold(&bulkhead);
                host.rt().sleep(rng.duration(Duration::ZERO, pause)).await;
                drop(held);
                drop(permit);
            }
            Some(Err(bulkhead::AcquireError::QueueFull(_))) => {
                host.reached("the line of a bulkhead is full");
            }
            Some(Err(_)) => {}
        }
    }
}

/// Takes tokens of many keys, until the faults are over.
pub(super) async fn keys(
    host: Host,
    limiter: KeyedRateLimiter<u64>,
    keys: u64,
    mut rng: Rng,
    pause: Duration,
) {
    while !host.is_healed() {
        host.rt().sleep(rng.duration(Duration::ZERO, pause)).await;
        let key = rng.below(keys);
        let got = host.sim().until_healed(host.cancellable(limiter.acquire(&key, 1))).await;
        let too_many = matches!(got, Some(Some(Err(AcquireError::TooManyKeys { .. }))));
        sometimes!(host, too_many, "a key is refused because there are too many");
    }
}

/// Deadlines within deadlines, until the faults are over.
pub(super) async fn deadlines(host: Host, mut rng: Rng, pause: Duration) {
    while !host.is_healed() {
        host.rt().sleep(rng.duration(Duration::ZERO, pause)).await;
        let mut some = |most| rng.duration(Duration::from_millis(1), Duration::from_millis(most));
        let (outer, inner, work) = (some(1000), some(1000), some(1000));
        let (began, date) = (host.now(), host.rt().wall_clock());
        let parent = Deadline::after(host.rt(), "parent", outer);
        let child = parent.child("child", inner);
        always!(host, child.at() <= parent.at(), "no child outlives its parent", "{inner:?} in {outer:?}");
        let ended = child.run(host.rt().sleep(work)).await;
        let (took, limit) = (host.now() - began, outer.min(inner));
        let by_date = host.rt().wall_clock().duration_since(date).unwrap_or_default();
        let jumped = by_date > took + TICKS;
        sometimes!(host, jumped, "the date jumps within a deadline, which does not mind");
        let is_on_time = turns::are_on_time(&host, began);
        match ended {
            Ok(()) => {
                host.reached("a deadline is kept");
                let is_early = took >= work;
                always!(host, is_early, "work that is done was done", "{took:?} of {work:?}");
            }
            Err(error) => {
                let expected = if inner < outer { "child" } else { "parent" };
                let names = error.scope == expected;
                always!(host, names, "the scope that expires is named", "{} for {expected}", error.scope);
                sometimes!(host, expected == "child", "a child's deadline is the one that expires");
                sometimes!(host, expected == "parent", "a parent's deadline is the one that expires");
                always!(host, took >= limit, "no deadline is over before its time", "{took:?} of {limit:?}");
            }
        }
        let is_late = took > limit + TICKS && is_on_time;
        always!(host, !is_late, "a deadline ends what it is for", "{took:?} of {limit:?}, {work:?} of work");
    }
}
