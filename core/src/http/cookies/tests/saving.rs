//! Cookies that outlive the jar.

use proptest::prelude::*;

use super::{
    super::{Config, Cookie, CookieJar},
    adds_up, at, get, get_at, set, set_at,
};

fn filled() -> CookieJar {
    let jar = CookieJar::default();
    for (from, cookie) in [
        ("http://b.org/", "first=1; Max-Age=100"),
        ("https://b.a.org/x", "__Host-n=\"v\"; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=50"),
        ("https://b.a.org/x", "d=ö; Domain=a.org; Path=/x; Expires=Wed, 06 Nov 2024 08:50:37 GMT"),
        ("http://[::1]/", "=nameless; Max-Age=9"),
        ("http://b.org/", "session=1"),
    ] {
        set(&jar, from, cookie);
    }
    jar
}

#[test]
fn what_was_saved_is_loaded_again_without_the_session() {
    let text = filled().save(at(0));
    assert_eq!(text.lines().count(), 4);
    let jar = CookieJar::default();
    assert_eq!(jar.load(at(0), &text).unwrap(), 4);
    let expected: Vec<Cookie> = filled().iter(at(0)).filter(|cookie| cookie.expires.is_some()).collect();
    assert_eq!(jar.iter(at(0)).collect::<Vec<_>>(), expected);
    assert_eq!(jar.save(at(0)), text);
    adds_up(&jar);
}

#[test]
fn what_has_expired_is_neither_saved_nor_loaded() {
    assert_eq!(filled().save(at(9)).lines().count(), 3);
    let jar = CookieJar::default();
    assert_eq!(jar.load(at(60), &filled().save(at(0))).unwrap(), 4);
    assert_eq!(get_at(&jar, 60, "http://b.org/"), "first=1");
    assert_eq!(jar.stats().cookies, 1);
}

#[test]
fn loading_replaces_what_is_there_and_keeps_the_bounds() {
    let jar = CookieJar::new(Config { cookies_max: 2, ..Config::default() }).unwrap();
    set(&jar, "http://b.org/", "first=0");
    jar.load(at(0), &filled().save(at(0))).unwrap();
    assert_eq!(jar.stats().cookies, 2);
    adds_up(&jar);
    let jar = CookieJar::default();
    set_at(&jar, 0, "http://b.org/", "first=0");
    jar.load(at(0), &filled().save(at(0))).unwrap();
    assert_eq!(get(&jar, "http://b.org/"), "first=1");
}

#[test]
fn a_loaded_cookie_lives_no_longer_than_others() {
    let text = filled().save(at(0)).lines().next().unwrap().replace("173088", "973088");
    let jar = CookieJar::default();
    jar.load(at(0), &text).unwrap();
    let day = 24 * 60 * 60;
    assert_eq!(jar.iter(at(400 * day - 1)).count(), 1);
    assert_eq!(jar.iter(at(400 * day)).count(), 0);
}

#[test]
fn a_line_that_is_no_cookie_is_named_and_nothing_is_loaded() {
    let good = r#"{"name":"n","value":"secret","domain":"a.org","host_only":false,"path":"/","secure":false,"http_only":false,"same_site":null,"expires":1730883000}"#;
    let jar = CookieJar::default();
    assert_eq!(jar.load(at(0), &format!("\n{good}\r\n\n")).unwrap(), 1);
    jar.clear();
    for (from, to) in [
        (good, "{"),
        (good, "[]"),
        ("\"secret\"", "[\"secret\"]"),
        ("\"n\"", "\"secret;\""),
        ("\"n\"", "\"a=b\""),
        ("\"secret\"", "\"secret\\r\\nX: y\""),
        ("\"secret\"", "\"secret;\""),
        ("a.org", "A.org"),
        ("a.org", "org"),
        ("a.org", ""),
        ("a.org", "[::1]"),
        ("\"/\"", "\"x\""),
        ("\"/\"", "\"/\\n\""),
        ("\"n\"", "\"__Host-n\""),
        ("\"n\"", "\"__Secure-n\""),
        ("1730883000", "-1"),
        ("1730883000", "18446744073709551615"),
        ("null", "null,\"more\":1"),
    ] {
        let error = jar.load(at(0), &format!("{good}\n\n{}", good.replace(from, to))).unwrap_err();
        assert_eq!(error.line, 3, "{from} {to}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let empty = good.replace("\"n\"", "\"\"").replace("secret", "");
    assert_eq!(jar.load(at(0), &empty).unwrap_err().line, 1);
    let long = good.replace("secret", &"x".repeat(4096));
    assert!(jar.load(at(0), &long).is_err());
    assert_eq!(jar.stats().cookies, 0);
}

proptest! {
    #[test]
    fn no_text_harms(text in "\\PC{0,80}") {
        let _ = CookieJar::default().load(at(0), &text);
    }

    #[test]
    fn any_jar_is_the_same_after_saving_and_loading(sets in prop::collection::vec(
        (0..4_usize, "[ -:<-~äö]{1,9}", 0..3_usize, any::<bool>(), 1..99_u64), 0..30))
    {
        let jar = CookieJar::default();
        for (host, pair, path, secure, age) in sets {
            let from = ["https://a.org/", "https://b.a.org/x/", "https://127.0.0.1/", "https://[::1]/"][host];
            let path = ["", "; Path=/", "; Path=/x y"][path];
            let secure = if secure { "; Secure" } else { "" };
            set(&jar, from, &format!("{pair}{path}{secure}; Max-Age={age}"));
        }
        let again = CookieJar::default();
        again.load(at(0), &jar.save(at(0))).unwrap();
        prop_assert_eq!(again.iter(at(0)).collect::<Vec<_>>(), jar.iter(at(0)).collect::<Vec<_>>());
    }
}
