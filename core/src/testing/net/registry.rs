use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use super::{Network, listener::Backlog};
use crate::rt::Address;

/// The first port that is handed out where none was asked for (RFC 6335, section 6).
const FIRST_FREE_PORT: u16 = 49_152;

/// Who listens where, in one run.
pub(in crate::testing) struct Registry {
    listening: BTreeMap<Address, Arc<Backlog>>,
    next_port: u16,
    connections: u64,
    network: Network,
    is_closed: bool,
}

impl Registry {
    pub(in crate::testing) fn new(network: Network) -> Self {
        Self {
            listening: BTreeMap::new(),
            next_port: FIRST_FREE_PORT,
            connections: 0,
            network,
            is_closed: false,
        }
    }

    /// The end of the run. What was here may hold the runtime, which holds this: it is dropped by the caller.
    pub(in crate::testing) fn close(&mut self) -> Self {
        let empty = Self { is_closed: true, ..Self::new(Network::default()) };
        std::mem::replace(self, empty)
    }

    pub(super) fn network(&self) -> Network {
        self.network.clone()
    }

    /// Takes an address to listen on.
    pub(super) fn listen(&mut self, on: &Address) -> io::Result<Arc<Backlog>> {
        if self.is_closed {
            return Err(io::Error::other("the test runtime has ended"));
        }
        let on = match on {
            Address::Unix(path) if path.as_os_str().is_empty() => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a Unix address needs a path"));
            }
            Address::Unix(_) if self.listening.contains_key(on) => {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            Address::Unix(_) => on.clone(),
            Address::Tcp(address) => Address::Tcp(self.claim(*address)?),
        };
        let backlog = Arc::new(Backlog::new(on.clone()));
        self.listening.insert(on, Arc::clone(&backlog));
        Ok(backlog)
    }

    fn claim(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        if !is_local(address.ip()) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        if address.port() != 0 {
            let is_free = !self.is_taken(address);
            return is_free.then_some(address).ok_or_else(|| io::ErrorKind::AddrInUse.into());
        }
        for _ in FIRST_FREE_PORT..=u16::MAX {
            let free = SocketAddr::new(address.ip(), self.free_port());
            if !self.is_taken(free) {
                return Ok(free);
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Whether someone listens there: on the very address, or on all addresses of the family.
    fn is_taken(&self, address: SocketAddr) -> bool {
        self.listening.keys().filter_map(Address::tcp).any(|taken| {
            let (ours, theirs) = (address.ip(), taken.ip());
            taken.port() == address.port()
                && ours.is_ipv4() == theirs.is_ipv4()
                && (ours == theirs || ours.is_unspecified() || theirs.is_unspecified())
        })
    }

    pub(super) fn free_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
        port
    }

    pub(super) fn next_connection(&mut self) -> u64 {
        self.connections += 1;
        self.connections - 1
    }

    /// Who listens at `to`.
    pub(super) fn find(&self, to: &Address) -> io::Result<Arc<Backlog>> {
        let Some(address) = to.tcp() else {
            return self.listening.get(to).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        };
        if !is_local(address.ip()) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let any = Address::from((unspecified(address.ip()), address.port()));
        let found = self.listening.get(to).or_else(|| self.listening.get(&any));
        found.cloned().ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    /// Frees an address, if it is still held by `backlog`.
    pub(super) fn remove(&mut self, address: &Address, backlog: &Arc<Backlog>) -> Option<Arc<Backlog>> {
        let is_held = self.listening.get(address).is_some_and(|held| Arc::ptr_eq(held, backlog));
        if is_held { self.listening.remove(address) } else { None }
    }
}

fn unspecified(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

/// Whether a host of the test network may have this address: loopback, private, link-local.
fn is_local(ip: IpAddr) -> bool {
    let is_private = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    ip.is_loopback() || ip.is_unspecified() || is_private
}
