//! Who sends: what is drawn, what comes of it, and what shows that it went as it should.

use std::{sync::Arc, time::Duration};

use futures::stream;
use seaworthy_core::{
    http::{Body, Client, Ending, Error, ErrorKind, Method, Phase, Report, Request, Response},
    rt::Rng,
};

use super::{
    BACKENDS, Plan,
    backend::{pattern, retry_after, url},
    breakers::Watch,
    laws::{Ledger, Told, Tried, check_body, check_reply, check_time},
};
use crate::{always, engine::Engine, scenario::Host, scenarios::turns, sometimes};

/// One of the many who send requests.
pub(super) struct Caller {
    host: Host,
    client: Client,
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    watch: Arc<Watch>,
    machine: u16,
    rng: Rng,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) backend: u16,
    /// The status of a redirect that it meets, and where that leads.
    pub(super) through: Option<(u16, u16)>,
    method: Method,
    body: Kind,
    has_key: bool,
    bytes: usize,
    want: usize,
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    Whole,
    Stream,
}

/// What became of it.
pub(super) enum Came {
    Success,
    Other,
    Failed,
}

impl Call {
    fn draw(rng: &mut Rng, timeout_max: Duration) -> Self {
        let backend = rng.index(usize::from(BACKENDS)) as u16;
        let statuses = [301, 302, 303, 307, 308];
        let through = rng
            .chance(1, 8)
            .then(|| (statuses[rng.index(statuses.len())], rng.index(usize::from(BACKENDS)) as u16));
        let method = match rng.below(10) {
            0..=3 => Method::GET,
            4..=6 => Method::POST,
            7 => Method::PUT,
            8 => Method::PATCH,
            _ if rng.chance(1, 2) => Method::HEAD,
            _ => Method::DELETE,
        };
        let has_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let body = match has_body {
            false => Kind::None,
            true if rng.chance(1, 6) => Kind::Stream,
            true => Kind::Whole,
        };
        let has_key = method == Method::POST && rng.chance(1, 4);
        let bytes = if body == Kind::None { 0 } else { 1 + rng.index(3000) };
        let timeout = rng.duration(Duration::from_millis(100), timeout_max);
        Self { backend, through, method, body, has_key, bytes, want: rng.index(6000), timeout }
    }

    /// One that may be sent again, and asks for little.
    pub(super) fn harmless(number: u64) -> Self {
        let backend = (number % u64::from(BACKENDS)) as u16;
        let (method, body, timeout) = (Method::GET, Kind::None, Duration::from_secs(8));
        Self { backend, through: None, method, body, has_key: false, bytes: 0, want: 500, timeout }
    }

    fn may_repeat(&self) -> bool {
        self.has_key || !matches!(self.method, Method::POST | Method::PATCH)
    }

    fn request(&self, client: &Client, id: u64) -> Result<Request, Error> {
        let mut builder = client
            .request(self.method.clone(), url(self.backend, self.through))
            .header("x-id", id.to_string())
            .header("x-bytes", self.bytes.to_string())
            .header("x-want", self.want.to_string())
            .timeout(self.timeout);
        if self.has_key {
            builder = builder.header("idempotency-key", id.to_string());
        }
        let bytes = pattern(id, self.bytes);
        match self.body {
            Kind::None => builder,
            Kind::Whole => builder.body(bytes),
            Kind::Stream => {
                let pieces: Vec<_> = bytes.chunks(700).map(|piece| Ok(piece.to_vec().into())).collect();
                builder.body(Body::sized(stream::iter(pieces), self.bytes as u64))
            }
        }
        .build()
    }
}

impl Caller {
    pub(super) fn new(
        host: &Host,
        client: &Client,
        plan: &Arc<Plan>,
        ledger: &Arc<Ledger>,
        watch: &Arc<Watch>,
        number: u64,
    ) -> Self {
        Self {
            host: host.clone(),
            client: client.clone(),
            plan: Arc::clone(plan),
            ledger: Arc::clone(ledger),
            watch: Arc::clone(watch),
            machine: (number >> 32) as u16,
            rng: host.sim().rng("caller", number),
        }
    }

    pub(super) async fn call_until_healed(mut self) {
        while !self.host.is_healed() {
            let pause = self.rng.duration(Duration::ZERO, self.plan.pause);
            self.host.rt().sleep(pause).await;
            let call = Call::draw(&mut self.rng, self.plan.timeout_max);
            let host = self.host.clone();
            let came = host.cancellable(self.call(call)).await;
            sometimes!(self.host, came.is_none(), "a caller gives up");
        }
    }

    /// Sends one, and looks whether all that is said of it is right.
    pub(super) async fn call(&mut self, call: Call) -> Came {
        let id = self.ledger.begin(call.body == Kind::Stream);
        let (host, began) = (self.host.clone(), self.host.now());
        host.note(format_args!("request {id}: {call:?}"));
        let request = match call.request(&self.client, id) {
            Ok(request) => request,
            Err(error) => {
                host.violated("a request can be made", format_args!("{error}"));
                return Came::Failed;
            }
        };
        let came = match self.client.execute(request).await {
            Err(error) => {
                self.failed(id, &call, &error);
                Came::Failed
            }
            Ok(response) => self.answered(id, &call, response).await,
        };
        let took = host.now() - began;
        // A tick is what the clocks can tell apart, and on turmoil a task may come as much later to its turn.
        let tick = Duration::from_millis(if host.sim().engine() == Engine::Turmoil { 10 } else { 0 });
        if turns::are_on_time(&host, began) {
            check_time(&host, id, took, call.timeout, tick);
        }
        came
    }

    fn failed(&self, id: u64, call: &Call, error: &Error) {
        self.host.note(format_args!("request {id} has failed: {error}"));
        let may_have_been_sent = self.told(id, call, error.report());
        let is_said = error.may_have_been_sent();
        always!(
            self.host,
            is_said == may_have_been_sent,
            "an error and its report agree on what may have been sent",
            "{id}: {error:?}"
        );
        let host = &self.host;
        let is_plain = !call.may_repeat() && call.through.is_none();
        let is_once = is_plain && error.report().attempts().len() == 1;
        match error.kind() {
            ErrorKind::TimedOut { phase, .. } => {
                let point = match phase {
                    Phase::Queue => "time is over in the line for a connection",
                    Phase::Connect => "time is over in the connect",
                    Phase::FirstByte => "time is over before the first byte",
                    other => return host.violated("there is such a phase", format_args!("{id}: {other}")),
                };
                host.reached(point);
            }
            ErrorKind::Refused { what, .. } if what.contains("breaker") => {
                host.reached("a request is refused by a breaker");
            }
            ErrorKind::Refused { .. } => host.reached("the line for a connection is full"),
            _ => {}
        }
        if error.may_have_been_sent() && is_once {
            host.reached("a POST that may have been carried out is not sent again");
            let is_done = self.ledger.executed(id) > 0;
            sometimes!(host, is_done, "a POST was carried out and its reply is lost");
        }
        let is_begun = call.body == Kind::Stream && error.may_have_been_sent();
        sometimes!(host, is_begun, "a stream that was begun is not sent again");
    }

    async fn answered(&mut self, id: u64, call: &Call, mut response: Response) -> Came {
        let (host, status) = (self.host.clone(), response.status());
        let of = response.headers().get("x-id").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let executed = self.ledger.executed(id);
        check_reply(&host, id, of, status.is_success(), executed);
        self.told(id, call, response.report());
        sometimes!(
            host,
            status.is_success() && executed > 1 && call.has_key,
            "a POST with a key is sent again after it was carried out"
        );
        let plain_again =
            !call.may_repeat() && call.through.is_none() && response.report().attempts().len() > 1;
        sometimes!(host, plain_again, "a POST that was not sent is sent again");
        if !status.is_success() {
            return Came::Other;
        }
        let is_whole = call.method == Method::HEAD;
        let expected = if is_whole { Vec::new() } else { pattern(id, call.want) };
        match self.rng.below(10) {
            0 => {
                let left = response.content_length().unwrap_or(0);
                let is_large = left > self.plan.config.drain_bytes_max;
                sometimes!(host, left > 0 && !is_large, "a small rest of a body is drained");
                sometimes!(host, is_large && !is_whole, "a connection is closed for a large rest of a body");
                return Came::Success;
            }
            1..=3 => {
                let mut came = Vec::new();
                loop {
                    match response.chunk().await {
                        Ok(Some(piece)) => came.extend_from_slice(&piece),
                        Ok(None) => break,
                        Err(error) => return self.broken(id, &error),
                    }
                    check_body(&host, id, &came, &expected, false);
                }
                check_body(&host, id, &came, &expected, true);
            }
            _ => match response.bytes().await {
                Ok(came) => check_body(&host, id, &came, &expected, true),
                Err(error) => return self.broken(id, &error),
            },
        }
        Came::Success
    }

    fn broken(&self, id: u64, error: &Error) -> Came {
        self.host.note(format_args!("the body of {id} breaks off: {error}"));
        let point = match error.kind() {
            ErrorKind::TimedOut { phase: Phase::BetweenBytes, .. } => {
                "time is over between two pieces of the body"
            }
            ErrorKind::TimedOut { .. } => "time is over in the body",
            _ => "a body breaks off",
        };
        self.host.reached(point);
        Came::Failed
    }

    /// Whether any attempt may have been carried out.
    fn told(&self, id: u64, call: &Call, report: &Report) -> bool {
        let tried: Vec<Tried> = report.attempts().iter().map(Tried::from).collect();
        let attempts_max = self.plan.config.retry.attempts_max;
        let told = Told { id, tried: &tried, attempts_max, may_repeat: call.may_repeat() };
        self.ledger.ends(&self.host, self.machine, &told);
        self.points(id, call, report);
        tried.iter().any(|tried| tried.may_have_been_sent)
    }

    /// What the course of a request shows to have been reached.
    fn points(&self, id: u64, call: &Call, report: &Report) {
        let (host, attempts_max) = (&self.host, self.plan.config.retry.attempts_max);
        for attempt in report.attempts() {
            let to = call.through.filter(|_| attempt.hop > 0).map_or(call.backend, |(_, to)| to);
            self.watch.check(host, to, &Tried::from(attempt));
            sometimes!(host, attempt.is_reused, "a connection is used again");
            sometimes!(host, attempt.hop > 0 && to != call.backend, "a redirect leads to another backend");
            if attempt.pause.is_none() {
                continue;
            }
            match attempt.ending {
                Ending::Failed(Phase::Dns) => host.reached("sent again after a lookup that failed"),
                Ending::Failed(Phase::Connect) => host.reached("sent again after a connect that failed"),
                Ending::Failed(Phase::FirstByte) => {
                    host.reached("sent again after there was no reply");
                    sometimes!(host, attempt.is_reused, "sent again after a kept connection was lost");
                }
                Ending::Answered(status) => match status.as_u16() {
                    429 => host.reached("sent again after 429"),
                    502 => host.reached("sent again after 502"),
                    503 => host.reached("sent again after 503"),
                    504 => host.reached("sent again after 504"),
                    _ => {}
                },
                _ => {}
            }
        }
        let Some(last) = report.last() else { return };
        sometimes!(host, attempts_max > 1 && last.number == attempts_max, "every attempt is used up");
        let Ending::Answered(status) = last.ending else { return };
        if !matches!(status.as_u16(), 429 | 503) || !call.may_repeat() || last.number == attempts_max {
            return;
        }
        match retry_after(id) {
            Some(asked) if asked > self.plan.config.retry.retry_after_max => {
                host.reached("a Retry-After is too long to wait for");
            }
            Some(asked) if !asked.is_zero() => {
                let is_beyond = call.timeout <= asked;
                sometimes!(host, is_beyond, "a retry would come after the deadline");
            }
            _ => {}
        }
    }
}
