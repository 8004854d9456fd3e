//! What really happened to each request, and what a client may say of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use seaworthy_core::http::{Attempt, Config, Ending, Stats};

use super::{
    BACKENDS, RETRY_AFTER_MAX,
    backend::{is_date, retry_after},
};
use crate::{always, scenario::Host, sometimes};

/// All requests of a run, as their callers and the backends know them.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Book>);

#[derive(Default)]
struct Book {
    requests: BTreeMap<u64, Entry>,
    /// How often each client has sent something again, by what its callers were told.
    retries: BTreeMap<u16, u64>,
}

#[derive(Debug, Default)]
struct Entry {
    is_stream: bool,
    /// How often it has come to a backend as a whole.
    arrived: u32,
    /// Of these, how often with its body: a redirect may have left it behind.
    bodies: u32,
    executed: u32,
    /// Of these, how often in a way that must not be repeated.
    executed_once: u32,
    /// How often it was sent, by what its caller was told in the end.
    attempts: Option<u32>,
    /// Of these, how often it may have been carried out, by what its caller was told.
    may_have_been_sent: Option<u32>,
}

/// A request, as a backend sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) id: u64,
    /// To carry it out twice is to carry it out once.
    pub(super) may_repeat: bool,
    /// It has one of the methods that are sent with a body here.
    pub(super) has_body: bool,
}

impl Ledger {
    /// There is another request.
    pub(super) fn begin(&self, is_stream: bool) -> u64 {
        let mut book = self.0.lock();
        let id = book.requests.len() as u64 + 1;
        book.requests.insert(id, Entry { is_stream, ..Entry::default() });
        id
    }

    /// A request has come to a backend.
    pub(super) fn arrives(&self, host: &Host, asked: Asked) {
        let Asked { id, has_body, .. } = asked;
        let mut book = self.0.lock();
        let Some(entry) = book.requests.get_mut(&id) else {
            drop(book);
            return host.violated("a request arrives as it was sent", format_args!("nobody has sent {id}"));
        };
        entry.arrived += 1;
        entry.bodies += u32::from(has_body);
        let (arrived, attempts) = (entry.arrived, entry.attempts);
        let is_first = !entry.is_stream || entry.bodies <= 1;
        drop(book);
        host.note(format_args!("request {id} has arrived"));
        always!(host, is_first, "what is made while it is sent is sent once", "{id}: {arrived} times");
        let is_known = attempts.is_none_or(|attempts| arrived <= attempts);
        always!(host, is_known, "every attempt is told", "{id} has come {arrived} times, of {attempts:?}");
    }

    /// A backend carries a request out.
    pub(super) fn executes(&self, host: &Host, asked: Asked) {
        let Asked { id, may_repeat, .. } = asked;
        let mut book = self.0.lock();
        let Some(entry) = book.requests.get_mut(&id) else { return };
        entry.executed += 1;
        entry.executed_once += u32::from(!may_repeat);
        let (times, once, most) = (entry.executed, entry.executed_once, entry.may_have_been_sent);
        drop(book);
        host.note(format_args!("request {id} is carried out"));
        always!(host, once <= 1, "what must not be repeated is carried out once", "{id}: {once} times");
        let is_known = most.is_none_or(|most| times <= most);
        always!(
            host,
            is_known,
            "what is said not to be sent is not carried out",
            "{id}: {times} of {most:?}"
        );
    }

    /// How often a request was carried out.
    pub(super) fn executed(&self, id: u64) -> u32 {
        self.0.lock().requests.get(&id).map_or(0, |entry| entry.executed)
    }

    /// How often its callers were told that this client has sent something again.
    pub(super) fn retries(&self, client: u16) -> u64 {
        self.0.lock().retries.get(&client).copied().unwrap_or(0)
    }

    /// The caller of a request is told how it went.
    pub(super) fn ends(&self, host: &Host, client: u16, told: &Told<'_>) {
        let Told { id, tried, .. } = *told;
        told.check(host);
        let count = |which: fn(&Tried) -> bool| tried.iter().filter(|tried| which(tried)).count() as u32;
        let answered = count(|tried| matches!(tried.ending, Ending::Answered(_)));
        let (sent, most) = (tried.len() as u32, count(|tried| tried.may_have_been_sent));
        let mut book = self.0.lock();
        *book.retries.entry(client).or_default() += u64::from(count(|tried| tried.number > 1));
        let Some(entry) = book.requests.get_mut(&id) else { return };
        entry.attempts = Some(sent);
        entry.may_have_been_sent = Some(most);
        let (arrived, executed) = (entry.arrived, entry.executed);
        drop(book);
        always!(
            host,
            answered <= arrived && arrived <= sent,
            "every attempt is told",
            "{id}: {answered} were answered of {arrived} that came of {sent} that were sent: {tried:?}"
        );
        always!(
            host,
            executed <= most,
            "what is said not to be sent is not carried out",
            "{id}: {executed} times, of {most} it may have been: {tried:?}"
        );
    }
}

/// What a caller is told of a request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) id: u64,
    pub(super) tried: &'a [Tried],
    pub(super) attempts_max: u32,
    /// To carry it out twice is to carry it out once, as it set out.
    pub(super) may_repeat: bool,
}

/// What it is told of one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    pub(super) hop: u32,
    pub(super) number: u32,
    pub(super) started: Instant,
    pub(super) total: Duration,
    pub(super) ending: Ending,
    pub(super) may_have_been_sent: bool,
    pub(super) pause: Option<Duration>,
}

impl From<&Attempt> for Tried {
    fn from(attempt: &Attempt) -> Self {
        let Attempt { hop, number, started, ending, may_have_been_sent, pause, .. } = *attempt;
        Self { hop, number, started, total: attempt.timings.total, ending, may_have_been_sent, pause }
    }
}

impl Told<'_> {
    /// Whether it is possible by itself.
    fn check(&self, host: &Host) {
        let Self { id, tried: attempts, attempts_max, may_repeat } = *self;
        for attempt in attempts {
            let number = attempt.number;
            always!(host, number <= attempts_max, "attempts are bounded", "{id}: {number} of {attempts_max}");
        }
        for (attempt, next) in attempts.iter().zip(attempts.iter().skip(1)) {
            let (follows, pause) = if next.hop == attempt.hop {
                (next.number == attempt.number + 1 && attempt.pause.is_some(), attempt.pause)
            } else {
                (next.hop == attempt.hop + 1 && next.number == 1 && attempt.pause.is_none(), None)
            };
            always!(host, follows, "attempts are numbered", "{id}: {attempt:?}, then {next:?}");
            let Some(pause) = pause else { continue };
            let waited = next.started.saturating_duration_since(attempt.started);
            let is_kept = waited >= attempt.total + pause;
            always!(host, is_kept, "a pause is kept", "{id}: {waited:?} between {attempt:?} and {next:?}");
            // A redirect may have made a GET of it.
            let may_repeat = may_repeat || attempt.hop > 0 || !attempt.may_have_been_sent;
            always!(
                host,
                may_repeat,
                "what may have been carried out is not sent again",
                "{id}: {attempt:?}"
            );
            let Ending::Answered(status) = attempt.ending else { continue };
            if !matches!(status.as_u16(), 429 | 503) {
                continue;
            }
            let Some(asked) = retry_after(id) else { continue };
            always!(host, pause >= asked, "Retry-After is kept", "{id}: {pause:?} of {asked:?}: {attempt:?}");
            let is_short = asked <= RETRY_AFTER_MAX;
            always!(host, is_short, "who asks for more than one waits is not asked again", "{id}: {asked:?}");
            let point = match is_date(id) {
                true => "Retry-After as a date is waited for",
                false => "Retry-After in seconds is waited for",
            };
            sometimes!(host, !asked.is_zero(), point);
        }
    }
}

/// The head of a reply, of the request that its `x-id` says.
pub(super) fn check_reply(host: &Host, id: u64, of: Option<u64>, is_success: bool, executed: u32) {
    always!(host, of == Some(id), "a reply belongs to its request", "{of:?} for {id}");
    always!(host, !is_success || executed > 0, "a success was carried out", "{id}");
}

/// The bytes that have come of a body, and that are all if it `is_over`.
pub(super) fn check_body(host: &Host, id: u64, came: &[u8], expected: &[u8], is_over: bool) {
    let (got, len) = (came.len(), expected.len());
    always!(host, expected.starts_with(came), "the bytes of a body are right", "{id}: {got} of {len}");
    always!(host, !is_over || got == len, "a body is whole or an error", "{id}: {got} of {len} bytes");
}

/// A request and the reading of its reply took so long, of this timeout; clocks can tell a `tick` apart.
pub(super) fn check_time(host: &Host, id: u64, took: Duration, timeout: Duration, tick: Duration) {
    always!(host, took <= timeout + tick, "a deadline is kept", "{id}: {took:?} of {timeout:?}");
}

/// What a client is doing, at any time, and how often its callers were told that it has sent something again since it
/// was made, which is so long ago.
pub(super) fn check_stats(host: &Host, config: &Config, stats: &Stats, retries: u64, since: Duration) {
    let backends = usize::from(BACKENDS);
    let (open, most) = (stats.in_use + stats.idle, config.connections_per_host_max * backends);
    always!(host, open <= most, "connections to a host are bounded", "{open} of {most}: {stats:?}");
    let most = config.waiters_per_host_max * backends;
    always!(host, stats.waiting <= most, "the line for a connection is bounded", "{stats:?}");
    let budget = &config.retry.budget;
    let each = f64::from(budget.tokens_max) + f64::from(budget.reserve_per_second) * since.as_secs_f64();
    let most = backends as f64 * each + budget.ratio * stats.requests as f64;
    // Counted by what callers were told, not by the client.
    always!(host, retries as f64 <= most + 1e-6, "a retry budget is held", "{retries} of {most}: {stats:?}");
    always!(host, retries <= stats.retries, "retries are counted", "{retries}: {stats:?}");
    sometimes!(host, stats.retries_refused > 0, "the retry budget is dry");
}

/// How many have succeeded of those sent when all is well again, and how many were sent again for it.
pub(super) fn check_health(host: &Host, sent: u64, succeeded: u64, again: u64) {
    let is_well = succeeded * 100 >= sent * 99;
    always!(host, is_well, "nearly all succeed when backends are well", "{succeeded} of {sent}");
    always!(host, again * 100 <= sent, "hardly anything is sent again then", "{again} of {sent}");
}

/// When nobody has sent anything for longer than a connection is kept.
pub(super) fn check_rest(host: &Host, stats: &Stats) {
    let kept = stats.in_use + stats.waiting;
    always!(host, kept == 0, "no connection leaks", "nobody sends anything: {stats:?}");
    always!(host, stats.idle == 0, "what is idle for too long is closed", "{stats:?}");
}
