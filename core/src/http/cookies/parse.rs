//! `Set-Cookie`: `draft-ietf-httpbis-rfc6265bis`, "The Set-Cookie Header Field".

use std::time::{Duration, SystemTime};

use super::{Refused, SameSite, date};

/// What a `Set-Cookie` says, before anybody asks whether it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetCookie {
    pub(super) name: String,
    pub(super) value: String,
    /// The last `Domain`, without its dot; it may be empty.
    pub(super) domain: Option<String>,
    /// The last `Path`; it may be empty.
    pub(super) path: Option<String>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
    pub(super) expires: Option<SystemTime>,
    pub(super) max_age: Option<MaxAge>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaxAge {
    /// Zero or less.
    Now,
    After(Duration),
}

/// A longer attribute is as if it was not there.
const ATTRIBUTE_BYTES_MAX: usize = 1024;

pub(super) fn set_cookie(header: &[u8], bytes_max: usize) -> Result<SetCookie, Refused> {
    let text = str::from_utf8(header).map_err(|_| Refused::NotUtf8)?;
    if text.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(Refused::ControlCharacter);
    }
    let mut parts = text.split(';');
    let pair = parts.next().unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (trim(name), trim(value));
    if name.is_empty() && value.is_empty() {
        return Err(Refused::Empty);
    }
    if name.len() + value.len() > bytes_max {
        return Err(Refused::TooLarge);
    }
    let mut cookie = SetCookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: None,
        path: None,
        secure: false,
        http_only: false,
        same_site: None,
        expires: None,
        max_age: None,
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (trim(name), trim(value));
        if value.len() <= ATTRIBUTE_BYTES_MAX {
            cookie.attribute(name, value);
        }
    }
    Ok(cookie)
}

impl SetCookie {
    /// Of attributes given twice the last one counts.
    fn attribute(&mut self, name: &str, value: &str) {
        let is = |attribute| name.eq_ignore_ascii_case(attribute);
        if is("expires") {
            self.expires = date::parse(value).or(self.expires);
        } else if is("max-age") {
            self.max_age = max_age(value).or(self.max_age);
        } else if is("domain") {
            self.domain = Some(value.strip_prefix('.').unwrap_or(value).to_owned());
        } else if is("path") {
            self.path = Some(value.to_owned());
        } else if is("secure") {
            self.secure = true;
        } else if is("httponly") {
            self.http_only = true;
        } else if is("samesite") {
            self.same_site = SameSite::parse(value);
        }
    }

    /// Until when it lives, `None` for as long as the jar does. `Max-Age` goes before `Expires`, and `age_max` before both.
    pub(super) fn until(&self, now: SystemTime, age_max: Duration) -> Option<SystemTime> {
        let until = match (self.max_age, self.expires) {
            (Some(MaxAge::Now), _) => Some(SystemTime::UNIX_EPOCH),
            // Beyond the calendar is beyond `age_max`.
            (Some(MaxAge::After(age)), _) => now.checked_add(age.min(age_max)),
            (None, expires) => expires,
        };
        match now.checked_add(age_max) {
            Some(latest) => until.map(|until| until.min(latest)),
            None => until,
        }
    }
}

fn max_age(text: &str) -> Option<MaxAge> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse().unwrap_or(u64::MAX);
    if seconds == 0 || digits.len() < text.len() {
        return Some(MaxAge::Now);
    }
    Some(MaxAge::After(Duration::from_secs(seconds)))
}

/// Spaces and tabs, and no other white space.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
