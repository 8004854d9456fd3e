use std::fmt;

use http::StatusCode;
use url::Url;

/// Why a redirect was not followed.
///
/// To see the response itself, follow none: [`Policy::none`](super::Policy::none).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// There were more of them than may be: often a loop.
    #[error(
        "redirected more than {redirects_max} times: {}; if it is no loop, raise `redirects_max`",
        Chain(chain)
    )]
    TooMany {
        /// How many may be.
        redirects_max: u32,
        /// The way it went, up to where it would have gone.
        chain: Vec<Shown>,
    },
    /// From `https` to `http`.
    #[error(
        "{from} redirects to {to}, which is not encrypted; ask for the `https` URL, \
         or set `allow_downgrade` if everybody may read it"
    )]
    Downgrade {
        /// Who redirects.
        from: Shown,
        /// Where to.
        to: Shown,
    },
    /// To another scheme, host or port, which `same_origin_only` forbids.
    #[error("{from} redirects to another origin, {to}; `same_origin_only` forbids it")]
    OtherOrigin {
        /// Who redirects.
        from: Shown,
        /// Where to.
        to: Shown,
    },
    /// To something that is not HTTP.
    #[error("{from} redirects to a URL with the scheme `{scheme}`; only `http` and `https` are followed")]
    Scheme {
        /// Who redirects.
        from: Shown,
        /// Which it is.
        scheme: String,
    },
    /// The server chose a user and a password for the next request.
    #[error(
        "{from} redirects to {to} with a user and a password of its own choice; \
         if they are meant, ask for that URL with them"
    )]
    Credentials {
        /// Who redirects.
        from: Shown,
        /// Where to, without them.
        to: Shown,
    },
    /// The `Location` is no URL.
    #[error(
        "{from} redirects to `{location}`, which is no URL: {source}; to see the response, follow no redirects"
    )]
    Unreadable {
        /// Who redirects.
        from: Shown,
        /// What it said, in short.
        location: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The body has to be sent again, and it cannot be.
    #[error(
        "{status} redirects to {to} with the body of the request, which was a stream and is gone; \
         send bytes, or send it there in the first place"
    )]
    BodyGone {
        /// Which redirect it was.
        status: StatusCode,
        /// Where to.
        to: Shown,
    },
}

/// A URL without user and password, for errors and logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(Box<Url>);

impl Shown {
    /// Takes them out.
    pub fn new(url: &Url) -> Self {
        let mut url = url.clone();
        // Fails for a URL that cannot have any.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Self(Box::new(url))
    }

    /// The URL, without them.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Chain<'a>(&'a [Shown]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, url) in self.0.iter().enumerate() {
            let arrow = if i == 0 { "" } else { " -> " };
            write!(f, "{arrow}{url}")?;
        }
        Ok(())
    }
}

/// The beginning of a `Location` that could not be read, without what may be a password.
pub(super) fn shown_location(location: &str) -> String {
    let rest = location.rsplit_once('@').map_or(location, |(_, rest)| rest);
    let hidden = if rest.len() < location.len() { "***@" } else { "" };
    let shown: String = rest.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect();
    let more = if shown.len() < rest.len() { ".." } else { "" };
    format!("{hidden}{shown}{more}")
}
