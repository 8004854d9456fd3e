use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use ::http::HeaderMap;
use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame};

use crate::{
    canary,
    http::{
        connect::{Conn, Dial},
        error::Phase,
    },
    pool::Lease,
    rt::{Rt, Sleep},
    time::Shown,
};

/// How long the rest of a body that nobody wants may take before its connection is closed instead.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// The body of a reply as it comes in, and the connection it comes from, which goes back when it has ended.
pub(in crate::http) struct Incoming {
    rt: Rt,
    /// Gone when it has ended, one way or the other.
    open: Option<Open>,
    /// Whether the connection's timer is set for the next piece.
    is_armed: bool,
    limits: Limits,
    trailers: Option<HeaderMap>,
    /// When it ended.
    ended: Option<Instant>,
    has_begun: bool,
}

struct Open {
    body: hyper::body::Incoming,
    lease: Lease<Dial>,
}

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Limits {
    /// When the whole request is over, and how long that was.
    pub(in crate::http) total: Option<(Instant, Duration)>,
    pub(in crate::http) between_bytes: Option<Duration>,
    pub(in crate::http) drain_bytes_max: u64,
}

/// What goes wrong within a body.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum BodyFailure {
    #[error("the body was not complete within {}, in phase {phase}", Shown(*limit))]
    TimedOut { phase: Phase, limit: Duration },
    #[error("the connection ended before the body did")]
    Truncated,
    #[error("the body broke off")]
    Broken(#[source] hyper::Error),
}

impl BodyFailure {
    fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Truncated => io::ErrorKind::UnexpectedEof,
            Self::Broken(error) if error.is_incomplete_message() => io::ErrorKind::UnexpectedEof,
            Self::Broken(_) => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

impl Incoming {
    pub(in crate::http) fn new(
        rt: &Rt,
        body: hyper::body::Incoming,
        lease: Lease<Dial>,
        limits: Limits,
    ) -> Self {
        let is_over = body.is_end_stream();
        let mut incoming = Self {
            rt: rt.clone(),
            open: Some(Open { body, lease }),
            is_armed: false,
            limits,
            trailers: None,
            ended: None,
            has_begun: false,
        };
        if is_over {
            incoming.open = None;
        }
        incoming
    }

    /// How many bytes are to come, if the other side has said so.
    pub(in crate::http) fn len(&self) -> Option<u64> {
        self.open.as_ref().map_or(Some(0), |open| open.body.size_hint().exact())
    }

    /// Whether all of it has come.
    pub(in crate::http) fn is_over(&self) -> bool {
        self.open.is_none()
    }

    /// When all of it had come.
    pub(in crate::http) fn ended(&self) -> Option<Instant> {
        self.ended
    }

    pub(in crate::http) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// A body that always has more never waits, and would never be late. Its first piece is always in time, so that a
    /// short body reads no clock.
    fn overdue(&mut self) -> Option<BodyFailure> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return None;
        }
        let (_, limit) = self.limits.total.filter(|(at, _)| *at <= self.rt.now())?;
        Some(BodyFailure::TimedOut { phase: Phase::Body, limit })
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<BodyFailure> {
        let Limits { total, between_bytes, .. } = self.limits;
        if total.is_none() && between_bytes.is_none() {
            return Poll::Pending;
        }
        let Some(timer) = self.open.as_mut().and_then(Open::timer) else { return Poll::Pending };
        if !std::mem::replace(&mut self.is_armed, true) {
            let pause = between_bytes.map(|limit| self.rt.instant_after(limit));
            let at = total.map(|(at, _)| at).into_iter().chain(pause).min().expect("one of them is set");
            match timer {
                Some(timer) => timer.reset(at),
                None => *timer = Some(self.rt.sleep_until(at)),
            }
        }
        let timer = timer.as_mut().expect("it is there once it was armed");
        if Pin::new(timer).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let over = total.filter(|(at, _)| *at <= self.rt.now());
        Poll::Ready(match (over, between_bytes) {
            (Some((_, limit)), _) => BodyFailure::TimedOut { phase: Phase::Body, limit },
            (None, limit) => {
                BodyFailure::TimedOut { phase: Phase::BetweenBytes, limit: limit.unwrap_or_default() }
            }
        })
    }
}

impl Open {
    fn timer(&mut self) -> Option<&mut Option<Sleep>> {
        match &mut *self.lease {
            Conn::H1(h1, _) => Some(&mut h1.timer),
            Conn::H2(place) => Some(&mut place.timer),
            Conn::Failed(_) | Conn::Taken => None,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let polled = match &mut *self.lease {
            Conn::H1(h1, _) => h1.poll_body(cx, &mut self.body),
            Conn::H2(_) => Pin::new(&mut self.body).poll_frame(cx).map(Some),
            Conn::Failed(_) | Conn::Taken => Poll::Ready(None),
        };
        polled.map(|frame| match frame {
            None => Some(Err(BodyFailure::Truncated)),
            Some(frame) => frame.map(|frame| frame.map_err(BodyFailure::Broken)),
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Conn::H2(place) = &*self.lease
            && !self.body.is_end_stream()
        {
            place.line.count_reset();
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = &mut *self;
        loop {
            let Some(open) = &mut this.open else { return Poll::Ready(None) };
            match open.poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.is_armed = false;
                    match frame.into_data() {
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => {
                            if let Some(failure) = this.overdue() {
                                this.open = None;
                                return Poll::Ready(Some(Err(failure.into_io())));
                            }
                            return Poll::Ready(Some(Ok(data)));
                        }
                        Err(other) => this.trailers = other.into_trailers().ok(),
                    }
                }
                Poll::Ready(None) => {
                    // The connection goes back, and is asked whether it is fit for another exchange.
                    this.open = None;
                    this.ended = Some(this.rt.now());
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(failure))) => {
                    this.open = None;
                    if canary::is_on("http.takes-a-broken-body-for-a-whole-one") {
                        return Poll::Ready(None);
                    }
                    return Poll::Ready(Some(Err(failure.into_io())));
                }
                Poll::Pending => {
                    let Poll::Ready(failure) = this.poll_wait(cx) else { return Poll::Pending };
                    this.open = None;
                    return Poll::Ready(Some(Err(failure.into_io())));
                }
            }
        }
    }
}

impl Drop for Incoming {
    /// Whoever does not read a body to its end gives the connection back only if the rest of it is small and quick.
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        // Over HTTP/2 it costs nobody else anything to reset the stream.
        if matches!(*open.lease, Conn::H2(_)) {
            return;
        }
        let mut left = self.limits.drain_bytes_max;
        if open.body.size_hint().lower() > left {
            if canary::is_on("http.keeps-the-connection-of-a-dropped-body") {
                let _: &mut Open = Box::leak(Box::new(open));
            }
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        if open.poll_drain(&mut cx, &mut left).is_pending() {
            let rt = self.rt.clone();
            let drain = async move {
                let drained = std::future::poll_fn(|cx| open.poll_drain(cx, &mut left));
                // If it takes too long the connection is dropped with it.
                let _elapsed = rt.timeout(DRAIN_MAX, drained).await;
                drop(open);
            };
            self.rt.spawn("http.drain", drain).detach();
        }
    }
}

impl Open {
    /// Reads what comes and throws it away, as long as it is not more than `left`.
    fn poll_drain(&mut self, cx: &mut Context<'_>, left: &mut u64) -> Poll<()> {
        loop {
            match std::task::ready!(self.poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let n = frame.data_ref().map_or(0, |data| data.len() as u64);
                    match left.checked_sub(n) {
                        Some(rest) => *left = rest,
                        None => return Poll::Ready(()),
                    }
                }
                Some(Err(_)) | None => return Poll::Ready(()),
            }
        }
    }
}
