use std::{fmt, time::Duration};

use ::http::{HeaderName, HeaderValue};
use url::Url;

use super::{TlsConfig, cookies, proxy, redirect};
use crate::{
    ConfigError,
    limit::Quota,
    resilience::{breaker, budget},
    time::Backoff,
};

/// How a [`Client`](super::Client) works. Checked once, when the client is made.
///
/// For every optional duration `None` means unlimited.
#[derive(Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// What relative URLs are relative to: `https://api.example.org/v1`; `users` is `/v1/users` then, and `/users` is
    /// `/users`. Default: none.
    pub base_url: Option<String>,
    /// Headers of every request that does not set them itself, as pairs of name and value. With a `base_url` those that are
    /// [secret](Self::secret_headers) go to its scheme, host and port only. Default: none.
    pub headers: Vec<(String, String)>,
    /// The `User-Agent`. Default: `seaworthy/` and the version.
    pub user_agent: Option<String>,
    /// How long each part of a request may take.
    pub timeouts: Timeouts,
    /// When a request is sent again.
    pub retry: Retry,
    /// Which redirects are followed. Default: ten.
    pub redirects: redirect::Policy,
    /// Headers that carry secrets beside `Authorization` and cookies: they do not go along to another host. Default:
    /// `X-Api-Key` and `X-Auth-Token`.
    pub secret_headers: Vec<String>,
    /// How many requests go out in which time, to all hosts together; whoever comes too early waits. Default: no limit.
    pub quota: Option<Quota>,
    /// The same for each host. Default: no limit.
    pub host_quota: Option<Quota>,
    /// When a host that fails is left alone for a while. Default: never.
    pub breaker: Option<breaker::Config>,
    /// How many connections there are at most to all hosts together, 1 to 1,000,000. Default: 1,000.
    pub connections_max: usize,
    /// How many connections there are at most to each host, 1 to 1,000,000. Default: 100.
    pub connections_per_host_max: usize,
    /// How many requests an HTTP/2 connection carries at once at most, if the other side allows as many, 1 to 10,000.
    /// When all are taken another connection is made, within `connections_per_host_max`. Default: 100.
    pub streams_per_connection_max: usize,
    /// An HTTP/2 connection that has requests under way is asked whether it is still there when nothing came for so
    /// long. Default: 15 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub ping_interval: Option<Duration>,
    /// How long the answer to that may take; then the connection is given up. Default: 15 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub ping_timeout: Duration,
    /// How many requests may wait for a connection to a host, at least 1. Default: 10,000.
    pub waiters_per_host_max: usize,
    /// For how many hosts connections, budgets and breakers are kept, at least 1; those without connections make room for
    /// others. Default: 10,000.
    pub hosts_max: usize,
    /// How long a connection is kept that nobody uses. Default: 60 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub idle_timeout: Option<Duration>,
    /// How often a connection is used; 0 is as often as one likes. Default: 0.
    pub requests_per_connection_max: u64,
    /// How long the addresses of a name are kept. Default: 60 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub dns_ttl: Duration,
    /// How long the head of a reply may be, 8 KiB to 16 MiB. Default: 64 KiB.
    pub head_bytes_max: usize,
    /// How many headers a reply may have, 1 to 10,000; more than 100 cost a little time with each reply. Default: 100.
    pub headers_max: usize,
    /// How long a body may be that is read as a whole, or that was coded (gzip and the like), after decoding: a small reply may
    /// unfold to very much. Bodies that were not coded and are read as streams are not bounded. Default: 64 MiB.
    pub body_bytes_max: u64,
    /// How much of a body that was not read to its end is read and thrown away, to keep its connection. Default: 64 KiB.
    pub drain_bytes_max: u64,
    /// Whether coded bodies are asked for and decoded: gzip, brotli, zstd, deflate. Default: yes.
    pub decode: bool,
    /// Which requests go through a proxy. Default: what the environment says: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`, read when the client is made.
    pub proxy: proxy::Config,
    /// How cookies are kept and sent back. Default: they are not, so that users of one client do not share a session.
    pub cookies: Option<cookies::Config>,
    /// Whom to trust.
    pub tls: TlsConfig,
}

/// Without passwords and the values of headers.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            base_url,
            headers,
            user_agent,
            timeouts,
            retry,
            redirects,
            secret_headers,
            quota,
            host_quota,
            breaker,
            connections_max,
            connections_per_host_max,
            streams_per_connection_max,
            ping_interval,
            ping_timeout,
            waiters_per_host_max,
            hosts_max,
            idle_timeout,
            requests_per_connection_max,
            dns_ttl,
            head_bytes_max,
            headers_max,
            body_bytes_max,
            drain_bytes_max,
            decode,
            proxy,
            cookies,
            tls,
        } = self;
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Config")
            .field("base_url", &base_url.as_deref().map(proxy::shown))
            .field("headers", &names)
            .field("user_agent", user_agent)
            .field("timeouts", timeouts)
            .field("retry", retry)
            .field("redirects", redirects)
            .field("secret_headers", secret_headers)
            .field("quota", quota)
            .field("host_quota", host_quota)
            .field("breaker", breaker)
            .field("connections_max", connections_max)
            .field("connections_per_host_max", connections_per_host_max)
            .field("streams_per_connection_max", streams_per_connection_max)
            .field("ping_interval", ping_interval)
            .field("ping_timeout", ping_timeout)
            .field("waiters_per_host_max", waiters_per_host_max)
            .field("hosts_max", hosts_max)
            .field("idle_timeout", idle_timeout)
            .field("requests_per_connection_max", requests_per_connection_max)
            .field("dns_ttl", dns_ttl)
            .field("head_bytes_max", head_bytes_max)
            .field("headers_max", headers_max)
            .field("body_bytes_max", body_bytes_max)
            .field("drain_bytes_max", drain_bytes_max)
            .field("decode", decode)
            .field("proxy", proxy)
            .field("cookies", cookies)
            .field("tls", tls)
            .finish()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: None,
            headers: Vec::new(),
            user_agent: Some(concat!("seaworthy/", env!("CARGO_PKG_VERSION")).to_owned()),
            timeouts: Timeouts::default(),
            retry: Retry::default(),
            redirects: redirect::Policy::default(),
            secret_headers: vec!["x-api-key".to_owned(), "x-auth-token".to_owned()],
            quota: None,
            host_quota: None,
            breaker: None,
            connections_max: 1000,
            connections_per_host_max: 100,
            streams_per_connection_max: 100,
            ping_interval: Some(Duration::from_secs(15)),
            ping_timeout: Duration::from_secs(15),
            waiters_per_host_max: 10_000,
            hosts_max: 10_000,
            idle_timeout: Some(Duration::from_secs(60)),
            requests_per_connection_max: 0,
            dns_ttl: Duration::from_secs(60),
            head_bytes_max: 64 << 10,
            headers_max: 100,
            body_bytes_max: 64 << 20,
            drain_bytes_max: 64 << 10,
            decode: true,
            proxy: proxy::Config::default(),
            cookies: None,
            tls: TlsConfig::default(),
        }
    }
}

/// How long each part of a request may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Timeouts {
    /// All of it: every attempt, pause and redirect, and the body. Default: 30 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub total: Option<Duration>,
    /// The wait for a connection that others hold. Default: none of its own.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub queue: Option<Duration>,
    /// The lookup of the host's name. Default: 5 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub dns: Option<Duration>,
    /// The connect, to all addresses of the host. Default: 10 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub connect: Option<Duration>,
    /// The handshake of TLS. Default: 10 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub tls: Option<Duration>,
    /// From the begin of sending to the end of the reply's head, for each attempt. Default: none of its own.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub first_byte: Option<Duration>,
    /// Between two pieces of the reply's body. Default: 15 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub between_bytes: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        Self {
            total: seconds(30),
            queue: None,
            dns: seconds(5),
            connect: seconds(10),
            tls: seconds(10),
            first_byte: None,
            between_bytes: seconds(15),
        }
    }
}

/// When a request is sent again.
///
/// What was certainly not sent is sent again, whatever it is. What may have been carried out is sent again only if to
/// do it twice is to do it once (RFC 9110, section 9.2.2): GET, HEAD, OPTIONS, TRACE, PUT, DELETE, and whatever has an
/// `Idempotency-Key`. A body that is made while it is sent is not sent again.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Retry {
    /// How many attempts are made at most for each hop, the first one included; 1 switches retries off. Default: 3.
    pub attempts_max: u32,
    /// The pauses between attempts. Default: 100 ms, doubled each time up to 10 s, with full jitter.
    pub backoff: Backoff,
    /// The longest pause a `Retry-After` may ask for. Whoever asks for more is not asked again. Default: 30 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub retry_after_max: Duration,
    /// Which answers are worth another attempt. Default: 429, 502, 503, 504.
    pub statuses: Vec<u16>,
    /// How many retries there may be to each host, whatever its callers would like. Default: that of
    /// [`budget::Config`]: one in ten requests, 100 at once.
    pub budget: budget::Config,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            backoff: Backoff::default(),
            retry_after_max: Duration::from_secs(30),
            statuses: vec![429, 502, 503, 504],
            budget: budget::Config::default(),
        }
    }
}

/// Servers take more for an attack.
const PING_MIN: Duration = Duration::from_secs(1);

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let counts = [
            ("http::Config::connections_max", self.connections_max),
            ("http::Config::connections_per_host_max", self.connections_per_host_max),
            ("http::Config::hosts_max", self.hosts_max),
            ("http::Config::waiters_per_host_max", self.waiters_per_host_max),
        ];
        for (field, value) in counts {
            if !(1..=1_000_000).contains(&value) {
                return Err(ConfigError::new(field, value, "1 to 1000000"));
            }
        }
        let streams = self.streams_per_connection_max;
        if !(1..=10_000).contains(&streams) {
            return Err(ConfigError::new("http::Config::streams_per_connection_max", streams, "1 to 10000"));
        }
        if self.ping_interval.is_some_and(|interval| interval < PING_MIN) {
            let interval = format!("{:?}", self.ping_interval.unwrap_or_default());
            return Err(ConfigError::new("http::Config::ping_interval", interval, "at least 1s, or none"));
        }
        if self.ping_timeout.is_zero() {
            return Err(ConfigError::new("http::Config::ping_timeout", "0s", "more than nothing"));
        }
        let (head, headers) = (self.head_bytes_max, self.headers_max);
        if !(8 << 10..=16 << 20).contains(&head) {
            return Err(ConfigError::new("http::Config::head_bytes_max", head, "8192 to 16777216"));
        }
        if !(1..=10_000).contains(&headers) {
            return Err(ConfigError::new("http::Config::headers_max", headers, "1 to 10000"));
        }
        let Timeouts { total, queue, dns, connect, tls, first_byte, between_bytes } = self.timeouts;
        let durations = [
            ("http::Config::idle_timeout", self.idle_timeout),
            ("http::Timeouts::total", total),
            ("http::Timeouts::queue", queue),
            ("http::Timeouts::dns", dns),
            ("http::Timeouts::connect", connect),
            ("http::Timeouts::tls", tls),
            ("http::Timeouts::first_byte", first_byte),
            ("http::Timeouts::between_bytes", between_bytes),
        ];
        for (field, duration) in durations {
            if duration == Some(Duration::ZERO) {
                return Err(ConfigError::new(field, "0s", "more than nothing; `None` for no limit"));
            }
        }
        let out = self.retry.statuses.iter().find(|status| !(100..=999).contains(*status));
        if let Some(status) = out {
            return Err(ConfigError::new("http::Retry::statuses", status, "100 to 999"));
        }
        Ok(())
    }

    pub(super) fn base(&self) -> Result<Option<Url>, ConfigError> {
        let Some(text) = &self.base_url else { return Ok(None) };
        let refused = |why: String| {
            ConfigError::new(
                "http::Config::base_url",
                format!("`{}` ({why})", proxy::shown(text)),
                "an http or https URL",
            )
        };
        let url = Url::parse(text).map_err(|error| refused(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("another scheme".to_owned()));
        }
        // Without it the last segment would be taken for a file, and replaced.
        let mut url = url;
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Some(url))
    }

    pub(super) fn default_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
        let agent = self.user_agent.iter().map(|agent| ("user-agent", agent.as_str()));
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        agent.chain(own).map(|(name, value)| header(name, value)).collect()
    }

    pub(super) fn secrets(&self) -> Result<Vec<HeaderName>, ConfigError> {
        let name = |name: &String| {
            HeaderName::try_from(name.as_str()).map_err(|_| {
                ConfigError::new("http::Config::secret_headers", format!("`{name}`"), "names of headers")
            })
        };
        self.secret_headers.iter().map(name).collect()
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ConfigError> {
    let name = HeaderName::try_from(name).map_err(|_| {
        ConfigError::new(
            "http::Config::headers",
            format!("`{name}`"),
            "names without blanks and control characters",
        )
    })?;
    let value = HeaderValue::try_from(value).map_err(|_| {
        let text = format!("a value of `{name}`");
        ConfigError::new("http::Config::headers", text, "visible text in one line")
    })?;
    Ok((name, value))
}
