//! Proxies: where they are named, what goes without one, and the tunnel.

mod config;
mod connect;
mod no_proxy;

use url::Url;

use super::{Config, Proxies, ProxyError};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What a config makes of an environment.
fn read(config: &Config, environment: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
    let variable = |name: &str| environment.iter().find(|(other, _)| *other == name);
    Proxies::with_environment(config, |name| variable(name).map(|(_, value)| (*value).to_owned()))
}

/// Where `to` goes through, as a URL.
fn through(proxies: &Proxies, to: &str) -> Option<String> {
    proxies.of(&url(to)).map(|proxy| proxy.to_string())
}
