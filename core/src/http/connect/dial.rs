use std::{
    error::Error as StdError,
    fmt, io,
    pin::pin,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt};
use hyper::client::conn::http1;

use super::{
    Names, Place, Places, Sharing, Tls,
    places::InLine,
    share::{Counted, Making, Turn},
};
use crate::{
    http::{
        Timeouts,
        error::Phase,
        origins::{Origin, Origins},
        proxy::{ConnectReply, Proxy, connect_request},
        wire::{
            H1, Io,
            h2::{self, Line, Sender},
        },
    },
    limit::bulkhead::Permit,
    pool::Manager,
    rt::{Address, BoxConnection, Rt},
};

/// Makes the connections to one origin.
pub(in crate::http) struct Dial {
    pub(in crate::http) common: Arc<Common>,
    pub(in crate::http) target: Target,
    /// The number of the origin.
    pub(in crate::http) number: u64,
    /// The origin itself, once it is there.
    pub(in crate::http) origin: Arc<OnceLock<Weak<Origin>>>,
    /// There if the origin may speak HTTP/2.
    pub(in crate::http) sharing: Option<Arc<Sharing>>,
}

/// What all origins of a client share.
pub(in crate::http) struct Common {
    pub(in crate::http) rt: Rt,
    pub(in crate::http) timeouts: Timeouts,
    pub(in crate::http) names: Names,
    pub(in crate::http) tls: Tls,
    pub(in crate::http) h1: http1::Builder,
    pub(in crate::http) h2: h2::Settings,
    /// A place for each open connection, to whatever host.
    pub(in crate::http) places: Places,
    /// Where there may be connections that nobody uses.
    pub(in crate::http) origins: Weak<Origins>,
}

/// Where to connect to.
#[derive(Clone, Debug)]
pub(in crate::http) struct Target {
    pub(in crate::http) host: Box<str>,
    pub(in crate::http) port: u16,
    pub(in crate::http) is_https: bool,
    pub(in crate::http) proxy: Option<Arc<Proxy>>,
}

/// What the pool of an origin holds.
///
/// A connect that fails goes to the first who waits for it, as a connection that says why: it is that one's attempt that
/// has failed, and the others' connects are still under way.
pub(in crate::http) enum Conn {
    H1(Box<H1>, Made),
    /// One stream at a time of a connection that others use, too.
    H2(Box<Place>),
    Failed(Failure),
    /// Its failure was taken out.
    Taken,
}

/// How a connection was made.
#[derive(Debug)]
pub(in crate::http) struct Made {
    pub(in crate::http) times: Times,
    pub(in crate::http) is_used: bool,
    pub(in crate::http) peer: Option<Address>,
    _place: Permit,
    _counted: Option<Counted>,
}

/// What was made, and what for.
enum Fresh {
    Alone(Box<H1>, Made),
    Shared(Sender, Arc<Line>, Option<Address>),
}

/// When it was begun, and how long each part took.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Times {
    pub(in crate::http) begun: Instant,
    pub(in crate::http) dns: Duration,
    pub(in crate::http) connect: Duration,
    pub(in crate::http) tls: Duration,
}

/// A connect that failed.
#[derive(Debug)]
pub(in crate::http) struct Failure {
    pub(in crate::http) at: Instant,
    pub(in crate::http) times: Times,
    pub(in crate::http) phase: Phase,
    pub(in crate::http) why: Why,
}

#[derive(Debug)]
pub(in crate::http) enum Why {
    Io(io::Error),
    TimedOut(Duration),
    Handshake(hyper::Error),
    NoPlace(String),
    /// Whoever wanted it has left.
    Unwanted,
}

/// An error that several get.
#[derive(Clone, Debug)]
pub(in crate::http) struct Repeated(Arc<dyn StdError + Send + Sync>);

impl Repeated {
    pub(super) fn new(error: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    pub(super) fn of(error: Arc<io::Error>) -> Self {
        Self(error)
    }

    /// The error itself.
    pub(in crate::http) fn inner(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Repeated {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// What a look at an idle connection may find.
#[derive(Debug, thiserror::Error)]
#[error("the other side has closed the connection")]
pub(in crate::http) struct Gone;

impl Manager for Dial {
    type Connection = Conn;
    type Error = Gone;

    async fn connect(&self) -> Result<Conn, Gone> {
        let conn = self.find().await;
        if matches!(conn, Conn::Failed(_) | Conn::Taken) {
            self.sweep_later();
        }
        Ok(conn)
    }

    /// A connection that the other side has closed is given up before somebody needs it.
    async fn check(&self, conn: &mut Conn) -> Result<(), Gone> {
        if self.is_broken(conn) { Err(Gone) } else { Ok(()) }
    }

    fn is_broken(&self, conn: &mut Conn) -> bool {
        match conn {
            Conn::H1(h1, _) => !h1.is_ready() || self.common.places.takes_one_of(self.number),
            Conn::H2(place) => {
                place.end();
                if !place.line.is_retired() && self.common.places.takes_one_of(self.number) {
                    place.line.retire();
                }
                !place.is_ready()
            }
            Conn::Failed(_) | Conn::Taken => true,
        }
    }
}

impl Dial {
    /// A place on a connection that is there, or a connection of its own.
    async fn find(&self) -> Conn {
        let Some(sharing) = &self.sharing else { return self.connect_alone().await };
        let failures = sharing.failures();
        loop {
            let changes = sharing.changes();
            match sharing.turn(failures) {
                Turn::Place(place) => return Conn::H2(place),
                Turn::Failed(failure) => return Conn::Failed(failure),
                Turn::Make(making) => return self.connect_for(making).await,
                Turn::Wait => changes.await,
            }
        }
    }

    /// What failed is for those in line. If there are none it would lie in the pool as if it were idle.
    fn sweep_later(&self) {
        let origin = Arc::clone(&self.origin);
        let sweep = async move {
            if let Some(origin) = origin.get().and_then(Weak::upgrade) {
                origin.pool.retain(|conn, _| !matches!(conn, Conn::Failed(_) | Conn::Taken));
            }
        };
        if self.is_unwanted() {
            self.common.rt.spawn("http.sweep", sweep).detach();
        }
    }

    async fn connect_alone(&self) -> Conn {
        let mut times = self.begun();
        match self.make(&mut times, None).await {
            Ok(Fresh::Alone(h1, made)) => Conn::H1(h1, made),
            // Nobody has offered it.
            Ok(Fresh::Shared(..)) | Err((_, Why::Unwanted)) => Conn::Taken,
            Err(why) => Conn::Failed(self.failure(times, why)),
        }
    }

    async fn connect_for(&self, mut making: Making) -> Conn {
        let mut times = self.begun();
        match self.make(&mut times, making.connection()).await {
            Ok(Fresh::Alone(h1, made)) => {
                making.alone();
                Conn::H1(h1, made)
            }
            Ok(Fresh::Shared(sender, line, peer)) => {
                Conn::H2(Box::new(making.shared(line, sender, times, peer)))
            }
            Err((_, Why::Unwanted)) => Conn::Taken,
            Err(why) => Conn::Failed(making.failed(self.failure(times, why))),
        }
    }

    fn begun(&self) -> Times {
        let begun = self.common.rt.now();
        Times { begun, dns: Duration::ZERO, connect: Duration::ZERO, tls: Duration::ZERO }
    }

    fn failure(&self, times: Times, (phase, why): (Phase, Why)) -> Failure {
        // None of the addresses answers, or whoever was asked for them does not.
        if matches!(phase, Phase::Connect | Phase::Dns) {
            let Target { host, port, proxy, .. } = &self.target;
            match proxy {
                Some(proxy) => self.common.names.forget(&proxy.host, proxy.port, times.begun),
                None => self.common.names.forget(host, *port, times.begun),
            }
        }
        Failure { at: self.common.rt.now(), times, phase, why }
    }

    async fn make(&self, times: &mut Times, counted: Option<Counted>) -> Result<Fresh, (Phase, Why)> {
        let Common { rt, timeouts, .. } = &*self.common;
        let place = self.place().await?;
        times.begun = rt.now();
        let mut last = times.begun;
        let mut lap = |rt: &Rt| {
            let now = rt.now();
            now.saturating_duration_since(std::mem::replace(&mut last, now))
        };
        let Target { host, port, is_https, proxy } = &self.target;
        let (first, first_port) = match proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (&**host, *port),
        };
        let names = &self.common.names;
        let found = self.within(Phase::Dns, timeouts.dns, names.lookup(first, first_port)).await;
        times.dns = lap(rt);
        let addresses = found?;
        let connecting = rt.connect_any(first, first_port, &addresses);
        let connected = self.within(Phase::Connect, timeouts.connect, connecting).await;
        times.connect = lap(rt);
        let mut connection = connected?;
        let peer = connection.peer_addr().ok();
        if let Some(proxy) = proxy {
            let tunnel = self.to_proxy(proxy, connection);
            let ready = self.within(Phase::Proxy, timeouts.connect, tunnel).await;
            times.connect += lap(rt);
            connection = ready?;
        }
        let mut is_http2 = false;
        if *is_https {
            let shaking = self.common.tls.connect(host, connection);
            let secured = self.within(Phase::Tls, timeouts.tls, shaking).await;
            times.tls = lap(rt);
            (connection, is_http2) = secured?;
        }
        if is_http2 {
            let io = Io::holding(connection, Box::new((place, counted)));
            let starting = h2::start(rt, io, &self.common.h2);
            let started = self.within(Phase::Connect, timeouts.connect, starting).await;
            times.connect += lap(rt);
            let (sender, line, driver) = started?;
            rt.spawn("http.h2", driver).detach();
            return Ok(Fresh::Shared(sender, line, peer));
        }
        let made = Made { times: *times, is_used: false, peer, _place: place, _counted: counted };
        let h1 = H1::new(Io::new(connection, *is_https), &self.common.h1).await;
        let h1 = h1.map_err(|error| (Phase::Connect, Why::Handshake(error)))?;
        Ok(Fresh::Alone(Box::new(h1), made))
    }

    /// What lies between a connection to a proxy and one through it.
    async fn to_proxy(&self, proxy: &Proxy, mut connection: BoxConnection) -> io::Result<BoxConnection> {
        if proxy.is_tls {
            connection = self.common.tls.connect_http1(&proxy.host, connection).await?;
        }
        let Target { host, port, is_https, .. } = &self.target;
        if !is_https {
            return Ok(connection);
        }
        let request = connect_request(host, *port, proxy).map_err(io::Error::other)?;
        connection.write_all(&request).await?;
        connection.flush().await?;
        let mut reply = ConnectReply::new(proxy.authorization.is_some());
        let mut buf = [0; 4096];
        loop {
            let n = connection.read(&mut buf).await?;
            if n == 0 {
                return Err(io::Error::other(reply.ended()));
            }
            if reply.feed(&buf[..n]).map_err(io::Error::other)? {
                return Ok(connection);
            }
        }
    }

    async fn within<T>(
        &self,
        phase: Phase,
        limit: Option<Duration>,
        future: impl Future<Output = io::Result<T>>,
    ) -> Result<T, (Phase, Why)> {
        let ended = match limit {
            None => Ok(future.await),
            Some(limit) => self.common.rt.timeout(limit, future).await,
        };
        match ended {
            Ok(ended) => ended.map_err(|error| (phase, Why::Io(error))),
            Err(elapsed) => Err((phase, Why::TimedOut(elapsed.limit))),
        }
    }

    /// A place among all connections of the client.
    async fn place(&self) -> Result<Permit, (Phase, Why)> {
        let Common { places, timeouts, .. } = &*self.common;
        if let Some(permit) = places.try_take() {
            return Ok(permit);
        }
        let in_line = places.enter(self.number);
        let waiting = async { Ok(self.press(&in_line).await) };
        let permit = self.within(Phase::Queue, timeouts.queue, waiting).await?;
        let permit = permit.map_err(|why| (Phase::Queue, why))?;
        in_line.serve();
        Ok(permit)
    }

    /// Waits for a place. The first in line closes connections elsewhere that nobody uses, one at a time; one that was just
    /// coming back is found by a later look.
    async fn press(&self, in_line: &InLine<'_>) -> Result<Permit, Why> {
        let Common { rt, places, origins, .. } = &*self.common;
        let mut taking = pin!(places.take());
        loop {
            if self.is_unwanted() {
                return Err(Why::Unwanted);
            }
            if in_line.is_first()
                && let Some(origins) = origins.upgrade()
            {
                origins.close_one_idle();
            }
            if let Ok(taken) = rt.timeout(LOOK_AGAIN, taking.as_mut()).await {
                return taken.map_err(|error| Why::NoPlace(error.to_string()));
            }
        }
    }

    /// Whether all have left that a connection could be for.
    fn is_unwanted(&self) -> bool {
        let origin = self.origin.get().and_then(Weak::upgrade);
        origin.is_some_and(|origin| origin.pool.stats().waiting == 0)
    }
}

/// How often one looks for connections to close while waiting for a place.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H1(..) => "H1",
            Self::H2(_) => "H2",
            Self::Failed(_) => "Failed",
            Self::Taken => "Taken",
        })
    }
}
