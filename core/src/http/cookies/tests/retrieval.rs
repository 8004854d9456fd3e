//! What goes along, and in which order.

use http::HeaderValue;

use super::{super::CookieJar, adds_up, at, get, get_at, other, set, set_at, url};

#[test]
fn without_a_path_a_cookie_is_for_the_folder_of_the_url() {
    for (from, path) in [
        ("http://a.org", "/"),
        ("http://a.org/", "/"),
        ("http://a.org/x", "/"),
        ("http://a.org/x/", "/x"),
        ("http://a.org/x/y?z=/q/#/r/", "/x"),
        ("http://a.org//y", "/"),
    ] {
        for cookie in ["n=v", "n=v; Path=", "n=v; Path=x", "n=v; Path=/y; Path="] {
            let jar = CookieJar::default();
            set(&jar, from, cookie);
            assert_eq!(jar.iter(at(0)).next().unwrap().path, path, "{from} {cookie}");
        }
    }
}

#[test]
fn a_cookie_is_for_its_path_and_what_is_below() {
    let sees = |path: &str, to: &str| {
        !other("http://a.org/z", &format!("n=v; Path={path}"), &format!("http://a.org{to}")).is_empty()
    };
    for to in ["/x", "/x/", "/x/y", "/x?y", "/x#y"] {
        assert!(sees("/x", to), "{to}");
    }
    for to in ["/", "/xy", "/y/x", "/X", "/%78"] {
        assert!(!sees("/x", to), "{to}");
    }
    assert!(sees("/x/", "/x/y") && sees("/x/", "/x/") && !sees("/x/", "/x"));
    assert!(sees("/", "/") && sees("/", "/x"));
}

#[test]
fn longer_paths_go_first_and_then_what_is_older() {
    let jar = CookieJar::default();
    for cookie in ["a=1", "b=2; Path=/x/y", "c=3; Path=/x", "d=4; Domain=a.org", "e=5; Path=/x/y"] {
        set(&jar, "http://b.a.org/", cookie);
    }
    assert_eq!(get(&jar, "http://b.a.org/x/y"), "b=2; e=5; c=3; a=1; d=4");
}

#[test]
fn one_that_is_replaced_keeps_its_place() {
    let jar = CookieJar::default();
    for cookie in ["a=1", "b=2", "a=3"] {
        set(&jar, "http://a.org/", cookie);
    }
    assert_eq!(get(&jar, "http://a.org/"), "a=3; b=2");
    assert_eq!((jar.stats().stored, jar.stats().replaced), (2, 1));
}

#[test]
fn one_that_was_gone_has_lost_its_place() {
    for gone in ["a=; Max-Age=0", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        let jar = CookieJar::default();
        for cookie in ["a=1", "b=2", gone, "a=3"] {
            set(&jar, "http://a.org/", cookie);
        }
        assert_eq!(get(&jar, "http://a.org/"), "b=2; a=3");
        assert_eq!(jar.stats().removed, 1);
    }
    let jar = CookieJar::default();
    set_at(&jar, 0, "http://a.org/", "a=1; Max-Age=5");
    set_at(&jar, 0, "http://a.org/", "b=2");
    set_at(&jar, 5, "http://a.org/", "a=3");
    assert_eq!(get_at(&jar, 5, "http://a.org/"), "b=2; a=3");
    assert_eq!((jar.stats().expired, jar.stats().cookies), (1, 2));
    set_at(&jar, 6, "http://a.org/", "c=4; Max-Age=1");
    set_at(&jar, 7, "http://a.org/", "c=; Max-Age=0");
    assert_eq!((jar.stats().expired, jar.stats().removed), (2, 0), "it was over before it was removed");
}

#[test]
fn name_domain_and_path_make_a_cookie() {
    let jar = CookieJar::default();
    for cookie in ["a=1", "A=2", "a=3; Path=/x", "=4"] {
        set(&jar, "http://a.org/", cookie);
    }
    assert_eq!(get(&jar, "http://a.org/x"), "a=3; a=1; A=2; 4");
    set(&jar, "http://a.org/", "a=; Path=/x; Max-Age=0");
    assert_eq!(get(&jar, "http://a.org/x"), "a=1; A=2; 4");
}

#[test]
fn the_header_is_sensitive_and_nothing_shows_a_value() {
    let jar = CookieJar::default();
    set(&jar, "https://a.org/", "id=secret; Secure");
    let header = jar.header(at(0), &url("https://a.org/")).unwrap();
    assert!(header.is_sensitive());
    let cookie = jar.iter(at(0)).next().unwrap();
    assert!(!format!("{header:?} {jar:?} {cookie:?}").contains("secret"));
}

#[test]
fn a_clone_is_the_same_jar() {
    let jar = CookieJar::default();
    set(&jar.clone(), "http://a.org/", "n=v");
    assert_eq!(get(&jar, "http://a.org/"), "n=v");
    jar.clear();
    assert_eq!((get(&jar.clone(), "http://a.org/"), jar.stats().removed), (String::new(), 1));
    adds_up(&jar);
}

#[test]
fn the_callers_iterator_may_use_the_jar() {
    let (jar, origin) = (CookieJar::default(), url("http://a.org/"));
    let headers = ["a=1", "b=2"].map(HeaderValue::from_static);
    let mut seen = Vec::new();
    let looking = headers.iter().inspect(|_| seen.push(jar.iter(at(0)).count()));
    jar.store(at(0), &origin, looking);
    assert_eq!(seen, [0, 1]);
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        jar.store(at(0), &origin, headers.iter().inspect(|_| panic!("mine")));
    }));
    assert!(broken.is_err());
    assert_eq!(get(&jar, "http://a.org/"), "a=1; b=2", "the jar is well");
}
