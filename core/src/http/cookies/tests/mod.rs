//! The jar, by RFC 6265 and `draft-ietf-httpbis-rfc6265bis`.

mod dates;
mod domains;
mod machine;
mod parsing;
mod prefixes;
mod retrieval;
mod room;
mod saving;
mod secure;

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use url::Url;

use super::CookieJar;

/// Wed, 06 Nov 2024 08:49:37 GMT, and so many seconds.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_730_882_977 + seconds)
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn set(jar: &CookieJar, from: &str, cookie: &str) {
    set_at(jar, 0, from, cookie);
}

fn set_at(jar: &CookieJar, seconds: u64, from: &str, cookie: &str) {
    jar.store(at(seconds), &url(from), [&HeaderValue::from_bytes(cookie.as_bytes()).unwrap()]);
    adds_up(jar);
}

fn get(jar: &CookieJar, from: &str) -> String {
    get_at(jar, 0, from)
}

fn get_at(jar: &CookieJar, seconds: u64, from: &str) -> String {
    let header = jar.header(at(seconds), &url(from));
    header.map_or_else(String::new, |header| String::from_utf8(header.as_bytes().to_vec()).unwrap())
}

/// What `from` gets after it set `cookie` in an empty jar.
fn echo(from: &str, cookie: &str) -> String {
    other(from, cookie, from)
}

/// What `to` gets after `from` set `cookie` in an empty jar.
fn other(from: &str, cookie: &str, to: &str) -> String {
    let jar = CookieJar::default();
    set(&jar, from, cookie);
    get(&jar, to)
}

/// The law of `Stats`.
fn adds_up(jar: &CookieJar) {
    let stats = jar.stats();
    let gone = stats.removed + stats.expired + stats.evicted;
    assert_eq!(stats.stored, stats.cookies as u64 + gone, "{stats:?}");
}
