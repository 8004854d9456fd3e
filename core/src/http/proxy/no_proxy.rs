//! What goes without a proxy.
//!
//! `hyper-util` has a matcher too. It knows no ports, its `*` leaves out addresses, and what it cannot read it passes over.

use std::net::IpAddr;

use url::{Host, Url};

use super::ProxyError;

/// The entries of `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    what: What,
    /// `None` is any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Everything,
    /// This and all below it; in lower case, without dots at its ends.
    Domain(String),
    /// So many leading bits of an address.
    Network(IpAddr, u32),
}

impl NoProxy {
    pub(super) fn parse(source: &'static str, text: &str) -> Result<Self, ProxyError> {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        let refused = |entry: &str, reason| {
            let entry = entry.chars().take(100).collect();
            ProxyError::NoProxy { source_name: source, entry, reason }
        };
        let entries = entries.map(|entry| parse(entry).map_err(|reason| refused(entry, reason)));
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// The entries that can be understood; of each other one there is a warning.
    pub(super) fn lenient(source: &'static str, text: &str) -> Self {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        let understood = |entry: &str| {
            parse(entry)
                .inspect_err(|reason| {
                    let entry: String = entry.chars().take(100).collect();
                    tracing::warn!(name: "seaworthy.http.no_proxy_ignored", variable = source, entry, reason);
                })
                .ok()
        };
        Self(entries.filter_map(understood).collect())
    }

    pub(super) fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let port = url.port_or_known_default();
        let entries = self.0.iter().filter(|entry| entry.port.is_none() || entry.port == port);
        match host {
            Host::Domain(name) => entries.map(|entry| &entry.what).any(|what| what.covers_name(name)),
            Host::Ipv4(ip) => entries.map(|entry| &entry.what).any(|what| what.covers_ip(ip.into())),
            Host::Ipv6(ip) => entries.map(|entry| &entry.what).any(|what| what.covers_ip(ip.into())),
        }
    }
}

impl What {
    fn covers_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        match self {
            Self::Everything => true,
            Self::Domain(domain) => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(..) => false,
        }
    }

    fn covers_ip(&self, ip: IpAddr) -> bool {
        match self {
            Self::Everything => true,
            Self::Domain(_) => false,
            // `::ffff:10.0.0.1` is 10.0.0.1.
            Self::Network(network, bits) => same_network(ip.to_canonical(), *network, *bits),
        }
    }
}

fn same_network(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let differ = one.to_bits() ^ other.to_bits();
            differ.leading_zeros() >= bits
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let differ = one.to_bits() ^ other.to_bits();
            differ.leading_zeros() >= bits
        }
        _ => false,
    }
}

fn parse(entry: &str) -> Result<Entry, &'static str> {
    if let Some((address, bits)) = entry.split_once('/') {
        return Ok(Entry { what: network(address, bits)?, port: None });
    }
    if let Ok(ip) = entry.parse::<IpAddr>() {
        return Ok(Entry { what: host(ip), port: None });
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(self::port(port)?)),
        _ => (entry, None),
    };
    if name == "*" {
        return Ok(Entry { what: What::Everything, port });
    }
    if let Some(ip) = name.strip_prefix('[') {
        let ip = ip.strip_suffix(']').and_then(|ip| ip.parse::<IpAddr>().ok());
        return Ok(Entry { what: host(ip.ok_or("between the brackets is no IPv6 address")?), port });
    }
    // As in Go, and what people write.
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    let name = name.trim_matches('.');
    if name.is_empty() {
        return Err("it names no host");
    }
    // In the form in which hosts of URLs are.
    let what = match Host::parse(name) {
        Ok(Host::Domain(name)) => What::Domain(name),
        Ok(Host::Ipv4(ip)) => host(ip.into()),
        Ok(Host::Ipv6(ip)) => host(ip.into()),
        Err(_) => return Err("it is no host, address, network or `*`"),
    };
    Ok(Entry { what, port })
}

fn port(text: &str) -> Result<u16, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or("behind the colon is no port; IPv6 addresses with a port have brackets")
}

fn host(ip: IpAddr) -> What {
    let ip = ip.to_canonical();
    What::Network(ip, if ip.is_ipv4() { 32 } else { 128 })
}

fn network(address: &str, bits: &str) -> Result<What, &'static str> {
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    let ip: IpAddr = bare.parse().map_err(|_| "before the slash is no address")?;
    let bits_max = if ip.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| *bits <= bits_max);
    Ok(What::Network(ip, bits.ok_or("behind the slash is no number of bits of that address")?))
}
