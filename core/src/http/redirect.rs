//! Where a redirect leads, and what goes along.
//!
//! [`Policy`] is the config; [`Policy::next`] decides about one response and [`Follow::prepare`] makes the headers of the
//! next request. All of it is pure: it asks nobody and sends nothing.

mod error;
mod headers;
#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::LOCATION};
use url::Url;

pub use self::error::{RedirectError, Shown};
use crate::ConfigError;

/// Which redirects are followed. Checked once, when the client is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Policy {
    /// How many redirects one request follows; one more is an error, with the way it went. 0 follows none: the redirect
    /// itself is the response, and no error. At most 100. Default: 10.
    pub redirects_max: u32,
    /// Whether a redirect may lead from `https` to `http`, where anybody on the way can read and change what is said.
    /// Default: false, an error.
    pub allow_downgrade: bool,
    /// Whether a redirect to another scheme, host or port is an error. Default: false, they are followed without
    /// [secrets](Follow::prepare).
    pub same_origin_only: bool,
}

const REDIRECTS_MAX_MAX: u32 = 100;

impl Default for Policy {
    fn default() -> Self {
        Self { redirects_max: 10, allow_downgrade: false, same_origin_only: false }
    }
}

/// One response, as far as it decides whether there is another request.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// The method of the request that got it.
    pub method: &'a Method,
    /// The URL of that request.
    pub url: &'a Url,
    /// The URLs that were asked before, the first one first.
    pub before: &'a [Url],
    /// What body that request had.
    pub body: Body,
    /// The status of the response.
    pub status: StatusCode,
    /// The headers of the response.
    pub headers: &'a HeaderMap,
}

/// What body a request has, as far as redirects care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// One that can be sent again: bytes.
    Repeatable,
    /// One that is gone once it was sent: a stream.
    Once,
}

/// What follows from a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// It is the answer.
    Stay,
    /// There is another request.
    Follow(Follow),
}

/// The request that a redirect asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Follow {
    /// Its method.
    pub method: Method,
    /// Its URL. It has the fragment of the one before unless the redirect brought its own (RFC 9110, section 10.2.2).
    pub url: Url,
    /// Whether the body goes along. If not, neither do the headers that describe it.
    pub keep_body: bool,
    /// Whether scheme, host or port change. If so, secrets stay behind.
    pub crosses_origin: bool,
}

impl Policy {
    /// Follows no redirect: it is the response.
    pub fn none() -> Self {
        Self::limited(0)
    }

    /// Follows so many redirects, and is otherwise the default.
    pub fn limited(redirects_max: u32) -> Self {
        Self { redirects_max, ..Self::default() }
    }

    /// Checks the fields.
    ///
    /// # Errors
    ///
    /// If one of them is refused.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.redirects_max > REDIRECTS_MAX_MAX {
            let allowed = "at most 100";
            return Err(ConfigError::new("redirect::Policy::redirects_max", self.redirects_max, allowed));
        }
        Ok(())
    }

    /// Decides what follows from a response.
    ///
    /// 301, 302, 303, 307 and 308 with one readable `Location` are redirects; 300 and 304 are not, and a `Location` that is
    /// missing, empty, not UTF-8 or contradicted by a second one leads nowhere: then the response is the answer.
    /// 301 and 302 turn POST into GET, 303 everything but HEAD, and the body stays behind; otherwise method and body stay
    /// as they are (RFC 9110, section 15.4).
    ///
    /// # Errors
    ///
    /// If the redirect may not or cannot be followed. The error says why and shows no password.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderMap, Method, StatusCode};
    /// use seaworthy_core::http::redirect::{Body, Hop, Next, Policy};
    /// use url::Url;
    ///
    /// let url = Url::parse("https://example.org/form#top")?;
    /// let headers = HeaderMap::from_iter([(http::header::LOCATION, "/thanks".parse()?)]);
    /// let hop = Hop {
    ///     method: &Method::POST,
    ///     url: &url,
    ///     before: &[],
    ///     body: Body::Repeatable,
    ///     status: StatusCode::SEE_OTHER,
    ///     headers: &headers,
    /// };
    /// let Next::Follow(follow) = Policy::default().next(&hop)? else { panic!("it is a redirect") };
    /// assert_eq!(follow.url.as_str(), "https://example.org/thanks#top");
    /// assert_eq!((follow.method, follow.keep_body, follow.crosses_origin), (Method::GET, false, false));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn next(&self, hop: &Hop<'_>) -> Result<Next, RedirectError> {
        let Some(location) = self.location(hop) else { return Ok(Next::Stay) };
        let url = target(hop.url, location)?;
        let from = hop.url;
        let crosses_origin = url.origin() != from.origin();
        if hop.before.len() >= self.redirects_max as usize {
            let chain = hop.before.iter().chain([from, &url]).map(Shown::new).collect();
            return Err(RedirectError::TooMany { redirects_max: self.redirects_max, chain });
        }
        if !self.allow_downgrade && from.scheme() == "https" && url.scheme() == "http" {
            return Err(RedirectError::Downgrade { from: Shown::new(from), to: Shown::new(&url) });
        }
        if self.same_origin_only && crosses_origin {
            return Err(RedirectError::OtherOrigin { from: Shown::new(from), to: Shown::new(&url) });
        }
        let method = method(hop.method, hop.status);
        let keep_body =
            hop.body != Body::None && hop.status != StatusCode::SEE_OTHER && method == *hop.method;
        if keep_body && hop.body == Body::Once {
            return Err(RedirectError::BodyGone { status: hop.status, to: Shown::new(&url) });
        }
        Ok(Next::Follow(Follow { method, url, keep_body, crosses_origin }))
    }

    fn location<'a>(&self, hop: &Hop<'a>) -> Option<&'a str> {
        let redirects = matches!(hop.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        if self.redirects_max == 0 || !redirects {
            return None;
        }
        let mut locations = hop.headers.get_all(LOCATION).iter().map(HeaderValue::as_bytes);
        let location = locations.next()?;
        if locations.any(|other| other != location) {
            return None;
        }
        let location = str::from_utf8(location).ok()?.trim();
        (!location.is_empty()).then_some(location)
    }
}

/// Resolves a `Location`.
fn target(from: &Url, location: &str) -> Result<Url, RedirectError> {
    let mut url = from.join(location).map_err(|source| RedirectError::Unreadable {
        from: Shown::new(from),
        location: error::shown_location(location),
        source,
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RedirectError::Scheme { scheme: url.scheme().to_owned(), from: Shown::new(from) });
    }
    let userinfo = |url: &Url| (url.username().to_owned(), url.password().map(str::to_owned));
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    // A relative reference keeps the user's own, which stay where they were.
    if has_credentials && (userinfo(&url) != userinfo(from) || url.origin() != from.origin()) {
        return Err(RedirectError::Credentials { from: Shown::new(from), to: Shown::new(&url) });
    }
    if url.fragment().is_none() {
        url.set_fragment(from.fragment());
    }
    Ok(url)
}

fn method(method: &Method, status: StatusCode) -> Method {
    match status.as_u16() {
        301 | 302 if *method == Method::POST => Method::GET,
        303 if *method != Method::HEAD => Method::GET,
        _ => method.clone(),
    }
}

impl Follow {
    /// Makes the headers of the request before into those of this one.
    ///
    /// If scheme, host or port change, secrets go: `Authorization`, `Cookie`, `Cookie2`, `Proxy-Authorization`,
    /// `WWW-Authenticate`, `secret` (the names of your own key headers), and whatever is marked
    /// [sensitive](HeaderValue::is_sensitive); so does `Host`, which names another one. If the body stays behind, so do the
    /// headers that describe it.
    pub fn prepare(&self, headers: &mut HeaderMap, secret: &[HeaderName]) {
        if self.crosses_origin {
            headers::strip_secrets(headers, secret);
        }
        if !self.keep_body {
            headers::strip_body(headers);
        }
    }
}
