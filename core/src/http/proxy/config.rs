use std::fmt;

use super::parse;

/// Which proxies a client uses. Checked once, when the client is made.
///
/// A proxy is a URL, `http://user:password@host:port`; without a scheme it is `http`, without a port that of the scheme, and
/// `https` encrypts the way to the proxy itself. SOCKS is refused: it is not supported yet.
///
/// `Debug` does not show passwords; what serde writes has them.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// The proxy for `http` URLs. Default: that of the environment.
    pub http: Option<String>,
    /// The proxy for `https` URLs. Default: that of the environment.
    pub https: Option<String>,
    /// What goes without a proxy; an empty text means nothing does. Default: what the environment says.
    ///
    /// Entries stand between commas or spaces. `example.org` and `.example.org` mean that host and all below it, `10.0.0.1`,
    /// `[::1]` and `10.0.0.0/8` addresses (names are not looked up), `*` everything. `example.org:8080` and `[::1]:8080` mean
    /// that port only. An entry that cannot be understood is refused here, and passed over with a warning in the environment.
    pub no_proxy: Option<String>,
    /// Whether what is `None` above is read from the environment, as curl does: `http_proxy`, `https_proxy`, `all_proxy` for
    /// both, `no_proxy`, or the same in capitals; empty counts as missing. In a CGI program (`REQUEST_METHOD` is set)
    /// `http_proxy` is not read, because there whoever sends a header `Proxy` would set it ("httpoxy"). Default: true.
    pub from_env: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self::from_env()
    }
}

impl Config {
    /// What the environment says.
    pub fn from_env() -> Self {
        Self { http: None, https: None, no_proxy: None, from_env: true }
    }

    /// No proxy, whatever the environment says.
    pub fn none() -> Self {
        Self { from_env: false, ..Self::from_env() }
    }

    /// Where each part comes from.
    pub(super) fn resolve(&self, variable: impl Fn(&str) -> Option<String>) -> Sources {
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let env = |names: &[&'static str]| {
            let names = names.iter().filter(|_| self.from_env);
            let mut set = names.filter_map(|name| Some(Source { name, text: variable(name)? }));
            set.find(|source| !source.text.trim().is_empty())
        };
        let all = || env(&["all_proxy", "ALL_PROXY"]);
        let field = |name, text: &Option<String>| text.clone().map(|text| Source { name, text });
        let http = || if is_cgi { None } else { env(&["http_proxy", "HTTP_PROXY"]) };
        Sources {
            http: field("proxy::Config::http", &self.http).or_else(http).or_else(all),
            https: field("proxy::Config::https", &self.https)
                .or_else(|| env(&["https_proxy", "HTTPS_PROXY"]))
                .or_else(all),
            no_proxy: field("proxy::Config::no_proxy", &self.no_proxy)
                .or_else(|| env(&["no_proxy", "NO_PROXY"])),
        }
    }
}

pub(super) struct Sources {
    pub(super) http: Option<Source>,
    pub(super) https: Option<Source>,
    pub(super) no_proxy: Option<Source>,
}

/// A text, and the field or the variable it is from.
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) text: String,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &Option<String>| url.as_deref().map(parse::shown);
        f.debug_struct("Config")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("no_proxy", &self.no_proxy)
            .field("from_env", &self.from_env)
            .finish()
    }
}
