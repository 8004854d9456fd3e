//! `Secure`, and who counts as such.

use super::{super::CookieJar, at, echo, get, get_at, other, set, set_at};

#[test]
fn secure_cookies_are_set_and_sent_over_https_only() {
    assert_eq!(echo("https://a.org/", "n=v; Secure"), "n=v");
    assert_eq!(echo("http://a.org/", "n=v; Secure"), "");
    assert_eq!(other("https://a.org/", "n=v; Secure", "http://a.org/"), "");
    assert_eq!(other("https://a.org/", "n=v", "http://a.org/"), "n=v", "it did not ask for it");
}

#[test]
fn this_machine_is_secure() {
    for host in
        ["localhost", "LOCALHOST:8080", "a.localhost", "localhost.", "127.0.0.1", "127.1.2.3", "[::1]"]
    {
        assert_eq!(echo(&format!("http://{host}/"), "n=v; Secure"), "n=v", "{host}");
    }
    for host in ["notlocalhost", "localhost.a.org", "10.0.0.1", "[::2]", "0.0.0.0"] {
        assert_eq!(echo(&format!("http://{host}/"), "n=v; Secure"), "", "{host}");
    }
}

#[test]
fn who_is_not_secure_neither_replaces_nor_hides_nor_removes_a_secure_cookie() {
    for (from, cookie) in [
        ("http://a.org/", "n=evil"),
        ("http://a.org/", "n=; Max-Age=0"),
        ("http://a.org/", "n=evil; Path=/x"),
        ("http://a.org/", "n=evil; Domain=a.org"),
        ("http://b.a.org/", "n=evil; Domain=a.org"),
        ("http://b.a.org/", "n=evil"),
    ] {
        let jar = CookieJar::default();
        set(&jar, "https://a.org/", "n=good; Secure; Domain=a.org");
        set(&jar, from, cookie);
        assert_eq!(get(&jar, "https://b.a.org/x"), "n=good", "{from} {cookie}");
        assert_eq!(jar.stats().refused, 1);
        set(&jar, "https://a.org/", "n=other; Domain=a.org");
        assert_eq!(get(&jar, "http://a.org/"), "n=other", "over https it may");
    }
}

#[test]
fn a_cookie_above_a_secure_one_hides_it_too() {
    let jar = CookieJar::default();
    set(&jar, "https://b.a.org/", "n=good; Secure");
    set(&jar, "http://a.org/", "n=evil; Domain=a.org");
    assert_eq!(get(&jar, "https://b.a.org/"), "n=good");
}

#[test]
fn what_hides_nothing_may_be_set() {
    let jar = CookieJar::default();
    set(&jar, "https://a.org/", "n=good; Secure; Path=/x; Max-Age=9");
    set(&jar, "http://a.org/", "n=1; Path=/");
    set(&jar, "http://a.org/", "n=2; Path=/xy");
    set(&jar, "http://a.org/", "m=3; Path=/x");
    set(&jar, "http://c.org/", "n=4; Path=/x");
    assert_eq!(jar.stats().refused, 0);
    assert_eq!(jar.iter(at(0)).count(), 5);
    set_at(&jar, 9, "http://a.org/", "n=5; Path=/x");
    assert_eq!(get_at(&jar, 9, "http://a.org/x"), "m=3; n=5; n=1", "the other has expired");
}
