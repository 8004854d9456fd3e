use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::http::HeaderValue;
use parking_lot::Mutex;
use url::{Position, Url};

use super::{
    Config, Error, ErrorKind,
    connect::{Common, Conn, Dial, Sharing, Target},
    locate,
    proxy::{Proxies, Proxy},
    wire::h2::Line,
};
use crate::{
    ConfigError,
    limit::RateLimiter,
    pool::{self, Pool},
    resilience::{Budget, CircuitBreaker, breaker},
};

/// A scheme, host and port, with all that is kept for it.
pub(super) struct Origin {
    pub(super) pool: Pool<Dial>,
    pub(super) budget: Budget,
    pub(super) breaker: Option<CircuitBreaker>,
    pub(super) quota: Option<RateLimiter>,
    common: Arc<Common>,
    /// Each has one of its own.
    number: u64,
    /// The proxy that forwards requests to it, and does not only tunnel.
    forwarder: Option<Arc<Proxy>>,
    /// A URL of it.
    url: Url,
    /// What goes into the `Host` header.
    pub(super) host: HeaderValue,
    /// How many requests were sent to it.
    pub(super) requests: AtomicU64,
    /// There if it may speak HTTP/2.
    sharing: Option<Arc<Sharing>>,
    /// How many places the pool has.
    places: AtomicUsize,
}

impl Origin {
    /// Gives the pool as many places as there may be: one for each connection, or one for each stream.
    pub(super) fn fit(&self) {
        let Some(sharing) = &self.sharing else { return };
        let places = sharing.places_max();
        if self.places.swap(places, Ordering::AcqRel) != places {
            // It is within the bounds of a pool.
            let _ = self.pool.resize(places);
        }
    }

    /// Whether there is a connect under way for everybody in line, and `more`.
    pub(super) fn is_connecting_for(&self, more: usize) -> bool {
        let stats = self.pool.stats();
        !self.common.places.is_waiting(self.number) && stats.connecting >= stats.waiting + more
    }

    pub(super) fn forwarder(&self) -> Option<&Proxy> {
        self.forwarder.as_deref()
    }
}

/// The origins of a client, bounded.
pub(super) struct Origins {
    common: Arc<Common>,
    config: Config,
    proxies: Proxies,
    origins: Mutex<BTreeMap<Box<str>, Arc<Origin>>>,
    /// How many there have been.
    made: AtomicU64,
}

impl Origins {
    pub(super) fn new(common: Common, config: Config) -> Result<Arc<Self>, ConfigError> {
        let proxies = Proxies::new(&config.proxy).map_err(|error| {
            ConfigError::new("http::Config::proxy", error, "proxies like `http://user:password@host:port`")
        })?;
        Ok(Arc::new_cyclic(|this: &Weak<Self>| {
            let common = Common { origins: this.clone(), ..common };
            Self {
                common: Arc::new(common),
                config,
                proxies,
                origins: Mutex::default(),
                made: AtomicU64::new(0),
            }
        }))
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Reads a URL of an origin that is known.
    pub(super) fn locate(&self, text: &str) -> Option<Url> {
        let (origin, rest) = locate::split(text)?;
        let known = self.origins.lock().get(origin).map(Arc::clone)?;
        locate::join(&known.url, rest)
    }

    /// The origin of `url`, made now if there is none.
    pub(super) fn of(&self, url: &Url) -> Result<Arc<Origin>, Error> {
        // URLs come here without user and password, so this is scheme, host and port.
        let key = &url[..Position::BeforePath];
        if let Some(origin) = self.origins.lock().get(key) {
            return Ok(Arc::clone(origin));
        }
        let origin = self.make(url)?;
        let mut gone = Vec::new();
        let mut origins = self.origins.lock();
        if origins.len() >= self.config.hosts_max {
            make_room(&mut origins, &mut gone);
        }
        if origins.len() >= self.config.hosts_max {
            drop(origins);
            return Err(Error::new(ErrorKind::Refused {
                what: format!(
                    "there are requests to {} hosts already, as many as may be; wait, or raise `hosts_max`",
                    self.config.hosts_max
                ),
                retry_after: None,
            }));
        }
        // Another may have been quicker.
        let origin = Arc::clone(origins.entry(key.into()).or_insert(origin));
        drop(origins);
        drop(gone);
        Ok(origin)
    }

    fn make(&self, url: &Url) -> Result<Arc<Origin>, Error> {
        let Config {
            connections_max,
            connections_per_host_max,
            waiters_per_host_max,
            idle_timeout,
            requests_per_connection_max,
            retry,
            breaker,
            host_quota,
            ..
        } = &self.config;
        let invalid = |what: String| Error::invalid(what);
        let host = url.host_str().ok_or_else(|| invalid(format!("`{url}` names no host")))?;
        let target = Target {
            host: host.trim_start_matches('[').trim_end_matches(']').into(),
            port: url.port_or_known_default().ok_or_else(|| invalid(format!("`{url}` names no port")))?,
            is_https: url.scheme() == "https",
            proxy: self.proxies.of(url),
        };
        let forwarder = target.proxy.clone().filter(|_| !target.is_https);
        let rt = &self.common.rt;
        let may_share = target.is_https && self.config.tls.http2;
        let connections_max = *connections_per_host_max.min(connections_max);
        let sharing = may_share
            .then(|| Arc::new(Sharing::new(connections_max, self.config.streams_per_connection_max)));
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let this = Arc::<OnceLock<_>>::default();
        let dial = Dial {
            common: Arc::clone(&self.common),
            target,
            number,
            origin: Arc::clone(&this),
            sharing: sharing.clone(),
        };
        let config = pool::Config {
            max: connections_max,
            acquire_timeout: None,
            // The parts of a connect have limits of their own.
            connect_timeout: None,
            connect_concurrency: connections_max,
            check: pool::Check::Never,
            idle_timeout: *idle_timeout,
            keepalive: Some(IDLE_LOOK),
            lifetime_max: None,
            uses_max: *requests_per_connection_max,
            waiters_max: *waiters_per_host_max,
            ..pool::Config::default()
        };
        // All of them were checked when the client was made.
        let refused = |error: ConfigError| invalid(error.to_string());
        let host = HeaderValue::try_from(&url[Position::BeforeHost..Position::AfterPort]);
        let origin = Arc::new(Origin {
            common: Arc::clone(&self.common),
            number,
            pool: Pool::new(rt, dial, config).map_err(refused)?,
            budget: Budget::new(rt, retry.budget).map_err(refused)?,
            breaker: match breaker {
                None => None,
                Some(config) => {
                    let name = url[..Position::BeforePath].to_owned();
                    Some(CircuitBreaker::new(rt, name, config.clone()).map_err(refused)?)
                }
            },
            quota: match host_quota {
                None => None,
                Some(quota) => Some(RateLimiter::new(rt, *quota).map_err(refused)?),
            },
            forwarder,
            url: url.join("/").map_err(|error| invalid(error.to_string()))?,
            host: host.map_err(|_| invalid(format!("the host of `{url}` cannot be sent")))?,
            requests: AtomicU64::new(0),
            sharing,
            places: AtomicUsize::new(connections_max),
        });
        // It is set here and nowhere else.
        let _ = this.set(Arc::downgrade(&origin));
        Ok(origin)
    }

    /// Closes one connection that nobody uses, to make room for another host's.
    pub(super) fn close_one_idle(&self) {
        let origins: Vec<_> = self.origins.lock().values().map(Arc::clone).collect();
        for origin in origins {
            if origin.pool.stats().idle == 0 {
                continue;
            }
            let mut victim = None;
            origin.pool.retain(|conn, _| stays(conn, &mut victim));
            if victim.is_some() {
                return;
            }
        }
    }

    pub(super) fn all(&self) -> Vec<(Box<str>, Arc<Origin>)> {
        self.origins.lock().iter().map(|(name, origin)| (name.clone(), Arc::clone(origin))).collect()
    }
}

/// How often one looks whether an idle connection was closed by the other side.
const IDLE_LOOK: Duration = Duration::from_secs(5);

/// The connection that makes room for another host's.
enum Victim {
    Alone,
    /// All its places go.
    Shared(Arc<Line>),
}

/// Whether an idle place stays. The first connection that nobody uses becomes the victim.
fn stays(conn: &mut Conn, victim: &mut Option<Victim>) -> bool {
    let Conn::H2(place) = conn else {
        let is_first = victim.is_none();
        victim.get_or_insert(Victim::Alone);
        return !is_first;
    };
    if victim.is_none() && place.line.is_idle() && !place.line.is_retired() {
        place.line.retire();
        *victim = Some(Victim::Shared(Arc::clone(&place.line)));
    }
    let is_victim = matches!(victim, Some(Victim::Shared(line)) if Arc::ptr_eq(line, &place.line));
    !is_victim && !place.line.is_retired()
}

/// Forgets the origins that nobody uses and that have no connections; if there are none, one whose connections are idle.
fn make_room(origins: &mut BTreeMap<Box<str>, Arc<Origin>>, gone: &mut Vec<Arc<Origin>>) {
    let is_unused = |origin: &Arc<Origin>, idle_max: usize| {
        let stats = origin.pool.stats();
        // An open breaker would be forgotten with it, and the host be asked again.
        let is_well = origin.breaker.as_ref().is_none_or(|breaker| breaker.state() == breaker::State::Closed);
        // So would be what is left of its quota, and the host be asked as if nothing had been sent to it.
        let is_rested = origin.quota.as_ref().is_none_or(|quota| {
            let stats = quota.stats();
            stats.waiting == 0 && stats.available >= stats.quota.burst
        });
        is_well
            && is_rested
            && Arc::strong_count(origin) == 1
            && stats.in_use + stats.connecting == 0
            && stats.idle <= idle_max
    };
    let empty = origins.extract_if(.., |_, origin| is_unused(origin, 0));
    gone.extend(empty.map(|(_, origin)| origin));
    if gone.is_empty() {
        let idle = origins.iter().find(|(_, origin)| is_unused(origin, usize::MAX));
        if let Some(name) = idle.map(|(name, _)| name.clone()) {
            gone.extend(origins.remove(&name));
        }
    }
}
