//! Bounds, and who goes when there is no room.

use std::time::Duration;

use super::{
    super::{Config, CookieJar},
    at, get, get_at, set, set_at,
};

fn jar(per_domain_max: usize, cookies_max: usize) -> CookieJar {
    CookieJar::new(Config { per_domain_max, cookies_max, ..Config::default() }).unwrap()
}

#[test]
fn in_a_full_domain_the_one_used_longest_ago_goes() {
    let jar = jar(2, 9);
    set(&jar, "http://a.org/", "a=1; Path=/x");
    set(&jar, "http://a.org/", "b=2");
    assert_eq!(get(&jar, "http://b.org/x"), "");
    assert_eq!(get(&jar, "http://a.org/x"), "a=1; b=2");
    assert_eq!(get(&jar, "http://a.org/"), "b=2", "now `a` was used longer ago");
    set(&jar, "http://b.org/", "z=9");
    set(&jar, "http://a.org/", "c=3");
    assert_eq!(get(&jar, "http://a.org/x"), "b=2; c=3");
    set(&jar, "http://a.org/", "b=4");
    set(&jar, "http://a.org/", "d=5");
    assert_eq!(get(&jar, "http://a.org/x"), "b=4; d=5", "being set again is a use");
    assert_eq!((jar.stats().evicted, get(&jar, "http://b.org/")), (2, "z=9".to_owned()));
}

#[test]
fn in_a_full_domain_those_without_secure_go_first() {
    let jar = jar(2, 9);
    set(&jar, "https://a.org/", "a=1; Secure");
    set(&jar, "https://a.org/", "b=2");
    set(&jar, "https://a.org/", "c=3; Secure");
    assert_eq!(get(&jar, "https://a.org/"), "a=1; c=3");
    set(&jar, "http://a.org/", "d=4");
    assert_eq!(get(&jar, "https://a.org/"), "a=1; c=3", "nor can a flood drive them out");
    set(&jar, "https://a.org/", "e=5; Secure");
    assert_eq!(get(&jar, "https://a.org/"), "c=3; e=5");
}

#[test]
fn what_has_expired_goes_before_what_has_not() {
    let jar = jar(2, 9);
    set_at(&jar, 0, "https://a.org/", "a=1");
    set_at(&jar, 0, "https://a.org/", "b=2; Secure; Max-Age=5");
    set_at(&jar, 5, "https://a.org/", "c=3");
    assert_eq!(get_at(&jar, 5, "https://a.org/"), "a=1; c=3");
    assert_eq!((jar.stats().expired, jar.stats().evicted), (1, 0));

    let jar = self::jar(9, 2);
    set_at(&jar, 0, "http://a.org/", "a=1");
    set_at(&jar, 0, "http://b.org/", "b=2; Max-Age=5");
    set_at(&jar, 5, "http://c.org/", "c=3");
    assert_eq!(get_at(&jar, 5, "http://a.org/"), "a=1");
    assert_eq!((jar.stats().expired, jar.stats().evicted, jar.stats().cookies), (1, 0, 2));
}

#[test]
fn in_a_full_jar_the_one_used_longest_ago_goes_wherever_it_is() {
    let jar = jar(9, 3);
    for host in ["a", "b", "c"] {
        set(&jar, &format!("https://{host}.org/"), "n=v; Secure");
    }
    get(&jar, "https://a.org/");
    set(&jar, "http://d.org/", "n=v");
    let domains: Vec<_> = jar.iter(at(0)).map(|cookie| cookie.domain).collect();
    assert_eq!(domains, ["a.org", "c.org", "d.org"]);
}

#[test]
fn a_config_out_of_bounds_is_refused_by_field() {
    let refused = |config: Config| CookieJar::new(config).unwrap_err().field;
    let base = Config::default;
    for bytes in [0, 65_537] {
        let field = refused(Config { cookie_bytes_max: bytes, ..base() });
        assert_eq!(field, "cookies::Config::cookie_bytes_max");
    }
    for max in [0, 10_001] {
        assert_eq!(refused(Config { per_domain_max: max, ..base() }), "cookies::Config::per_domain_max");
    }
    for max in [0, 1_000_001] {
        assert_eq!(refused(Config { cookies_max: max, ..base() }), "cookies::Config::cookies_max");
    }
    assert_eq!(refused(Config { age_max: Duration::ZERO, ..base() }), "cookies::Config::age_max");
    assert!(CookieJar::new(Config { age_max: Duration::MAX, ..base() }).is_ok());
}

#[test]
fn an_age_beyond_the_calendar_harms_nothing() {
    let jar = CookieJar::new(Config { age_max: Duration::MAX, ..Config::default() }).unwrap();
    set(&jar, "http://a.org/", "a=1; Max-Age=99999999999999999999");
    set(&jar, "http://a.org/", "b=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(get_at(&jar, 1_000_000_000, "http://a.org/"), "a=1; b=1");
}
