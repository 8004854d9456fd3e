//! How a request is sent: hop by hop, attempt by attempt.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::{Duration, Instant},
};

use ::http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HOST,
        PROXY_AUTHORIZATION, RANGE, SET_COOKIE,
    },
};
use futures::future::BoxFuture;
use tracing::{Instrument, field};
use url::{Position, Url};

use super::{
    Attempt, Body, Client, Ending, Error, ErrorKind, Phase, Report, Request, Response, Timings, coding,
    connect::{Conn, Dial, Failure, Gone, Place, Times, Why},
    judge::{self, Repeatable},
    middleware::{self, Layer},
    origins::Origin,
    redirect::{self, Hop},
    request::Options,
    response::Reading,
    retry_after::retry_after,
    wire::{Incoming, Limits, NoReply, Outgoing, h2},
};
use crate::{
    canary,
    limit::RateLimiter,
    pool::{AcquireError, Lease},
    resilience::retry::{Machine, Next, Verdict},
    rt::{Rt, Sleep},
};

/// How long it may take until all is over.
struct Patience<'a> {
    rt: &'a Rt,
    total: Option<(Instant, Duration)>,
}

/// A limit was over: the one of a phase, or that of all.
struct Over(Duration);

impl<'a> Patience<'a> {
    fn new(rt: &'a Rt, started: Instant, options: &Options, default: Option<Duration>) -> Self {
        let limit = options.timeout.or(default);
        let own = limit.and_then(|limit| Some((started.checked_add(limit)?, limit)));
        let deadline = options.deadline.as_ref();
        let outer =
            deadline.map(|deadline| (deadline.at(), deadline.at().saturating_duration_since(started)));
        Self { rt, total: own.into_iter().chain(outer).chain(options.outer).min() }
    }

    fn end(&self) -> Option<Instant> {
        self.total.map(|(end, _)| end)
    }

    /// Runs `future` until the end, and for no longer than `limit`. Ready at once, it costs no timer.
    async fn within<F: Future>(&self, limit: Option<Duration>, future: F) -> Result<F::Output, Over> {
        self.within_by(&mut None, limit, future).await
    }

    /// As [`within`](Self::within), by a timer that is made if there is none, and stays. To put one off is much cheaper than
    /// to make one: a new timer that is the earliest of all wakes the runtime up.
    async fn within_by<F: Future>(
        &self,
        timer: &mut Option<Sleep>,
        limit: Option<Duration>,
        future: F,
    ) -> Result<F::Output, Over> {
        let mut future = pin!(future);
        let mut armed = None;
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            if limit.is_none() && self.total.is_none() {
                return Poll::Pending;
            }
            let limit = *armed.get_or_insert_with(|| {
                let own = limit.map(|limit| (self.rt.instant_after(limit), limit));
                let (at, limit) = own.into_iter().chain(self.total).min().expect("one of them is set");
                match timer {
                    Some(timer) => timer.reset(at),
                    None => *timer = Some(self.rt.sleep_until(at)),
                }
                limit
            });
            let timer = timer.as_mut().expect("it has just been set");
            Pin::new(timer).poll(cx).map(|()| Err(Over(limit)))
        })
        .await
    }

    /// Waits for a connection, for so long as others hold them all: a connect that is under way has limits of its own.
    async fn in_line(
        &self,
        origin: &Origin,
        limit: Option<Duration>,
    ) -> Result<Result<Lease<Dial>, AcquireError<Gone>>, Over> {
        let mut get = pin!(origin.pool.get());
        match self.within(limit, get.as_mut()).await {
            Err(Over(_)) if limit.is_some() && origin.is_connecting_for(0) => self.within(None, get).await,
            waited => waited,
        }
    }

    async fn wait_for(&self, limiter: &RateLimiter) -> Result<(), ErrorKind> {
        match self.within(None, limiter.acquire(1)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ErrorKind::Refused { what: error.to_string(), retry_after: None }),
            Err(Over(limit)) => Err(ErrorKind::TimedOut { phase: Phase::Limit, limit }),
        }
    }
}

/// The head of a reply, and its body on the way.
struct Head {
    parts: ::http::response::Parts,
    body: Incoming,
}

/// One hop of a request: what is sent to one URL.
struct Course<'a> {
    client: &'a Client,
    patience: Patience<'a>,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Body,
    options: Options,
    /// Whether coded bodies were asked for by us.
    decodes: bool,
    /// The reply to the last attempt. It stays here until the end: it is large, and to hand it on costs time.
    head: Option<Head>,
    report: Report,
}

/// Sends a request and waits for the head of the reply, through redirects and retries.
pub(super) async fn run(client: Client, request: Result<Request, Error>) -> Result<Response, Error> {
    let inner = &*client.inner;
    let request = request?;
    if let Some(layers) = client.layers.clone() {
        return through(client, layers, request).await;
    }
    let Request { method, mut url, mut headers, body, options } = request;
    let started = inner.rt.now();
    if !matches!(url.scheme(), "http" | "https") {
        let what = format!("the scheme `{}` is not spoken; use http or https", url.scheme());
        return Err(Error::invalid(what).at(&method, &url));
    }
    if let Err(what) = judge::framing(&method, &headers, &body) {
        return Err(Error::invalid(what).at(&method, &url));
    }
    if !url.username().is_empty() || url.password().is_some() {
        take_credentials(&mut url, &mut headers);
    }
    // What goes out with every request has a place at once.
    headers.reserve(inner.headers.len() + 4);
    let is_home = client.is_home(&url);
    for (name, value) in &inner.headers {
        if is_home || !inner.is_secret(name) {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    let config = inner.origins.config();
    // A part of a coded body cannot be decoded.
    let decodes = config.decode && !headers.contains_key(ACCEPT_ENCODING) && !headers.contains_key(RANGE);
    if decodes {
        headers.insert(ACCEPT_ENCODING, coding::accept_encoding());
    }
    let patience = Patience::new(&inner.rt, started, &options, config.timeouts.total);
    let report = Report::default();
    let mut course = Course {
        client: &client,
        patience,
        method,
        url,
        headers,
        body,
        options,
        decodes,
        head: None,
        report,
    };
    // No query: there may be secrets in it.
    let span = tracing::debug_span!(
        "seaworthy.http.request",
        method = %course.method,
        url = &course.url[..Position::AfterPath],
        status = field::Empty,
        attempts = field::Empty,
    );
    // To put a span around it moves it, and it is large.
    let ended = if span.is_disabled() {
        course.run(started).await
    } else {
        course.run(started).instrument(span.clone()).await
    };
    if !span.is_disabled() {
        span.record("attempts", course.report.attempts.len());
        if let Some(head) = &course.head {
            span.record("status", head.parts.status.as_u16());
        }
    }
    match ended {
        Ok(()) => course.into_response(),
        Err(error) => Err(error.at(&course.method, &course.url).reported(course.report)),
    }
}

/// Sends a request through what its user has put around the client.
fn through(
    client: Client,
    layers: Arc<[Layer]>,
    request: Request,
) -> BoxFuture<'static, Result<Response, Error>> {
    Box::pin(async move {
        let inner = &*client.inner;
        let total = inner.origins.config().timeouts.total;
        let patience = Patience::new(&inner.rt, inner.rt.now(), &request.options, total);
        let (method, url) = (request.method.clone(), request.url.clone());
        let next = middleware::Next::first(&client, layers, patience.total);
        let ended = patience.within(None, next.run(request)).await.unwrap_or_else(|Over(limit)| {
            Err(Error::new(ErrorKind::TimedOut { phase: Phase::Middleware, limit }))
        });
        ended.map_err(|error| if error.is_placed() { error } else { error.at(&method, &url) })
    })
}

/// A user and a password in a URL are what `Authorization` says, and nothing that is shown or compared.
fn take_credentials(url: &mut Url, headers: &mut HeaderMap) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    if !headers.contains_key(AUTHORIZATION)
        && let Ok(mut value) = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
    {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    // Neither fails for a URL that has a host, and http has one.
    let _ = url.set_password(None);
    let _ = url.set_username("");
}

impl Course<'_> {
    async fn run(&mut self, started: Instant) -> Result<(), Error> {
        let inner = &*self.client.inner;
        let mut before: Vec<Url> = Vec::new();
        let mut started = started;
        loop {
            let origin = inner.origins.of(&self.url)?;
            self.hop(&origin, started).await?;
            let Some(head) = self.head.as_ref().filter(|head| head.parts.status.is_redirection()) else {
                return Ok(());
            };
            let hop = Hop {
                method: &self.method,
                url: &self.url,
                before: &before,
                body: self.body.kind(),
                status: head.parts.status,
                headers: &head.parts.headers,
            };
            let next = inner.origins.config().redirects.next(&hop);
            let follow = match next.map_err(|source| Error::new(ErrorKind::Redirect { source }))? {
                redirect::Next::Follow(follow) => follow,
                redirect::Next::Stay => return Ok(()),
            };
            self.head = None;
            follow.prepare(&mut self.headers, &inner.secrets);
            if !follow.keep_body {
                self.body = Body::empty();
            }
            self.method = follow.method;
            before.push(std::mem::replace(&mut self.url, follow.url));
            self.report.redirects += 1;
            started = inner.rt.now();
        }
    }

    /// Sends it to one URL, as often as it takes and may.
    async fn hop(&mut self, origin: &Arc<Origin>, started: Instant) -> Result<(), Error> {
        let inner = &*self.client.inner;
        let call = origin.budget.begin();
        origin.requests.fetch_add(1, Ordering::Relaxed);
        let mut ended = self.attempt(origin, 1, started).await;
        // Nothing of what follows is made for a request that succeeds at once.
        if let Ok(status) = &ended
            && !inner.origins.config().retry.statuses.contains(&status.as_u16())
        {
            return Ok(());
        }
        let mut config = inner.retry.clone();
        config.attempts_max = self.options.attempts_max.unwrap_or(config.attempts_max);
        let mut machine = Machine::new(&config, false);
        let (mut permit, mut number) = (None, 1);
        loop {
            drop(permit.take());
            let now = inner.rt.now();
            let verdict = self.verdict(&ended);
            let fork = || {
                config.backoff.delays(inner.rng.fork("http", inner.retried.fetch_add(1, Ordering::Relaxed)))
            };
            let pause = match machine.judge(&config, verdict, now, self.patience.end(), fork) {
                Next::Pause(pause) => pause,
                Next::Done | Next::Stop(_) => break,
            };
            permit = call.try_retry().ok();
            if permit.is_none() && !canary::is_on("http.retries-without-a-budget") {
                break;
            }
            // Its connection is not held while nobody uses it.
            self.head = None;
            if let Some(last) = self.report.attempts.last_mut() {
                last.pause = Some(pause);
            }
            tracing::debug!(name: "seaworthy.http.retry", number, ?pause);
            inner.rt.sleep(pause).await;
            machine.begin_next();
            if canary::is_on("http.starts-the-deadline-anew-with-each-attempt")
                && let Some((end, limit)) = &mut self.patience.total
            {
                *end = inner.rt.now() + *limit;
            }
            number += 1;
            ended = self.attempt(origin, number, inner.rt.now()).await;
        }
        ended.map(drop).map_err(Error::new)
    }

    fn verdict(&self, ended: &Result<StatusCode, ErrorKind>) -> Verdict {
        let inner = &*self.client.inner;
        let repeatable = Repeatable::of(&self.method, &self.headers, self.body.is_there());
        match ended {
            Ok(status) => {
                let statuses = &inner.origins.config().retry.statuses;
                if !repeatable.after_status(*status, statuses) {
                    return Verdict::Done;
                }
                if canary::is_on("http.ignores-retry-after") {
                    return Verdict::Retry;
                }
                let asked = self
                    .head
                    .as_ref()
                    .and_then(|head| retry_after(&head.parts.headers, inner.rt.wall_clock()));
                asked.map_or(Verdict::Retry, Verdict::RetryAfter)
            }
            Err(kind) if repeatable.after_error(kind) => Verdict::Retry,
            Err(ErrorKind::Refused { retry_after: Some(after), .. }) => Verdict::RetryAfter(*after),
            Err(_) => Verdict::Fail,
        }
    }

    /// Sends it once, and notes how that went.
    async fn attempt(
        &mut self,
        origin: &Arc<Origin>,
        number: u32,
        started: Instant,
    ) -> Result<StatusCode, ErrorKind> {
        let mut attempt = Attempt {
            hop: self.report.redirects,
            number,
            started,
            timings: Timings::default(),
            is_reused: false,
            peer: None,
            version: None,
            ending: Ending::Failed(Phase::Queue),
            may_have_been_sent: false,
            pause: None,
        };
        let span = tracing::debug_span!(
            "seaworthy.http.attempt",
            hop = attempt.hop,
            number,
            is_reused = field::Empty,
            status = field::Empty,
            error = field::Empty,
        );
        let tried = if span.is_disabled() {
            self.try_once(origin, &mut attempt).await
        } else {
            self.try_once(origin, &mut attempt).instrument(span.clone()).await
        };
        if !span.is_disabled() {
            span.record("is_reused", attempt.is_reused);
            match &tried {
                Ok((status, _)) => span.record("status", status.as_u16()),
                Err(kind) => span.record("error", field::display(kind)),
            };
        }
        let ended = match &tried {
            Ok((_, now)) => *now,
            Err(_) => self.patience.rt.now(),
        };
        attempt.timings.total = ended.saturating_duration_since(started);
        attempt.ending = match &tried {
            Ok((status, _)) => Ending::Answered(*status),
            Err(kind) => Ending::Failed(phase_of(kind)),
        };
        attempt.may_have_been_sent = tried.as_ref().err().is_none_or(ErrorKind::may_have_been_sent);
        if matches!(attempt.ending, Ending::Failed(Phase::Limit | Phase::Queue)) {
            attempt.timings.queue = attempt.timings.total;
        }
        self.report.attempts.push(attempt);
        tried.map(|(status, _)| status)
    }

    async fn try_once(
        &mut self,
        origin: &Arc<Origin>,
        attempt: &mut Attempt,
    ) -> Result<(StatusCode, Instant), ErrorKind> {
        // A turn among all is dear, and taken last.
        let limiters = [origin.quota.as_ref(), self.client.inner.quota.as_ref()];
        for limiter in limiters.into_iter().flatten() {
            self.patience.wait_for(limiter).await?;
        }
        let permit = match &origin.breaker {
            None => None,
            Some(breaker) => Some(breaker.try_acquire().map_err(|rejected| ErrorKind::Refused {
                retry_after: rejected.retry_after,
                what: rejected.to_string(),
            })?),
        };
        let exchanged = self.exchange(origin, attempt).await;
        if let Some(permit) = permit {
            match &exchanged {
                Ok((status, _)) if status.is_server_error() => permit.failure(),
                Ok(_) => permit.success(),
                Err(kind) if is_its_fault(kind, self.patience.rt.now() - attempt.started) => permit.failure(),
                Err(_) => permit.ignore(),
            }
        }
        exchanged
    }

    /// Sends it on a connection. One that turns out to be closed before anything was sent costs no attempt.
    async fn exchange(
        &mut self,
        origin: &Arc<Origin>,
        attempt: &mut Attempt,
    ) -> Result<(StatusCode, Instant), ErrorKind> {
        let config = self.client.inner.origins.config();
        let rt = self.patience.rt;
        let mut stale = 0;
        loop {
            let (mut lease, sent_at) = self.connection(origin, attempt).await?;
            let limit = config.timeouts.first_byte;
            let mut request = self.request(origin)?;
            let exchanged = match &mut *lease {
                Conn::H1(h1, made) => {
                    attempt.is_reused = std::mem::replace(&mut made.is_used, true);
                    attempt.peer.clone_from(&made.peer);
                    let mut timer = h1.timer.take();
                    let exchange = h1.exchange(request);
                    let exchanged = self.patience.within_by(&mut timer, limit, exchange).await;
                    h1.timer = timer;
                    exchanged
                }
                Conn::H2(place) => {
                    attempt.peer.clone_from(&place.peer);
                    h2::prepare(&mut request).map_err(|what| ErrorKind::Invalid { what })?;
                    let Place { sender, line, ticket, timer, .. } = &mut **place;
                    let received = line.received();
                    let exchange = Box::pin(h2::exchange(sender, line, ticket, request));
                    let exchanged = self.patience.within_by(timer, limit, exchange).await;
                    if exchanged.is_err() && line.received() == received {
                        // Not a word came meanwhile: the next attempt had better not trust this connection.
                        line.retire();
                    }
                    exchanged
                }
                Conn::Failed(_) | Conn::Taken => continue,
            };
            let now = rt.now();
            attempt.timings.first_byte = now.saturating_duration_since(sent_at);
            match exchanged {
                Ok(Ok(reply)) => {
                    let (parts, body) = reply.into_parts();
                    attempt.version = Some(parts.version);
                    // Over HTTP/1.1, if they may be many, they are counted as they come.
                    if parts.headers.len() > config.headers_max {
                        let source = Some(format!("more than {} headers", config.headers_max).into());
                        return Err(ErrorKind::NoReply { is_sent: true, source });
                    }
                    if let Some(jar) = &self.client.inner.cookies {
                        jar.store(rt.wall_clock(), &self.url, parts.headers.get_all(SET_COOKIE));
                    }
                    let limits = Limits {
                        total: self.patience.total,
                        between_bytes: config.timeouts.between_bytes,
                        drain_bytes_max: config.drain_bytes_max,
                    };
                    let status = parts.status;
                    self.head = Some(Head { parts, body: Incoming::new(rt, body, lease, limits) });
                    return Ok((status, now));
                }
                Ok(Err(NoReply { sent: false, request: Some(request), .. }))
                    if attempt.is_reused && stale < STALE_MAX =>
                {
                    self.body.put_back(request.into_body());
                    stale += 1;
                }
                Ok(Err(NoReply { source, sent, request })) => {
                    if let Some(request) = request {
                        self.body.put_back(request.into_body());
                    }
                    return Err(ErrorKind::NoReply { is_sent: sent, source });
                }
                Err(Over(limit)) => return Err(ErrorKind::TimedOut { phase: Phase::FirstByte, limit }),
            }
        }
    }

    /// A connection that is fit to send on.
    async fn connection(
        &mut self,
        origin: &Arc<Origin>,
        attempt: &mut Attempt,
    ) -> Result<(Lease<Dial>, Instant), ErrorKind> {
        let config = self.client.inner.origins.config();
        loop {
            let waited = self.patience.in_line(origin, config.timeouts.queue).await;
            let mut lease = match waited {
                Ok(Ok(lease)) => lease,
                Ok(Err(error)) => {
                    return Err(ErrorKind::Refused { what: error.to_string(), retry_after: None });
                }
                Err(Over(limit)) => {
                    // What was under way by then is told as far as one can know.
                    let is_connecting = origin.is_connecting_for(1);
                    let phase = if is_connecting { Phase::Connect } else { Phase::Queue };
                    if is_connecting {
                        attempt.timings.connect =
                            self.patience.rt.now().saturating_duration_since(attempt.started);
                    }
                    return Err(ErrorKind::TimedOut { phase, limit });
                }
            };
            let now = self.patience.rt.now();
            match &mut *lease {
                Conn::H1(h1, made) => {
                    if !h1.is_ready() {
                        let is_fresh = !made.is_used && made.times.begun >= attempt.started;
                        let times = made.times;
                        lease.discard();
                        if is_fresh {
                            // One that was closed before it was used once is a failure, and not one to repeat at once.
                            note(attempt, Some(times), now);
                            return Err(ErrorKind::NoReply { is_sent: false, source: None });
                        }
                        continue;
                    }
                    let times = (!made.is_used).then_some(made.times);
                    note(attempt, times, now);
                    origin.fit();
                    return Ok((lease, now));
                }
                Conn::H2(place) => {
                    if !place.is_ready() {
                        lease.discard();
                        continue;
                    }
                    let times = place.begin(config.requests_per_connection_max);
                    attempt.is_reused = times.is_none();
                    note(attempt, times, now);
                    origin.fit();
                    return Ok((lease, now));
                }
                Conn::Failed(_) | Conn::Taken => {
                    let failed = std::mem::replace(&mut *lease, Conn::Taken);
                    lease.discard();
                    // One that was begun for somebody who left says nothing of now.
                    if let Conn::Failed(failure) = failed
                        && failure.at >= attempt.started
                    {
                        note(attempt, Some(failure.times), now);
                        return Err(unreachable(failure));
                    }
                }
            }
        }
    }

    fn request(&mut self, origin: &Origin) -> Result<::http::Request<Outgoing>, ErrorKind> {
        // A proxy has to be told where to (RFC 9112, section 3.2.2).
        let is_forwarded = origin.forwarder().is_some();
        let from = if is_forwarded { Position::BeforeScheme } else { Position::BeforePath };
        let target = &self.url[from..Position::AfterQuery];
        let uri = Uri::try_from(target)
            .map_err(|error| ErrorKind::Invalid { what: format!("`{target}` cannot be sent: {error}") })?;
        let mut request = ::http::Request::new(self.body.outgoing());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if !headers.contains_key(HOST) {
            headers.insert(HOST, origin.host.clone());
        }
        // It is for a proxy that reads this request, and for nobody behind it.
        headers.remove(PROXY_AUTHORIZATION);
        if let Some(authorization) = origin.forwarder().and_then(|proxy| proxy.authorization.as_ref()) {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        // Anew for each hop and attempt: what was set meanwhile counts, and nothing goes where it does not belong.
        let inner = &*self.client.inner;
        if let Some(jar) = inner.cookies.as_ref().filter(|_| !headers.contains_key(COOKIE))
            && let Some(cookies) = jar.header(inner.rt.wall_clock(), &self.url)
        {
            headers.insert(COOKIE, cookies);
        }
        // A body that is empty is told where one is expected (RFC 9110, section 8.6).
        let expects_body = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        if expects_body && self.body.is_empty() && !headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(request)
    }

    fn into_response(self) -> Result<Response, Error> {
        let Head { mut parts, body } = self.head.expect("a course that ends well has a reply");
        let body_bytes_max =
            self.options.body_bytes_max.unwrap_or(self.client.inner.origins.config().body_bytes_max);
        let has_body = self.method != Method::HEAD
            && !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let codings = if self.decodes && has_body { coding::codings(&parts.headers) } else { Ok(None) };
        let codings = codings.map_err(|error| ErrorKind::Body { source: error.into() });
        let codings = match codings {
            Ok(codings) => codings.unwrap_or_default(),
            Err(kind) => return Err(Error::new(kind).at(&self.method, &self.url).reported(self.report)),
        };
        if !codings.is_empty() {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
        }
        Ok(Response {
            status: parts.status,
            version: parts.version,
            headers: parts.headers,
            method: self.method,
            url: self.url,
            body: Reading::new(body, codings, body_bytes_max),
            body_bytes_max,
            report: self.report,
        })
    }
}

/// How many connections in a row may turn out to be closed before one gives up.
const STALE_MAX: u32 = 8;

/// Splits the time until there was a connection.
fn note(attempt: &mut Attempt, times: Option<Times>, now: Instant) {
    let mut waited = now.saturating_duration_since(attempt.started);
    // The connect may have been begun for another, before this attempt was: what came before counts for nothing.
    let mut share = |part: Duration| {
        let part = part.min(waited);
        waited -= part;
        part
    };
    let timings = &mut attempt.timings;
    if let Some(times) = times {
        timings.tls = share(times.tls);
        timings.connect = share(times.connect);
        timings.dns = share(times.dns);
    }
    timings.queue = waited;
}

fn unreachable(failure: Failure) -> ErrorKind {
    let Failure { phase, why, .. } = failure;
    match why {
        Why::Io(source) => ErrorKind::Unreachable { phase, source: source.into() },
        Why::Handshake(source) => ErrorKind::Unreachable { phase, source: source.into() },
        Why::TimedOut(limit) => ErrorKind::TimedOut { phase, limit },
        Why::NoPlace(what) => ErrorKind::Refused { what, retry_after: None },
        Why::Unwanted => {
            ErrorKind::Refused { what: "nobody waited for the connection any more".into(), retry_after: None }
        }
    }
}

/// Whether it says something of the host, and not of whoever asked or of this client's limits.
fn is_its_fault(kind: &ErrorKind, had: Duration) -> bool {
    match kind {
        ErrorKind::Refused { .. } | ErrorKind::Invalid { .. } => false,
        ErrorKind::TimedOut { phase: Phase::Limit | Phase::Queue, .. } => false,
        // Who has no patience learns nothing of the host.
        ErrorKind::TimedOut { .. } => had >= PATIENCE_MIN,
        // The body of the request failed, which is the user's.
        ErrorKind::NoReply { source: Some(source), .. } => {
            !source.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user)
        }
        _ => true,
    }
}

/// A host that has not answered within this is taken for one that hangs, whatever the caller's own limit was.
const PATIENCE_MIN: Duration = Duration::from_millis(500);

fn phase_of(kind: &ErrorKind) -> Phase {
    match kind {
        ErrorKind::TimedOut { phase, .. } | ErrorKind::Unreachable { phase, .. } => *phase,
        ErrorKind::Refused { .. } => Phase::Limit,
        ErrorKind::Invalid { .. } => Phase::Building,
        _ => Phase::FirstByte,
    }
}
