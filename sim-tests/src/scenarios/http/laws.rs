//! What really happened to each request, and what a client may say of it.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use seaworthy_core::http::{Ending, Report};

use super::{
    RETRY_AFTER_MAX,
    backend::{is_date, retry_after},
};
use crate::{Sim, always, scenario::Host, sometimes};

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
    /// Its caller was told that nobody can have carried it out.
    is_unsent: bool,
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
        let (times, is_unsent) = (entry.executed_once, entry.is_unsent);
        drop(book);
        host.note(format_args!("request {id} is carried out"));
        always!(host, times <= 1, "what must not be repeated is carried out once", "{id}: {times} times");
        always!(host, !is_unsent, "what is said not to be sent is not carried out", "{id}");
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
        let Told { id, report, is_unsent, .. } = *told;
        told.check(host);
        let attempts = report.attempts();
        let answered = attempts.iter().filter(|attempt| matches!(attempt.ending, Ending::Answered(_)));
        let (answered, sent) = (answered.count() as u32, attempts.len() as u32);
        let retries = attempts.iter().filter(|attempt| attempt.number > 1).count() as u64;
        let mut book = self.0.lock();
        *book.retries.entry(client).or_default() += retries;
        let Some(entry) = book.requests.get_mut(&id) else { return };
        entry.attempts = Some(sent);
        entry.is_unsent = is_unsent;
        let (arrived, executed) = (entry.arrived, entry.executed);
        drop(book);
        always!(
            host,
            answered <= arrived && arrived <= sent,
            "every attempt is told",
            "{id}: {answered} were answered of {arrived} that came of {sent} that were sent: {report:?}"
        );
        always!(
            host,
            !is_unsent || executed == 0,
            "what is said not to be sent is not carried out",
            "{id}: {report:?}"
        );
    }

    /// When all is over.
    pub(super) fn check(&self, sim: &Sim) {
        for (id, entry) in &self.0.lock().requests {
            let is_right = !entry.is_unsent || entry.executed == 0;
            always!(sim, is_right, "what is said not to be sent is not carried out", "{id}: {entry:?}");
        }
    }
}

/// What a caller is told of a request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) id: u64,
    pub(super) report: &'a Report,
    pub(super) attempts_max: u32,
    /// To carry it out twice is to carry it out once, as it set out.
    pub(super) may_repeat: bool,
    /// Nobody can have carried it out, it is said.
    pub(super) is_unsent: bool,
}

impl Told<'_> {
    /// Whether it is possible by itself.
    fn check(&self, host: &Host) {
        let Self { id, report, attempts_max, may_repeat, .. } = *self;
        let attempts = report.attempts();
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
            let is_kept = waited >= attempt.timings.total + pause;
            always!(host, is_kept, "a pause is kept", "{id}: {waited:?} between {attempt:?} and {next:?}");
            let Ending::Answered(status) = attempt.ending else { continue };
            let may_repeat = may_repeat || attempt.hop > 0;
            always!(host, may_repeat, "what was answered is not sent again", "{id}: {attempt:?}");
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
