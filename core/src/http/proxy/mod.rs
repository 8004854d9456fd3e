//! Which proxy a request goes through.
//!
//! [`Proxies::of`] answers for a URL. `http` goes to its proxy with the whole URL in the request line; for `https` the proxy
//! is asked for a tunnel by [`connect_request`], and [`ConnectReply`] reads what it says.

mod config;
mod connect;
mod error;
mod no_proxy;
mod parse;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use http::HeaderValue;
use url::Url;

use self::no_proxy::NoProxy;
pub use self::{
    config::Config,
    connect::{ConnectReply, connect_request},
    error::{ConnectError, ProxyError},
};
pub(super) use parse::shown;

/// A proxy for HTTP.
///
/// Its `Debug` does not show the password. Two are equal if the same connections may be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Proxy {
    /// Its host; IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection to the proxy itself is encrypted.
    pub is_tls: bool,
    /// The value of `Proxy-Authorization`, if its URL had a user or a password: Basic (RFC 7617), marked
    /// [sensitive](HeaderValue::is_sensitive). It is for the proxy alone: in the request itself for `http`, in the request
    /// for the tunnel for `https`, and never inside the tunnel.
    pub authorization: Option<HeaderValue>,
}

/// The proxies of a client, and what goes without one.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    no_proxy: NoProxy,
}

impl Proxies {
    /// Reads the config, and the environment if it says so: here and at no other time.
    ///
    /// # Errors
    ///
    /// If a proxy or an exception cannot be understood. It names the field or the variable and shows no password.
    pub fn new(config: &Config) -> Result<Self, ProxyError> {
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self::with_environment(config, variable)
    }

    /// The same, with an environment of your own.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use seaworthy_core::http::proxy::{Config, Proxies};
    /// use url::Url;
    ///
    /// let variable = |name: &str| match name {
    ///     "https_proxy" => Some("http://user:secret@proxy.example:3128".to_owned()),
    ///     "no_proxy" => Some("internal.example,10.0.0.0/8".to_owned()),
    ///     _ => None,
    /// };
    /// let proxies = Proxies::with_environment(&Config::from_env(), variable)?;
    /// let proxy = proxies.of(&Url::parse("https://example.org/")?).unwrap();
    /// assert_eq!((proxy.host.as_str(), proxy.port, proxy.is_tls), ("proxy.example", 3128, false));
    /// assert!(proxies.of(&Url::parse("https://a.internal.example/")?).is_none());
    /// assert!(proxies.of(&Url::parse("http://example.org/")?).is_none(), "there is none for http");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_environment(
        config: &Config,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ProxyError> {
        let sources = config.resolve(variable);
        let read = |source: Option<config::Source>| {
            source.map(|source| parse::proxy(source.name, &source.text).map(Arc::new)).transpose()
        };
        let no_proxy = match sources.no_proxy {
            // The environment is written for other programs, too, and they pass over what they do not understand.
            Some(source) if config.no_proxy.is_none() => Some(NoProxy::lenient(source.name, &source.text)),
            Some(source) => Some(NoProxy::parse(source.name, &source.text)?),
            None => None,
        };
        Ok(Self {
            http: read(sources.http)?,
            https: read(sources.https)?,
            no_proxy: no_proxy.unwrap_or_default(),
        })
    }

    /// The proxy for a URL, `None` to go there directly.
    ///
    /// Hosts on this machine are not special: if `localhost` shall go without, say so in `no_proxy`.
    pub fn of(&self, url: &Url) -> Option<Arc<Proxy>> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref()?,
            "https" => self.https.as_ref()?,
            _ => return None,
        };
        (!self.no_proxy.covers(url)).then(|| proxy.clone())
    }
}

impl fmt::Display for Proxy {
    /// As a URL without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", connect::authority(&self.host, self.port))
    }
}
