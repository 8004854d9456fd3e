//! Cookies as lines of JSON.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Config, Cookie, SameSite, domain};

/// A text that no [`CookieJar`](super::CookieJar) saved.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the saved cookies cannot be read: {reason}; mend or remove it, nothing was loaded")]
#[non_exhaustive]
pub struct LoadError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it. It shows no value.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
    /// Seconds since 1970.
    expires: u64,
}

pub(super) fn save(cookies: impl Iterator<Item = Cookie>) -> String {
    let mut text = String::new();
    for cookie in cookies {
        let Cookie { name, value, domain, host_only, path, secure, http_only, same_site, expires } = cookie;
        let Some(expires) = expires else { continue };
        let expires = expires.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let line = Line { name, value, domain, host_only, path, secure, http_only, same_site, expires };
        // Strings, numbers and booleans can always be written.
        if let Ok(line) = serde_json::to_string(&line) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

pub(super) fn load(now: SystemTime, text: &str, config: &Config) -> Result<Vec<Cookie>, LoadError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cookie = |(i, line)| read(now, line, config).map_err(|reason| LoadError { line: i + 1, reason });
    lines.map(cookie).collect()
}

fn read(now: SystemTime, line: &str, config: &Config) -> Result<Cookie, String> {
    // The parser's own text may show a value.
    let line: Line = serde_json::from_str(line)
        .map_err(|error| format!("it is no cookie as JSON (column {})", error.column()))?;
    let Line { name, value, domain, host_only, path, secure, http_only, same_site, expires } = line;
    let plain =
        |text: &str| !text.bytes().any(|byte| (byte != b'\t' && byte.is_ascii_control()) || byte == b';');
    if !plain(&name) || name.contains('=') || !plain(&value) || !plain(&path) {
        return Err("there is a character in it that no cookie has".to_owned());
    }
    if name.is_empty() && value.is_empty() || name.len() + value.len() > config.cookie_bytes_max {
        return Err(format!("name and value are empty, or longer than {} bytes", config.cookie_bytes_max));
    }
    if !domain::is_canonical(&domain) {
        return Err("its domain is no host".to_owned());
    }
    if !host_only && domain::is_public_suffix(&domain) {
        return Err("its domain is a public suffix".to_owned());
    }
    if !path.starts_with('/') {
        return Err("its path does not begin with `/`".to_owned());
    }
    let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(expires));
    let expires = expires.ok_or("it expires beyond the calendar")?;
    let expires = Some(now.checked_add(config.age_max).map_or(expires, |latest| expires.min(latest)));
    let has_root_path = path == "/";
    let cookie = Cookie { name, value, domain, host_only, path, secure, http_only, same_site, expires };
    if !cookie.keeps_its_promise(has_root_path) {
        return Err("it does not keep the promise of its name, `__Secure-` or `__Host-`".to_owned());
    }
    Ok(cookie)
}
