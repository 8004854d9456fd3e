//! What a `Set-Cookie` says.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use proptest::prelude::*;

use super::{
    super::{Config, CookieJar, SameSite, parse, parse::MaxAge},
    at, echo, get_at, set, set_at, url,
};

#[test]
fn names_and_values_are_taken_as_they_are() {
    for (set, sent) in [
        ("a=b", "a=b"),
        (" a\t=\tb ;", "a=b"),
        ("a=b=c", "a=b=c"),
        ("a=", "a="),
        ("a", "a"),
        ("=a", "a"),
        ("a=\"b c\"", "a=\"b c\""),
        ("a=b, c=d", "a=b, c=d"),
        ("ä=ö", "ä=ö"),
        ("a=%41", "a=%41"),
        ("", ""),
        ("=", ""),
        (" ; Path=/", ""),
    ] {
        assert_eq!(echo("http://a.org/", set), sent, "{set}");
    }
}

#[test]
fn attributes_are_read_without_regard_to_case_and_the_last_one_counts() {
    let read = |text: &str| parse::set_cookie(text.as_bytes(), 100).unwrap();
    let cookie =
        read("a=b; DOMAIN=x; domain=.Y ;PATH=/x;path=/y; sEcUrE=no; HTTPONLY; SameSite=LAX; unknown=1");
    assert_eq!(cookie.domain.as_deref(), Some("Y"));
    assert_eq!(cookie.path.as_deref(), Some("/y"));
    assert!(cookie.secure && cookie.http_only);
    assert_eq!(cookie.same_site, Some(SameSite::Lax));
    assert_eq!(read("a=b; SameSite=Strict; SameSite=?").same_site, None);
    assert_eq!(read("a=b; SameSite=none").same_site, Some(SameSite::None));
    assert_eq!(read("a=b; Max-Age=5; Max-Age=6").max_age, Some(MaxAge::After(Duration::from_secs(6))));
    assert_eq!(read("a=b; Max-Age=5; Max-Age=x").max_age, Some(MaxAge::After(Duration::from_secs(5))));
}

#[test]
fn an_attribute_that_is_too_long_is_as_if_it_was_not_there() {
    let path = |n: usize| {
        parse::set_cookie(format!("a=b; Path=/{}", "x".repeat(n - 1)).as_bytes(), 100).unwrap().path
    };
    assert!(path(1024).is_some());
    assert_eq!(path(1025), None);
}

#[test]
fn a_cookie_beyond_the_bound_is_refused() {
    let jar = CookieJar::new(Config { cookie_bytes_max: 10, ..Config::default() }).unwrap();
    set(&jar, "http://a.org/", "four=567890");
    assert_eq!((jar.stats().stored, jar.stats().refused), (1, 0), "`=` does not count");
    set(&jar, "http://a.org/", "four=5678901");
    assert_eq!((jar.stats().stored, jar.stats().refused), (1, 1));
}

#[test]
fn control_characters_and_foreign_bytes_are_refused() {
    for bytes in [&b"a=b\x00"[..], b"a=b\x7f", b"a=b\n", b"a\r=b", b"a=b; Path=/\x01", b"a=\xff"] {
        assert!(parse::set_cookie(bytes, 100).is_err(), "{bytes:?}");
    }
    assert!(parse::set_cookie(b"a=b\tc", 100).is_ok());
}

/// How long a cookie with these attributes lives, in a jar of a thousand seconds.
fn life(attributes: &str) -> Option<u64> {
    let age_max = Duration::from_secs(1000);
    let jar = CookieJar::new(Config { age_max, ..Config::default() }).unwrap();
    set(&jar, "http://a.org/", &format!("a=b; {attributes}"));
    let cookie = jar.iter(SystemTime::UNIX_EPOCH).next()?;
    Some(cookie.expires.map_or(u64::MAX, |expires| expires.duration_since(at(0)).unwrap().as_secs()))
}

#[test]
fn max_age_goes_before_expires() {
    let in_a_minute = "Expires=Wed, 06 Nov 2024 08:50:37 GMT";
    assert_eq!(life(in_a_minute), Some(60));
    assert_eq!(life(&format!("Max-Age=5; {in_a_minute}")), Some(5));
    assert_eq!(life(&format!("{in_a_minute}; Max-Age=500")), Some(500));
    assert_eq!(life(&format!("Max-Age=0; {in_a_minute}")), None);
    assert_eq!(life(&format!("Max-Age=soon; {in_a_minute}")), Some(60), "garbage is as if it was not there");
    assert_eq!(life(&format!("{in_a_minute}; Expires=soon")), Some(60));
}

#[test]
fn max_age_is_digits_and_zero_or_less_is_over_at_once() {
    for over in ["0", "-0", "-1", "-99999999999999999999", "00"] {
        assert_eq!(life(&format!("Max-Age={over}")), None, "{over}");
    }
    for garbage in ["", "-", "+1", "1s", "1.5", "--1"] {
        assert_eq!(life(&format!("Max-Age={garbage}")), Some(u64::MAX), "{garbage}");
    }
}

#[test]
fn nothing_lives_longer_than_it_may() {
    for long in ["Max-Age=1001", "Max-Age=99999999999999999999", "Expires=Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(life(long), Some(1000), "{long}");
    }
    assert_eq!(life(""), Some(u64::MAX), "a session has no age");
}

#[test]
fn a_cookie_is_gone_at_the_second_it_expires() {
    let jar = CookieJar::default();
    set_at(&jar, 0, "http://a.org/", "a=b; Max-Age=10");
    assert_eq!(get_at(&jar, 9, "http://a.org/"), "a=b");
    assert_eq!(get_at(&jar, 10, "http://a.org/"), "");
    assert_eq!((jar.iter(at(9)).count(), jar.iter(at(10)).count()), (1, 0));
}

proptest! {
    #[test]
    fn whatever_is_set_a_header_can_be_sent(sets in prop::collection::vec("[ -:<-~\u{a0}-\u{ff}]{0,12}(;[ -~]{0,12}){0,3}", 0..8)) {
        let (jar, origin) = (CookieJar::default(), url("https://a.org/b"));
        let headers: Vec<_> = sets.iter().map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap()).collect();
        jar.store(at(0), &origin, &headers);
        let sendable = jar.iter(at(0)).filter(|cookie| "/b".starts_with(&cookie.path)).count();
        prop_assert_eq!(jar.header(at(0), &origin).is_some(), sendable > 0);
        super::adds_up(&jar);
    }
}
