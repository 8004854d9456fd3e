use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    pin::Pin,
    str::FromStr,
    task::Poll,
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{Address, BoxConnection, Rt};

/// The pause before the next address is tried beside the one under way (RFC 8305, section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Where to connect to: a name still to be looked up, or an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A host name, or an IP address as text, and a port.
    Host {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// An address that needs no lookup.
    Address(Address),
}

impl From<(&str, u16)> for Endpoint {
    fn from((host, port): (&str, u16)) -> Self {
        Self::Host { host: host.to_owned(), port }
    }
}

impl From<(String, u16)> for Endpoint {
    fn from((host, port): (String, u16)) -> Self {
        Self::Host { host, port }
    }
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl From<&Address> for Endpoint {
    fn from(address: &Address) -> Self {
        Self::Address(address.clone())
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address.into())
    }
}

impl From<([u8; 4], u16)> for Endpoint {
    fn from(address: ([u8; 4], u16)) -> Self {
        Self::Address(address.into())
    }
}

impl From<(IpAddr, u16)> for Endpoint {
    fn from(address: (IpAddr, u16)) -> Self {
        Self::Address(address.into())
    }
}

impl From<PathBuf> for Endpoint {
    fn from(path: PathBuf) -> Self {
        Self::Address(path.into())
    }
}

/// Text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no endpoint: write host:port, [ipv6]:port or unix:/path")]
pub struct ParseEndpointError {
    text: String,
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    /// Reads `host:port`, `[ipv6]:port` or `unix:/path`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Address(Address::Unix(path.into())));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let split = text.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains(':'));
        let parsed = split.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        parsed.map(Self::from).ok_or_else(|| ParseEndpointError { text: text.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port } => write!(f, "{host}:{port}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

pub(super) async fn connect(rt: &Rt, to: Endpoint) -> io::Result<BoxConnection> {
    let addresses = match &to {
        Endpoint::Address(address) => vec![address.clone()],
        Endpoint::Host { host, port } => match host.parse::<IpAddr>() {
            Ok(ip) => vec![Address::from((ip, *port))],
            Err(_) => take_turns(rt.resolve(host, *port).await?).map(Address::Tcp).collect(),
        },
    };
    race(rt, addresses).await.map_err(|failures| failures.into_error(&to))
}

/// Connects to one of the addresses that were found for `host`.
#[cfg(feature = "http")]
pub(super) async fn connect_any(
    rt: &Rt,
    host: &str,
    port: u16,
    addresses: &[SocketAddr],
) -> io::Result<BoxConnection> {
    let addresses = take_turns(addresses.to_vec()).map(Address::Tcp).collect();
    race(rt, addresses).await.map_err(|failures| failures.into_error(&(host, port).into()))
}

/// The addresses with their families taking turns, the first one's family first (RFC 8305, section 4).
fn take_turns(addresses: Vec<SocketAddr>) -> impl Iterator<Item = SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut these, mut others): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    std::iter::from_fn(move || {
        let next = these.pop_front();
        if !others.is_empty() {
            std::mem::swap(&mut these, &mut others);
        }
        next.or_else(|| these.pop_front())
    })
}

enum Step {
    Connected(BoxConnection),
    Failed(Address, io::Error),
    DelayOver,
}

async fn race(rt: &Rt, addresses: Vec<Address>) -> Result<BoxConnection, Failures> {
    let mut waiting = VecDeque::from(addresses);
    let mut attempts = FuturesUnordered::new();
    let mut failures = Failures::default();
    loop {
        match waiting.pop_front() {
            Some(address) => attempts.push(attempt(rt, address)),
            None if attempts.is_empty() => return Err(failures),
            None => {}
        }
        let delay = (!waiting.is_empty()).then(|| rt.sleep(ATTEMPT_DELAY));
        // With nothing left to start, the first failure is no reason to give up on the others.
        match next_step(&mut attempts, delay).await {
            Step::Connected(connection) => return Ok(connection),
            Step::DelayOver => {}
            Step::Failed(address, error) => failures.0.push((address, error)),
        }
    }
}

type Attempt = BoxFuture<'static, Result<BoxConnection, (Address, io::Error)>>;

fn attempt(rt: &Rt, address: Address) -> Attempt {
    rt.runtime().net().connect(&address).map(|connected| connected.map_err(|error| (address, error))).boxed()
}

async fn next_step(attempts: &mut FuturesUnordered<Attempt>, mut delay: Option<super::Sleep>) -> Step {
    poll_fn(|cx| {
        // Attempts first: a connection that is there is not to be raced by another.
        if let Poll::Ready(Some(attempted)) = attempts.poll_next_unpin(cx) {
            return Poll::Ready(match attempted {
                Ok(connection) => Step::Connected(connection),
                Err((address, error)) => Step::Failed(address, error),
            });
        }
        match delay.as_mut().map(|delay| Pin::new(delay).poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Step::DelayOver),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    })
    .await
}

#[derive(Default)]
struct Failures(Vec<(Address, io::Error)>);

impl Failures {
    fn into_error(self, to: &Endpoint) -> io::Error {
        let kind = self.0.last().map_or(io::ErrorKind::NotFound, |(_, error)| error.kind());
        let mut text = format!("cannot connect to {to}");
        match self.0.as_slice() {
            [] => text.push_str(": the name has no addresses"),
            [(_, error)] => text.push_str(&format!(": {error}")),
            many => {
                for (address, error) in many {
                    text.push_str(&format!("; {address}: {error}"));
                }
            }
        }
        io::Error::new(kind, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        take_turns(addresses).map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn families_take_turns_and_none_is_lost() {
        assert_eq!(turns(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]), ["::1", "1.1.1.1", "::2", "::3"]);
        assert_eq!(turns(&["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"]), ["1.1.1.1", "::1", "2.2.2.2"]);
        assert_eq!(turns(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]), ["1.1.1.1", "::1", "::2"]);
        assert!(turns(&[]).is_empty());
    }

    #[test]
    fn a_name_without_addresses_is_an_error() {
        crate::testing::run(1, |rt| async move {
            // No resolver may say so, but one of another's binding might.
            let failures = race(&rt, Vec::new()).await.expect_err("nowhere to go");
            let error = failures.into_error(&("db", 5432).into());
            assert_eq!(error.to_string(), "cannot connect to db:5432: the name has no addresses");
        });
    }

    #[test]
    fn endpoints_are_read_and_shown() {
        for text in ["example.org:80", "1.2.3.4:5", "[::1]:8080", "unix:/run/x.sock"] {
            assert_eq!(text.parse::<Endpoint>().expect(text).to_string(), text);
        }
        for text in ["", "example.org", "example.org:", ":80", "host:99999", "::1", "unix:", "a:b:1"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
