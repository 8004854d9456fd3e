//! Cookies: what RFC 6265 and its successor, `draft-ietf-httpbis-rfc6265bis`, ask of a user agent.
//!
//! A [`CookieJar`] keeps what servers set and says what goes along with a request. It asks nobody: each call is told the
//! time. Public suffixes (`com`, `co.uk`, `github.io`) are those of Mozilla's list as it was when the crate `psl` was built.

mod config;
mod cookie;
mod date;
mod domain;
mod parse;
mod persist;
mod store;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::SystemTime};

use http::HeaderValue;
use parking_lot::Mutex;
use url::Url;

pub use self::{
    config::Config,
    cookie::{Cookie, SameSite},
    persist::LoadError,
    store::Stats,
};
use self::{cookie::Refused, store::Store};
use crate::ConfigError;

/// Cookies, kept between requests. A clone is the same jar.
///
/// # What it guarantees
///
/// - A cookie goes to the hosts and paths it was set for, and no others: no site sets one for another or for a public suffix.
/// - `Secure` cookies are set by and sent to `https` only, and this machine itself (`localhost`, 127.0.0.1, ::1) as browsers
///   have it. Who is not secure cannot replace, hide or remove one. `__Secure-` and `__Host-` names keep their promises.
/// - It is bounded, by [`Config`].
/// - `SameSite` is kept and shown, but decides nothing: there is no page that one site shows within another.
///
/// A `Set-Cookie` that is not UTF-8 is refused; RFC 6265 knows only bytes. What is refused is counted, and told to `tracing`
/// at level debug (`seaworthy.http.cookie_refused`) with the reason and never the value.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
/// use http::HeaderValue;
/// use seaworthy_core::http::CookieJar;
/// use url::Url;
///
/// let (jar, now) = (CookieJar::default(), SystemTime::UNIX_EPOCH);
/// let login = Url::parse("https://www.example.org/login")?;
/// jar.store(now, &login, [&HeaderValue::from_static("id=7; Domain=example.org; Path=/; Secure; Max-Age=60")]);
///
/// let header = jar.header(now, &Url::parse("https://api.example.org/v1")?);
/// assert_eq!(header.unwrap(), "id=7");
/// assert!(jar.header(now, &Url::parse("http://api.example.org/v1")?).is_none(), "it is for https");
/// assert!(jar.header(now, &Url::parse("https://example.com/")?).is_none(), "it is for example.org");
/// # Ok::<_, url::ParseError>(())
/// ```
#[derive(Clone)]
pub struct CookieJar(Arc<Mutex<Store>>);

impl CookieJar {
    /// Makes an empty jar.
    ///
    /// # Errors
    ///
    /// If the config is refused.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self(Arc::new(Mutex::new(Store::new(config)))))
    }

    /// Takes the `Set-Cookie` headers of a response to a request for `url`, in their order.
    pub fn store<'a>(
        &self,
        now: SystemTime,
        url: &Url,
        set_cookie: impl IntoIterator<Item = &'a HeaderValue>,
    ) {
        // One by one: the iterator is the caller's, and does not run under the lock.
        for header in set_cookie {
            let stored = self.0.lock().set(now, url, header.as_bytes());
            if let Err(reason) = stored {
                tracing::debug!(
                    name: "seaworthy.http.cookie_refused",
                    host = url.host_str().unwrap_or_default(),
                    reason = %reason,
                    "a cookie was refused"
                );
            }
        }
    }

    /// The `Cookie` header of a request for `url`, marked [sensitive](HeaderValue::is_sensitive), if there are cookies for
    /// it: those with longer paths first, then those that were first set earlier.
    pub fn header(&self, now: SystemTime, url: &Url) -> Option<HeaderValue> {
        let text = self.0.lock().header(now, url)?;
        let mut header = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// All cookies that have not expired, as they are now: by domain, and within one in the order they were first set.
    pub fn iter(&self, now: SystemTime) -> std::vec::IntoIter<Cookie> {
        self.0.lock().all(now).cloned().collect::<Vec<_>>().into_iter()
    }

    /// Removes what has this domain, path and name, and says how many it were: there may be one for the host alone and one
    /// for it and all hosts below it.
    pub fn remove(&self, domain: &str, path: &str, name: &str) -> usize {
        self.0.lock().remove(domain, path, name)
    }

    /// Removes all.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// What it holds and what became of the rest.
    pub fn stats(&self) -> Stats {
        self.0.lock().stats()
    }

    /// All cookies that outlive a session, as lines of JSON, to be [loaded](Self::load) again. They are secrets: keep the
    /// text where only its owner can read it.
    pub fn save(&self, now: SystemTime) -> String {
        persist::save(self.iter(now))
    }

    /// Adds what [`save`](Self::save) wrote, and says how many it read. What has expired since is left out, and a cookie
    /// that is there already is replaced. Empty lines count for nothing. The bounds of this jar hold.
    ///
    /// # Errors
    ///
    /// If a line is no cookie, or one that this jar would not have stored. Then nothing is added.
    pub fn load(&self, now: SystemTime, text: &str) -> Result<usize, LoadError> {
        let config = self.0.lock().config().clone();
        let cookies = persist::load(now, text, &config)?;
        let read = cookies.len();
        let mut store = self.0.lock();
        for cookie in cookies {
            store.put(now, cookie);
        }
        Ok(read)
    }
}

impl Default for CookieJar {
    /// An empty jar with the default config.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Store::new(Config::default()))))
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
