//! Which hosts a cookie goes to.

use super::{super::CookieJar, at, echo, get, other, set};

#[test]
fn without_a_domain_a_cookie_is_for_its_host_alone() {
    assert_eq!(other("http://a.org/", "n=v", "http://a.org/"), "n=v");
    assert_eq!(other("http://a.org/", "n=v", "http://A.ORG:8080/"), "n=v", "ports do not matter");
    for to in ["http://b.a.org/", "http://org/", "http://xa.org/", "http://a.org.example/"] {
        assert_eq!(other("http://a.org/", "n=v", to), "", "{to}");
        assert_eq!(other("http://a.org/", "n=v; Domain=", to), "", "{to}");
    }
}

#[test]
fn with_a_domain_a_cookie_is_for_all_hosts_below_it() {
    for domain in ["a.org", ".a.org", "A.ORG"] {
        let cookie = format!("n=v; Domain={domain}");
        for to in ["http://a.org/", "http://b.a.org/", "http://c.b.a.org/"] {
            assert_eq!(other("http://b.a.org/", &cookie, to), "n=v", "{domain} {to}");
        }
        assert_eq!(other("http://b.a.org/", &cookie, "http://ba.org/"), "");
    }
}

#[test]
fn no_host_sets_cookies_for_others() {
    for domain in ["b.org", "c.a.org", "x.b.a.org", "..a.org", "a.org.", "a..org", "*.a.org", "b a.org"] {
        assert_eq!(echo("http://b.a.org/", &format!("n=v; Domain={domain}")), "", "{domain}");
    }
    assert_eq!(echo("http://ba.org/", "n=v; Domain=a.org"), "", "a suffix of the text is no domain above");
}

#[test]
fn no_site_sets_cookies_for_a_public_suffix() {
    for (host, domain) in [
        ("a.com", "com"),
        ("a.co.uk", "co.uk"),
        ("a.co.uk", "uk"),
        ("a.github.io", "github.io"),
        ("a.github.io", "io"),
        ("a.b.ck", "b.ck"),
        ("a.localhost", "localhost"),
        ("a.intranet", "intranet"),
        ("a.xn--55qx5d.cn", "xn--55qx5d.cn"),
        ("a.xn--55qx5d.cn", "公司.cn"),
        ("a.com.", "com."),
    ] {
        assert_eq!(echo(&format!("http://{host}/"), &format!("n=v; Domain={domain}")), "", "{host} {domain}");
    }
    assert_eq!(echo("http://b.a.co.uk/", "n=v; Domain=a.co.uk"), "n=v");
    assert_eq!(echo("http://www.ck/", "n=v; Domain=www.ck"), "n=v", "an exception of the list");
    assert_eq!(echo("http://b.a.intranet/", "n=v; Domain=a.intranet"), "n=v");
}

#[test]
fn a_host_that_is_a_public_suffix_may_have_cookies_of_its_own() {
    for host in ["localhost", "github.io", "intranet"] {
        let (from, cookie) = (format!("http://{host}/"), format!("n=v; Domain={host}"));
        assert_eq!(echo(&from, &cookie), "n=v");
        assert_eq!(other(&from, &cookie, &format!("http://a.{host}/")), "", "{host}");
    }
}

#[test]
fn an_address_is_below_nothing() {
    assert_eq!(echo("http://127.0.0.1/", "n=v"), "n=v");
    assert_eq!(echo("http://127.0.0.1/", "n=v; Domain=127.0.0.1"), "n=v");
    assert_eq!(echo("http://127.0.0.1/", "n=v; Domain=0.0.1"), "");
    assert_eq!(echo("http://127.0.0.1/", "n=v; Domain=.1"), "");
    assert_eq!(echo("http://[::1]/", "n=v"), "n=v");
    assert_eq!(echo("http://[::1]/", "n=v; Domain=[::1]"), "n=v");
    assert_eq!(other("http://10.0.0.1/", "n=v; Domain=10.0.0.1", "http://10.0.0.2/"), "");
    assert_eq!(other("http://0.0.1/", "n=v", "http://127.0.0.1/"), "");
}

#[test]
fn idna_names_are_one_with_their_ascii() {
    assert_eq!(
        other("http://b.bücher.example/", "n=v; Domain=bücher.example", "http://xn--bcher-kva.example/"),
        "n=v"
    );
    let jar = CookieJar::default();
    set(&jar, "http://BÜCHER.example/", "n=v");
    assert_eq!(jar.iter(at(0)).next().unwrap().domain, "xn--bcher-kva.example");
}

#[test]
fn a_host_and_its_domain_may_have_cookies_of_one_name() {
    let jar = CookieJar::default();
    set(&jar, "http://a.org/", "n=host");
    set(&jar, "http://a.org/", "n=domain; Domain=a.org");
    assert_eq!(get(&jar, "http://a.org/"), "n=host; n=domain");
    assert_eq!(get(&jar, "http://b.a.org/"), "n=domain");
    assert_eq!(jar.remove("a.org", "/", "n"), 2);
    assert_eq!((jar.remove("a.org", "/", "n"), jar.stats().removed), (0, 2));
}

#[test]
fn a_url_without_a_host_sets_nothing() {
    assert_eq!(echo("data:text/plain,x", "n=v"), "");
    assert_eq!(echo("file:///x", "n=v"), "");
}
