use std::time::Duration;

use crate::ConfigError;

/// The bounds of a [`Server`](super::Server) or a [`Proxy`](super::Proxy). Checked once, when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many connections are open at once, at least 1; the next ones wait to be accepted. Default: 1,024.
    pub connections_max: usize,
    /// The longest head of a request, 1 KiB to 16 MiB; a longer one is answered with 431. Default: 64 KiB.
    pub head_bytes_max: usize,
    /// The longest body of a request; a longer one is answered with 413. Default: 1 GiB. It is not kept in memory.
    pub body_bytes_max: u64,
    /// How much of a body the ledger keeps; of a longer one it has the length and a hash. Default: 1 MiB.
    pub body_bytes_kept_max: usize,
    /// How many requests the ledger keeps, the latest, at least 1. Default: 10,000.
    pub requests_max: usize,
    /// How much of something endless is sent before the connection is reset, at least 1. Default: 64 MiB.
    pub endless_bytes_max: u64,
    /// How long a connection may wait for its next request before it is closed without a word. Default: for ever.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub idle_max: Option<Duration>,
    /// How long to read on, after the last reply, what a client is still sending. Default: 1 s.
    ///
    /// A socket that is closed with something unread in it is reset, and the reply may be lost with it (RFC 9112,
    /// section 9.6).
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub linger_max: Duration,
    /// Whether a client that `Expect`s it is sent `100 Continue`. Default: yes.
    ///
    /// With `false` the server waits for the body all the same, as an old one does: the client has to lose patience.
    pub continues: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            head_bytes_max: 64 << 10,
            body_bytes_max: 1 << 30,
            body_bytes_kept_max: 1 << 20,
            requests_max: 10_000,
            endless_bytes_max: 64 << 20,
            idle_max: None,
            linger_max: Duration::from_secs(1),
            continues: true,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.connections_max == 0 {
            return Err(ConfigError::new("testing::http::Config::connections_max", 0, "at least 1"));
        }
        if !(1 << 10..=16 << 20).contains(&self.head_bytes_max) {
            let field = "testing::http::Config::head_bytes_max";
            return Err(ConfigError::new(field, self.head_bytes_max, "1024 to 16777216"));
        }
        if self.requests_max == 0 {
            return Err(ConfigError::new("testing::http::Config::requests_max", 0, "at least 1"));
        }
        if self.endless_bytes_max == 0 {
            return Err(ConfigError::new("testing::http::Config::endless_bytes_max", 0, "at least 1"));
        }
        if self.idle_max == Some(Duration::ZERO) {
            let allowed = "more than nothing; `None` for ever";
            return Err(ConfigError::new("testing::http::Config::idle_max", "0s", allowed));
        }
        Ok(())
    }
}
