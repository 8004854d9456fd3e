use std::{fmt, time::SystemTime};

/// A cookie of a [`CookieJar`](super::CookieJar).
///
/// Its `Debug` does not show the value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name; it may be empty.
    pub name: String,
    /// Its value, as it was sent: nothing is decoded.
    pub value: String,
    /// The host it is for, in lower case, IDNA as `xn--`, IPv6 without brackets.
    pub domain: String,
    /// Whether it is for that host alone, and not for those below it.
    pub host_only: bool,
    /// The path it is for, and all below it.
    pub path: String,
    /// Whether it is for `https` only.
    pub secure: bool,
    /// Whether scripts in a browser may not see it.
    pub http_only: bool,
    /// Which requests of other sites it goes along with in a browser, if it says so.
    pub same_site: Option<SameSite>,
    /// When it expires; `None` at the end of the session, which is that of the jar.
    pub expires: Option<SystemTime>,
}

/// `SameSite`: which requests of other sites a cookie goes along with in a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// None.
    Strict,
    /// Following a link.
    Lax,
    /// All.
    None,
}

/// Why a cookie was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the URL has no host")]
    NoHost,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("there is a control character in it")]
    ControlCharacter,
    #[error("it has neither name nor value")]
    Empty,
    #[error("name and value are longer than `cookie_bytes_max`")]
    TooLarge,
    #[error("its domain is no host name")]
    NoDomain,
    #[error("its domain is a public suffix")]
    PublicSuffix,
    #[error("its domain is not that of the host that set it")]
    OtherDomain,
    #[error("it is `Secure` and was not set over https")]
    NotSecure,
    #[error("it would hide a `Secure` cookie and was not set over https")]
    HidesSecure,
    #[error("it does not keep the promise of its name, `__Secure-` or `__Host-`")]
    Prefix,
}

impl SameSite {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let known = [("strict", Self::Strict), ("lax", Self::Lax), ("none", Self::None)];
        known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, same_site)| same_site)
    }
}

impl Cookie {
    /// What has passed is no more; what expires now has.
    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Two with the same identity are one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.path, self.host_only, &self.domain)
            == (&other.name, &other.path, other.host_only, &other.domain)
    }

    /// Whether it keeps the promise of its name: `rfc6265bis`, "Cookie Name Prefixes". A value without a name that looks
    /// like such a cookie to a server keeps none.
    pub(super) fn keeps_its_promise(&self, has_root_path: bool) -> bool {
        let starts = |text: &str, prefix: &str| {
            text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if self.name.is_empty() {
            return !starts(&self.value, "__Secure-") && !starts(&self.value, "__Host-");
        }
        if starts(&self.name, "__Host-") {
            return self.secure && self.host_only && has_root_path;
        }
        self.secure || !starts(&self.name, "__Secure-")
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value: _, domain, host_only, path, secure, http_only, same_site, expires } = self;
        f.debug_struct("Cookie")
            .field("name", name)
            .field("value", &format_args!("***"))
            .field("domain", domain)
            .field("host_only", host_only)
            .field("path", path)
            .field("secure", secure)
            .field("http_only", http_only)
            .field("same_site", same_site)
            .field("expires", expires)
            .finish()
    }
}
