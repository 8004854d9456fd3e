use std::time::Duration;

use crate::ConfigError;

/// How much a [`CookieJar`](super::CookieJar) holds. Checked once, when the jar is made.
///
/// The defaults are what the successor of RFC 6265 (`draft-ietf-httpbis-rfc6265bis`, "Limits") asks of a user agent at least.
/// A full jar takes about `cookies_max` times the size of a cookie, at worst some 12 MB.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many bytes the name and the value of a cookie have together; a greater one is refused. 1 to 65,536. Default:
    /// 4096.
    pub cookie_bytes_max: usize,
    /// How many cookies there are for one domain; beyond, those that were used longest ago go, and those without `Secure`
    /// first. 1 to 10,000. Default: 50.
    pub per_domain_max: usize,
    /// How many cookies there are in all; beyond, those that were used longest ago go. 1 to 1,000,000, and looked through
    /// for each cookie that is stored while the jar is full. Default: 3000.
    pub cookies_max: usize,
    /// How long a cookie lives at most, whatever it asks for; more than nothing. Default: 400 days.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub age_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cookie_bytes_max: 4096,
            per_domain_max: 50,
            cookies_max: 3000,
            age_max: Duration::from_secs(400 * 24 * 60 * 60),
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |field, value: usize, allowed| Err(ConfigError::new(field, value, allowed));
        if !(1..=65_536).contains(&self.cookie_bytes_max) {
            return refused("cookies::Config::cookie_bytes_max", self.cookie_bytes_max, "1 to 65536");
        }
        if !(1..=10_000).contains(&self.per_domain_max) {
            return refused("cookies::Config::per_domain_max", self.per_domain_max, "1 to 10000");
        }
        if !(1..=1_000_000).contains(&self.cookies_max) {
            return refused("cookies::Config::cookies_max", self.cookies_max, "1 to 1000000");
        }
        if self.age_max.is_zero() {
            let allowed = "more than nothing; to keep no cookies, use no jar";
            return Err(ConfigError::new("cookies::Config::age_max", "0s", allowed));
        }
        Ok(())
    }
}
