use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use seaworthy::http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};

/// What says that two replies are of the same bytes (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Validator {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

impl Validator {
    /// That of a reply: a strong entity tag, or a time that is not that of the reply itself.
    pub(super) fn of(url: &str, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let etag = text("etag").filter(|etag| etag.starts_with('"'));
        let last_modified = text("last-modified").filter(|time| Some(time) != text("date").as_ref());
        Self { url: url.to_owned(), etag, last_modified }
    }

    /// What goes into `If-Range`; without it there is no going on.
    pub(super) fn if_range(&self) -> Option<&str> {
        self.etag.as_deref().or(self.last_modified.as_deref())
    }

    /// This, or what was known before if it says nothing.
    pub(super) fn or(self, known: Option<&Self>) -> Self {
        match known {
            Some(known) if self.if_range().is_none() => known.clone(),
            _ => self,
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        // A part that says nothing of it was checked by `If-Range`.
        let same = |a: &Option<String>, b: &Option<String>| b.is_none() || a == b;
        same(&self.etag, &other.etag)
            && (self.etag.is_some() || same(&self.last_modified, &other.last_modified))
    }
}

/// What a reply is to somebody who has `have` bytes already, and asked for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The rest of them.
    Rest,
    /// All from the beginning: there is something else now.
    All,
    /// Nothing is missing.
    Complete,
    /// Of no use; to be asked for without a range.
    Useless,
    /// An error, whatever the range.
    Refused,
}

impl Piece {
    pub(super) fn of(reply: &Response, have: u64, known: &Validator) -> Self {
        let range = reply.headers().get("content-range").and_then(|value| value.to_str().ok());
        Self::judge(reply.status(), range, have, known.agrees(&Validator::of(&known.url, reply.headers())))
    }

    fn judge(status: StatusCode, range: Option<&str>, have: u64, agrees: bool) -> Self {
        match status {
            StatusCode::PARTIAL_CONTENT if have > 0 => {
                let start =
                    range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
                if start == Some(have) && agrees { Self::Rest } else { Self::Useless }
            }
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                let len = range.and_then(|range| range.strip_prefix("bytes */")?.parse().ok());
                if len == Some(have) && agrees { Self::Complete } else { Self::Useless }
            }
            status if status.is_client_error() || status.is_server_error() => Self::Refused,
            _ => Self::All,
        }
    }
}

/// A file that is not complete, and what is known of it: `NAME.part` and `NAME.part.json` beside `NAME`.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) whole: PathBuf,
    pub(super) part: PathBuf,
    about: PathBuf,
}

impl Part {
    pub(super) fn new(whole: &Path) -> Self {
        let with = |end: &str| {
            let mut path = OsString::from(whole);
            path.push(end);
            PathBuf::from(path)
        };
        Self { whole: whole.to_owned(), part: with(".part"), about: with(".part.json") }
    }

    /// What an earlier run has left of this URL.
    pub(super) fn known(&self, url: &str) -> Option<Validator> {
        let text = fs::read(&self.about).ok()?;
        let known: Validator = serde_json::from_slice(&text).ok()?;
        (known.url == url && known.if_range().is_some() && self.part.is_file()).then_some(known)
    }

    /// Notes what the next bytes are of. Without a validator there is nothing to go on from.
    pub(super) fn note(&self, validator: &Validator) -> io::Result<()> {
        if validator.if_range().is_some() {
            fs::write(&self.about, serde_json::to_vec(validator)?)
        } else {
            self.forget()
        }
    }

    pub(super) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.about) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// All of it is there.
    pub(super) fn complete(&self) -> io::Result<()> {
        fs::rename(&self.part, &self.whole)?;
        self.forget()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_the_rest_only_if_it_begins_where_we_are_and_is_of_the_same() {
        let judge = |status: u16, range, agrees| {
            Piece::judge(StatusCode::from_u16(status).unwrap(), range, 10, agrees)
        };
        assert_eq!(judge(206, Some("bytes 10-99/100"), true), Piece::Rest);
        assert_eq!(judge(206, Some("bytes 10-99/*"), true), Piece::Rest);
        assert_eq!(judge(206, Some("bytes 10-99/100"), false), Piece::Useless);
        assert_eq!(judge(206, Some("bytes 0-99/100"), true), Piece::Useless);
        assert_eq!(judge(206, None, true), Piece::Useless);
        assert_eq!(judge(200, None, false), Piece::All);
        assert_eq!(judge(416, Some("bytes */10"), true), Piece::Complete);
        assert_eq!(judge(416, Some("bytes */9"), true), Piece::Useless);
        assert_eq!(judge(416, None, true), Piece::Useless);
        assert_eq!(judge(404, None, true), Piece::Refused);
        assert_eq!(Piece::judge(StatusCode::RANGE_NOT_SATISFIABLE, None, 0, true), Piece::Refused);
    }

    #[test]
    fn weak_tags_and_the_time_of_the_reply_itself_say_nothing() {
        let headers = |pairs: &[(&'static str, &str)]| {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        let of = |pairs: &[(&'static str, &str)]| Validator::of("u", &headers(pairs));
        assert_eq!(of(&[("etag", "\"a\"")]).if_range(), Some("\"a\""));
        assert_eq!(of(&[("etag", "W/\"a\"")]).if_range(), None);
        assert_eq!(of(&[("last-modified", "x"), ("date", "y")]).if_range(), Some("x"));
        assert_eq!(of(&[("last-modified", "x"), ("date", "x")]).if_range(), None);
        assert!(of(&[("etag", "\"a\"")]).agrees(&of(&[])));
        assert!(!of(&[("etag", "\"a\"")]).agrees(&of(&[("etag", "\"b\"")])));
    }
}
