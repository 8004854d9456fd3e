//! What is asked: servers that carry requests out, or say that they did, or did not, or say nothing.

use std::{future::pending, sync::Arc, time::Duration};

use parking_lot::Mutex;
use seaworthy_core::{
    rt::Rng,
    testing::http::{Config, Received, Reply, Server, asynchronous},
};

use super::{
    laws::{Asked, Ledger},
    name,
};
use crate::{HostResult, always, fault::FaultKind, scenario::Host};

pub(super) async fn serve(host: Host, ledger: Arc<Ledger>) -> HostResult {
    // Its own book is not needed: ours outlives a crash.
    let config = Config { requests_max: 1, ..Config::default() };
    let rng = Arc::new(Mutex::new(host.sim().rng(host.name(), host.now().as_nanos() as u64)));
    let rt = host.rt().clone();
    let backend = Arc::new(Backend { host, ledger, rng });
    let handler = asynchronous(move |request: Received| {
        let backend = Arc::clone(&backend);
        async move { backend.answer(request).await }
    });
    let _server = Server::start_with(&rt, ([0, 0, 0, 0], 80), config, None, handler).await?;
    pending().await
}

struct Backend {
    host: Host,
    ledger: Arc<Ledger>,
    rng: Arc<Mutex<Rng>>,
}

/// The bytes that belong to a request, so that those of another are known for what they are.
pub(super) fn pattern(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Rng::from_seed(id).fill(&mut bytes);
    bytes
}

impl Backend {
    async fn answer(&self, request: Received) -> Reply {
        let host = &self.host;
        let number = |name| request.header(name).and_then(|value| value.parse::<u64>().ok());
        let Some((id, (bytes, want))) = number("x-id").zip(number("x-bytes").zip(number("x-want"))) else {
            host.violated("a request arrives as it was sent", format_args!("{request:?}"));
            return Reply::new(400);
        };
        let has_body = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
        let is_whole = !has_body || request.body[..] == pattern(id, bytes as usize)[..];
        always!(host, is_whole, "a request arrives as it was sent", "{id}, {} bytes", request.body_bytes);
        let has_key = request.header("idempotency-key").is_some();
        let may_repeat = has_key || !matches!(request.method.as_str(), "POST" | "PATCH");
        let asked = Asked { id, may_repeat, has_body };
        self.ledger.arrives(host, asked);
        if let Some(to) = request.path().strip_prefix("/go/") {
            let (status, to) = to.split_once('/').unwrap_or_default();
            let status = status.parse().unwrap_or(307);
            return Reply::redirect(status, &format!("http://{to}/work")).header("x-id", id.to_string());
        }
        let reply = self.work(asked, want as usize, &request).await.header("x-id", id.to_string());
        // Of the moment in which a `Retry-After` was written, if there is one.
        reply.header("date", httpdate::fmt_http_date(host.rt().wall_clock()))
    }

    /// Carries it out, or fails, or both.
    async fn work(&self, asked: Asked, want: usize, request: &Received) -> Reply {
        let (host, id) = (&self.host, asked.id);
        let slow = host.strikes(FaultKind::SlowReply).map(Duration::from_millis);
        let is_slow_first = self.chance(1, 2);
        if let Some(pause) = slow.filter(|_| is_slow_first) {
            host.rt().sleep(pause).await;
        }
        let fails = host.strikes_by_chance(FaultKind::ErrorReply, &mut self.rng.lock());
        let fault = if fails { 1 + self.rng.lock().below(14) } else { 0 };
        // Whoever answers with an error may have done it all the same.
        let is_done = match fault {
            0 | 8.. => true,
            _ => self.chance(1, 2),
        };
        if is_done {
            self.ledger.executes(host, asked);
        }
        if let Some(pause) = slow.filter(|_| !is_slow_first) {
            host.rt().sleep(pause).await;
        }
        if host.strikes_by_chance(FaultKind::NoReply, &mut self.rng.lock()) {
            return Reply::hang();
        }
        let whole = self.whole(id, want);
        let cut = self.below(want as u64 + 1);
        match fault {
            0 => self.kept(whole, request.nth),
            1 | 2 => self.later(id, 429),
            3 | 4 => self.later(id, 503),
            5 => Reply::new(502),
            6 => Reply::new(504),
            7 => Reply::new(500).body(pattern(id, 100)),
            8 => Reply::close_before_reply(),
            9 => Reply::reset_before_reply(),
            10 => whole.truncated(cut),
            11 => whole.reset(cut).pause_before_cut(Duration::from_millis(self.below(30))),
            12 => Reply::bytes(pattern(id, want)).content_length(want as u64 + 1 + cut).close(),
            13 => whole.trickle(1 + cut as usize / 4, Duration::from_millis(10 + self.below(1500))),
            _ => whole.garbage("this is not HTTP\r\n\r\n"),
        }
    }

    fn whole(&self, id: u64, want: usize) -> Reply {
        let bytes = pattern(id, want);
        if self.chance(1, 2) {
            return Reply::bytes(bytes);
        }
        let each = 1 + self.below(1000) as usize;
        Reply::chunked(bytes.chunks(each).map(<[u8]>::to_vec).collect::<Vec<_>>())
    }

    /// The connection ends after some replies, with a word or without.
    fn kept(&self, reply: Reply, nth: u64) -> Reply {
        // Once healed nobody closes without a word: a request that meets that may fail, as it must.
        match self.below(20) {
            0 => reply.close(),
            1 if !self.host.is_healed() => reply.keep_alive_race(nth, Duration::from_millis(self.below(300))),
            _ => reply,
        }
    }

    /// Asks to come back later: for each request in the same way, so that what a client does can be compared with it.
    fn later(&self, id: u64, status: u16) -> Reply {
        let reply = Reply::new(status);
        let Some(after) = retry_after(id) else { return reply };
        if !is_date(id) {
            return reply.header("retry-after", after.as_secs().to_string());
        }
        let now = self.host.rt().wall_clock();
        reply.header("retry-after", httpdate::fmt_http_date(now + after))
    }

    fn chance(&self, numerator: u64, denominator: u64) -> bool {
        self.rng.lock().chance(numerator, denominator)
    }

    fn below(&self, bound: u64) -> u64 {
        self.rng.lock().below(bound)
    }
}

/// How long a backend asks to be left alone, if it asks: 429 and 503 for this request always say the same.
pub(super) fn retry_after(id: u64) -> Option<Duration> {
    match id % 10 {
        0..=3 => None,
        4 => Some(Duration::ZERO),
        5 | 6 => Some(Duration::from_secs(1)),
        7 | 8 => Some(Duration::from_secs(2)),
        _ => Some(Duration::from_secs(3600)),
    }
}

/// Whether it says it as a date.
pub(super) fn is_date(id: u64) -> bool {
    id.is_multiple_of(2)
}

/// Where a request goes to: the work itself, or a redirect to it elsewhere.
pub(super) fn url(backend: u16, through: Option<(u16, u16)>) -> String {
    let first = name(backend);
    match through {
        None => format!("http://{first}/work"),
        Some((status, to)) => format!("http://{first}/go/{status}/{}", name(to)),
    }
}
