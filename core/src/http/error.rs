use std::{error::Error as StdError, fmt, io, time::Duration};

use ::http::{Method, StatusCode};
use url::Url;

use super::Report;
use crate::{rt::JoinError, time::Shown};

/// A request that has no answer, or an answer that cannot be used: what was wrong, where, and after which attempts.
#[derive(Debug)]
pub struct Error {
    parts: Box<Parts>,
}

#[derive(Debug)]
struct Parts {
    kind: ErrorKind,
    method: Option<Method>,
    url: Option<Url>,
    report: Report,
}

/// Where in its course a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Being made, before anything was sent.
    Building,
    /// Waiting for a quota.
    Limit,
    /// Waiting for a connection.
    Queue,
    /// Looking the host's name up.
    Dns,
    /// Connecting.
    Connect,
    /// Asking a proxy for a way through.
    Proxy,
    /// Shaking hands for TLS.
    Tls,
    /// Sending the request and waiting for the head of the reply.
    FirstByte,
    /// Waiting for the next piece of the body.
    BetweenBytes,
    /// Reading the body.
    Body,
    /// Following a redirect.
    Redirect,
    /// In a [`Middleware`](super::Middleware).
    Middleware,
}

/// What was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be made of what was given.
    #[error("the request is not valid: {what}")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong with it, and what it should be.
        what: String,
    },
    /// A time limit is over.
    #[error("no answer within {}, in phase {phase}", Shown(*limit))]
    #[non_exhaustive]
    TimedOut {
        /// What was under way.
        phase: Phase,
        /// The limit.
        limit: Duration,
    },
    /// No connection, or not one that can be used.
    #[error("cannot reach it, in phase {phase}")]
    #[non_exhaustive]
    Unreachable {
        /// What was under way.
        phase: Phase,
        /// What the system, the proxy or TLS says.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The connection broke, or the other side does not speak HTTP, before there was a reply.
    #[error("no reply{}", if *is_sent { "; the request may have been carried out" } else { "; the request was not sent" })]
    #[non_exhaustive]
    NoReply {
        /// Whether something of the request may have reached the other side.
        is_sent: bool,
        /// What was wrong.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The reply's body broke off, was not what was said, or was more than is allowed.
    #[error("the body of the reply cannot be read")]
    #[non_exhaustive]
    Body {
        /// What was wrong.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The body is bigger than is allowed.
    #[error(
        "the body of the reply has more than {body_bytes_max} bytes, decoded; raise `body_bytes_max`, or read it as a \
         stream if it was not coded"
    )]
    #[non_exhaustive]
    TooBig {
        /// The bound.
        body_bytes_max: u64,
    },
    /// The body is not the JSON that was expected.
    #[error("the body of the reply is not the JSON that was expected")]
    #[non_exhaustive]
    Json {
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The other side answered with an error, and [`error_for_status`](super::Response::error_for_status) asked.
    #[error("answered {status}")]
    #[non_exhaustive]
    Status {
        /// What it answered.
        status: StatusCode,
    },
    /// A redirect that is not followed.
    #[error("a redirect is not followed")]
    #[non_exhaustive]
    Redirect {
        /// Why.
        #[source]
        source: super::RedirectError,
    },
    /// The body of the request panicked while it was made; only where many are sent at once, elsewhere the panic goes on.
    #[error("the body of the request panicked")]
    #[non_exhaustive]
    Panicked {
        /// What it said.
        #[source]
        source: JoinError,
    },
    /// A [`Middleware`](super::Middleware) gave up.
    #[error("a middleware gave up")]
    #[non_exhaustive]
    Middleware {
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A limit of this client: its quota, its breaker, its queue.
    #[error("not sent: {what}")]
    #[non_exhaustive]
    Refused {
        /// Which limit, and what to do.
        what: String,
        /// When to come back, if one can know.
        retry_after: Option<Duration>,
    },
}

impl ErrorKind {
    /// Whether an attempt that failed so may have been carried out.
    pub(super) fn may_have_been_sent(&self) -> bool {
        match self {
            Self::Invalid { .. } | Self::Unreachable { .. } | Self::Refused { .. } => false,
            Self::NoReply { is_sent, .. } => *is_sent,
            Self::TimedOut { phase, .. } => *phase >= Phase::FirstByte,
            Self::Body { .. }
            | Self::TooBig { .. }
            | Self::Json { .. }
            | Self::Status { .. }
            | Self::Panicked { .. }
            | Self::Middleware { .. }
            | Self::Redirect { .. } => true,
        }
    }
}

impl Error {
    pub(super) fn new(kind: ErrorKind) -> Self {
        Self { parts: Box::new(Parts { kind, method: None, url: None, report: Report::default() }) }
    }

    /// What a [`Middleware`](super::Middleware) says that gives a request up.
    pub fn middleware(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Middleware { source: source.into() })
    }

    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid { what: what.into() })
    }

    pub(super) fn at(mut self, method: &Method, url: &Url) -> Self {
        self.parts.method = Some(method.clone());
        self.parts.url = Some(without_secrets(url));
        self
    }

    pub(super) fn reported(mut self, report: Report) -> Self {
        self.parts.report = report;
        self
    }

    pub(super) fn is_placed(&self) -> bool {
        self.parts.url.is_some()
    }

    /// What was wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.parts.kind
    }

    /// Where the request went to, without its password; of the last hop, if it was redirected.
    pub fn url(&self) -> Option<&Url> {
        self.parts.url.as_ref()
    }

    /// The attempts there were, the one that failed last.
    pub fn report(&self) -> &Report {
        &self.parts.report
    }

    /// In which phase it happened.
    pub fn phase(&self) -> Option<Phase> {
        match &self.parts.kind {
            ErrorKind::Invalid { .. } => Some(Phase::Building),
            ErrorKind::TimedOut { phase, .. } | ErrorKind::Unreachable { phase, .. } => Some(*phase),
            ErrorKind::NoReply { .. } => Some(Phase::FirstByte),
            ErrorKind::Body { .. } | ErrorKind::TooBig { .. } | ErrorKind::Json { .. } => Some(Phase::Body),
            ErrorKind::Redirect { .. } => Some(Phase::Redirect),
            ErrorKind::Refused { .. } => Some(Phase::Limit),
            ErrorKind::Middleware { .. } => Some(Phase::Middleware),
            ErrorKind::Status { .. } | ErrorKind::Panicked { .. } => None,
        }
    }

    /// Whether a time limit was over.
    pub fn is_timeout(&self) -> bool {
        matches!(self.parts.kind, ErrorKind::TimedOut { .. })
    }

    /// Whether the other side may have carried the request out, at any of its attempts. If not, it is safe to send it again,
    /// whatever it is.
    pub fn may_have_been_sent(&self) -> bool {
        let Parts { kind, report, .. } = &*self.parts;
        kind.may_have_been_sent() || report.attempts().iter().any(|attempt| attempt.may_have_been_sent)
    }

    /// What it was answered, if that is why.
    pub fn status(&self) -> Option<StatusCode> {
        match &self.parts.kind {
            ErrorKind::Status { status } => Some(*status),
            _ => None,
        }
    }
}

pub(super) fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Neither fails for a URL with a host, and there is nothing to hide in one without.
        let _ = url.set_password(None);
        let _ = url.set_username("");
    }
    url
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { kind, method, url, report } = &*self.parts;
        if let Some((method, url)) = method.as_ref().zip(url.as_ref()) {
            write!(f, "{method} {url}: ")?;
        }
        match report.attempts().len() {
            0 | 1 => kind.fmt(f),
            many => write!(f, "{kind} (attempt {many})"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.parts.kind.source()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Building => "building the request",
            Self::Limit => "limit",
            Self::Queue => "queue",
            Self::Dns => "DNS",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::FirstByte => "first byte",
            Self::BetweenBytes => "between bytes",
            Self::Body => "body",
            Self::Redirect => "redirect",
            Self::Middleware => "middleware",
        })
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = if error.is_timeout() { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
        Self::new(kind, error)
    }
}
