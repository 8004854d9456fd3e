//! The HTTP client over real sockets: against our own server with faults, and against peers that others have written.

mod httpbin;
mod own;
mod peer;
mod proxied;

use std::time::Duration;

use seaworthy::{
    http::{Client, Config, Retry, Roots, TlsConfig, proxy},
    rt::Rt,
    time::Backoff,
};

/// The same on each runtime that is built in.
fn on_each_runtime<F: Future<Output = ()> + Send + 'static>(test: impl Fn(Rt) -> F) {
    #[cfg(feature = "tokio")]
    seaworthy::tokio::run(&test);
    #[cfg(feature = "smol")]
    seaworthy::smol::run(&test);
}

/// Nothing of the machine's own, and no pauses worth the name.
fn config() -> Config {
    let backoff =
        Backoff { initial: Duration::from_millis(1), max: Duration::from_millis(5), ..Backoff::default() };
    Config {
        proxy: proxy::Config::none(),
        tls: TlsConfig { roots: Roots::None, ..TlsConfig::default() },
        retry: Retry { backoff, ..Retry::default() },
        ..Config::default()
    }
}

fn client(rt: &Rt, config: Config) -> Client {
    Client::new(rt, config).expect("a good config")
}
