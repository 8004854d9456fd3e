//! Which hosts and paths a cookie is for: RFC 6265, sections 5.1.3 and 5.1.4, and the public suffix list.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The host as cookies have it: lower case, IDNA as `xn--`, IPv6 without brackets.
pub(super) fn of(url: &Url) -> Option<String> {
    let host = url.host()?;
    Some(match host {
        // Other schemes than those of the web keep the case.
        Host::Domain(name) if !name.is_empty() => name.to_ascii_lowercase(),
        Host::Domain(_) => return None,
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    })
}

/// The same for the text of a `Domain` attribute, without its leading dot.
pub(super) fn canonical(domain: &str) -> Option<String> {
    match Host::parse(domain).ok()? {
        Host::Domain(name) => Some(name),
        Host::Ipv4(ip) => Some(ip.to_string()),
        Host::Ipv6(ip) => Some(ip.to_string()),
    }
}

/// Whether this is a host as [`of`] writes it.
pub(super) fn is_canonical(host: &str) -> bool {
    match host.parse::<Ipv6Addr>() {
        Ok(ip) => ip.to_string() == host,
        Err(_) => canonical(host).is_some_and(|canonical| canonical == host),
    }
}

fn is_ip(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok()
}

/// Whether `host` is `domain` or below it. An IP address is below nothing.
pub(super) fn matches(host: &str, domain: &str) -> bool {
    if host == domain {
        return true;
    }
    let above = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    above && !domain.is_empty() && !is_ip(host)
}

/// `host` and the domains above it, `a.b.c`, `b.c`, `c`: all whose cookies it may get.
pub(super) fn with_parents(host: &str) -> impl Iterator<Item = &str> {
    let parents = if is_ip(host) { "" } else { host };
    let dots = parents.bytes().enumerate().filter(|(_, byte)| *byte == b'.');
    std::iter::once(host).chain(dots.map(|(i, _)| &host[i + 1..]))
}

/// Whether anybody may register names below `domain`, like `com`, `co.uk` or `github.io`. A name that is not on the list is
/// one if it has a single label.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    if is_ip(domain) {
        return false;
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    psl::suffix_str(domain).is_none_or(|suffix| suffix == domain)
}

/// Whether what is said cannot be heard on the way: TLS, or this machine. RFC 6265 leaves the second to the user agent, and
/// browsers treat it so.
pub(super) fn is_secure(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
        || match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
}

/// The path a cookie is for if it does not say.
pub(super) fn default_path(url: &Url) -> &str {
    let path = url.path();
    match path.rfind('/') {
        Some(last) if last > 0 && path.starts_with('/') => &path[..last],
        _ => "/",
    }
}

/// Whether `path` is `cookie` or below it.
pub(super) fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}
