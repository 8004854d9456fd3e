//! The URL of a proxy.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::{Proxy, ProxyError};

/// Reads the proxy that the field or variable `source` names.
pub(super) fn proxy(source: &'static str, text: &str) -> Result<Proxy, ProxyError> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let refused = |reason: String| ProxyError::Url { source_name: source, value: shown(text), reason };
    let url = Url::parse(&with_scheme).map_err(|error| refused(error.to_string()))?;
    let is_tls = match url.scheme() {
        "http" => false,
        "https" => true,
        scheme if scheme.starts_with("socks") => {
            return Err(ProxyError::Socks { source_name: source, value: shown(text) });
        }
        scheme => return Err(refused(format!("its scheme is `{scheme}`, not `http` or `https`"))),
    };
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(refused("it has no host".to_owned())),
    };
    // A URL that was cut short by an unescaped `#`, `?` or `/` in its password ends up here.
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        let reason = "after host and port there is more; in a password write `/`, `?`, `#` as %2F, %3F, %23";
        return Err(refused(reason.to_owned()));
    }
    let port = url.port_or_known_default().filter(|port| *port != 0);
    let port = port.ok_or_else(|| refused("its port is 0".to_owned()))?;
    Ok(Proxy { host, port, is_tls, authorization: authorization(&url).map_err(refused)? })
}

/// RFC 7617.
fn authorization(url: &Url) -> Result<Option<HeaderValue>, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    if pair.contains(&b':') {
        return Err("there is a colon in the user, where Basic authentication has none".to_owned());
    }
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let header = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)));
    let mut header = header.map_err(|error| error.to_string())?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The URL of a proxy, however broken, without what may be a user and a password: everything up to its last `@`.
pub(in crate::http) fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let scheme =
        if scheme.is_empty() || scheme.contains('@') { String::new() } else { format!("{scheme}://") };
    match text.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}***@{host}"),
        None => format!("{scheme}{rest}"),
    }
}
