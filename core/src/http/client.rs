use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ::http::{
    HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
};
use hyper::client::conn::http1;
use url::Url;

use super::{
    Config, CookieJar, Error, Request, RequestBuilder, Response,
    connect::{Common, Names, Places, Tls},
    middleware::{Layer, Middleware},
    origins::Origins,
    proxy, send,
    wire::h2,
};
use crate::{
    ConfigError,
    limit::{Quota, RateLimiter},
    resilience::{CircuitBreaker, retry},
    rt::{Rng, Rt},
};

/// Sends requests, keeps connections, and says where the time went.
///
/// Clones are the same client. See the [module](super) for the laws.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
    /// What its requests go through, the outermost first.
    pub(super) layers: Option<Arc<[Layer]>>,
}

pub(super) struct Inner {
    pub(super) rt: Rt,
    pub(super) origins: Arc<Origins>,
    pub(super) retry: retry::Config,
    pub(super) rng: Rng,
    /// How many requests had to be thought about twice.
    pub(super) retried: AtomicU64,
    pub(super) quota: Option<RateLimiter>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) secrets: Vec<HeaderName>,
    pub(super) cookies: Option<CookieJar>,
    base: Option<Url>,
    forms: Rng,
    form_count: AtomicU64,
}

impl Inner {
    /// Whether a header is for one host alone.
    pub(super) fn is_secret(&self, name: &HeaderName) -> bool {
        [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name) || self.secrets.contains(name)
    }
}

/// How many headers of a reply hyper reads without asking for memory, and at all unless it is told.
const HYPER_HEADERS: usize = 100;

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field.
    pub fn new(rt: &Rt, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        config.redirects.check()?;
        let retry = retry::Config {
            attempts_max: config.retry.attempts_max,
            backoff: config.retry.backoff,
            retry_after_max: config.retry.retry_after_max,
            ..retry::Config::default()
        };
        // What only its parts can check.
        drop(crate::resilience::Retry::new(rt, retry.clone())?);
        drop(crate::resilience::Budget::new(rt, config.retry.budget)?);
        if let Some(breaker) = &config.breaker {
            drop(crate::resilience::CircuitBreaker::new(rt, "http", breaker.clone())?);
        }
        let limiter = |quota: Quota| RateLimiter::new(rt, quota);
        drop(config.host_quota.map(limiter).transpose()?);
        let mut h1 = http1::Builder::new();
        h1.max_header_size(config.head_bytes_max);
        // Up to as many as this, hyper reads them without asking for memory; fewer are counted when they have come.
        if config.headers_max > HYPER_HEADERS {
            h1.max_headers(config.headers_max);
        }
        let common = Common {
            rt: rt.clone(),
            timeouts: config.timeouts.clone(),
            names: Names::new(rt, config.dns_ttl, config.hosts_max),
            tls: Tls::new(rt, &config.tls)?,
            h1,
            h2: h2::Settings {
                head_bytes_max: config.head_bytes_max,
                ping_interval: config.ping_interval,
                ping_timeout: config.ping_timeout,
            },
            places: Places::new(rt, config.connections_max)?,
            origins: std::sync::Weak::new(),
        };
        let inner = Inner {
            rt: rt.clone(),
            retry,
            rng: rt.rng("http.retry"),
            retried: AtomicU64::new(0),
            quota: config.quota.map(limiter).transpose()?,
            headers: config.default_headers()?,
            secrets: config.secrets()?,
            cookies: config.cookies.clone().map(CookieJar::new).transpose()?,
            base: config.base()?,
            forms: rt.rng("http.form"),
            form_count: AtomicU64::new(0),
            origins: Origins::new(common, config)?,
        };
        Ok(Self { inner: Arc::new(inner), layers: None })
    }

    /// This client with `middleware` around its requests, within what was added before: what was added first sees a request
    /// first and its reply last.
    ///
    /// Connections, limits and cookies are shared with this one, which goes on without it. See [`Middleware`] for an example.
    #[must_use = "the client it is called on stays as it is"]
    pub fn with(&self, middleware: impl Middleware) -> Self {
        let before = self.layers.iter().flat_map(|layers| layers.iter().cloned());
        let layers = before.chain([Layer::new(middleware)]).collect();
        Self { inner: Arc::clone(&self.inner), layers: Some(layers) }
    }

    pub(super) fn without_layers(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), layers: None }
    }

    /// A GET.
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// A POST.
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A PUT.
    pub fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// A PATCH.
    pub fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// A DELETE.
    pub fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// A HEAD: what a GET would answer, without the body.
    pub fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Any method. The URL may be relative if there is a [`base_url`](Config::base_url).
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(self, method, url.as_ref())
    }

    /// Sends a request and waits for the head of the reply, through redirects and retries.
    ///
    /// # Errors
    ///
    /// If there is no reply that can be used, see [`Error`]. A reply with an error status is a reply: see
    /// [`Response::error_for_status`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up: it may have been carried out or not. A connection that is in the middle of
    /// an exchange is closed, a connect that was begun goes on and serves the next.
    pub fn execute(&self, request: Request) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        send::run(self.clone(), Ok(request))
    }

    /// Whether headers that are secret and set for all requests may go to this URL: without a base URL everywhere, with one
    /// only there.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        self.inner.base.as_ref().is_none_or(|base| base.origin() == url.origin())
    }

    pub(super) fn resolve(&self, url: &str) -> Result<Url, Error> {
        if let Some(url) = self.inner.origins.locate(url) {
            return Ok(url);
        }
        let parsed = match &self.inner.base {
            Some(base) => base.join(url),
            None => Url::parse(url),
        };
        parsed.map_err(|error| {
            let hint = match error {
                url::ParseError::RelativeUrlWithoutBase => {
                    "; write it with http:// or https://, or set a `base_url`"
                }
                _ => "",
            };
            Error::invalid(format!("`{}` is no URL: {error}{hint}", proxy::shown(url)))
        })
    }

    pub(super) fn multipart_rng(&self) -> Rng {
        self.inner.forms.fork("form", self.inner.form_count.fetch_add(1, Ordering::Relaxed))
    }

    /// The cookies it keeps, if [`Config::cookies`] says so.
    pub fn cookies(&self) -> Option<&CookieJar> {
        self.inner.cookies.as_ref()
    }

    /// The circuit breaker of the host of `url`, if [`Config::breaker`] says that there are some: to watch its
    /// [events](CircuitBreaker::events), to ask where it is, or to decide by hand. The URL may be relative if there is a
    /// [`base_url`](Config::base_url).
    ///
    /// # Errors
    ///
    /// If the URL is none, or there are connections to as many hosts as may be.
    pub fn breaker(&self, url: impl AsRef<str>) -> Result<Option<CircuitBreaker>, Error> {
        let mut url = self.resolve(url.as_ref())?;
        // Neither fails for a URL that has a host; one without is refused next.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        Ok(self.inner.origins.of(&url)?.breaker.clone())
    }

    /// What it is doing and has done.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for (_, origin) in self.inner.origins.all() {
            let pool = origin.pool.stats();
            stats.hosts += 1;
            stats.in_use += pool.in_use;
            stats.idle += pool.idle;
            stats.waiting += pool.waiting;
            stats.requests += origin.requests.load(Ordering::Relaxed);
            stats.retries += origin.budget.stats().granted;
            stats.retries_refused += origin.budget.stats().refused;
        }
        stats
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// What a [`Client`] is doing and has done, for all hosts it still knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many hosts it keeps something for.
    pub hosts: usize,
    /// Connections in use.
    pub in_use: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// Requests, each redirect one more, retries not.
    pub requests: u64,
    /// Retries.
    pub retries: u64,
    /// Retries that a budget stopped.
    pub retries_refused: u64,
}
