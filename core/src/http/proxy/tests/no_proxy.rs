use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{
    super::{ProxyError, no_proxy::NoProxy},
    url,
};

fn covers(entries: &str, to: &str) -> bool {
    NoProxy::parse("no_proxy", entries).unwrap().covers(&url(to))
}

#[test]
fn a_domain_covers_itself_and_what_is_below() {
    for entry in ["a.org", ".a.org", "*.a.org", "A.ORG", "a.org.", " x,, a.org ,y", "x y\ta.org"] {
        for to in ["http://a.org/", "https://b.a.org:8080/", "http://c.b.A.org./"] {
            assert!(covers(entry, to), "{entry} {to}");
        }
        for to in ["http://ba.org/", "http://org/", "http://a.org.example/", "http://10.0.0.1/"] {
            assert!(!covers(entry, to), "{entry} {to}");
        }
    }
    assert!(covers("bücher.example", "http://BÜCHER.example/"));
    assert!(!covers("", "http://a.org/"));
}

#[test]
fn a_star_covers_everything() {
    for to in ["http://a.org/", "http://10.0.0.1/", "https://[::1]:8080/"] {
        assert!(covers("*", to) && covers("x, *", to), "{to}");
    }
    assert!(covers("*:8080", "http://a:8080/") && !covers("*:8080", "http://a/"));
}

#[test]
fn a_port_limits_an_entry_to_it() {
    assert!(covers("a.org:8080", "http://b.a.org:8080/") && !covers("a.org:8080", "http://a.org/"));
    assert!(covers("a.org:443", "https://a.org/") && covers("a.org:80", "http://a.org/"));
    assert!(covers("10.0.0.1:8080", "http://10.0.0.1:8080/") && !covers("10.0.0.1:8080", "http://10.0.0.1/"));
    assert!(covers("[::1]:8080", "http://[::1]:8080/") && !covers("[::1]:8080", "http://[::1]/"));
}

#[test]
fn addresses_and_networks_cover_addresses() {
    for (entry, inside, outside) in [
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
        ("10.1.2.3/31", "10.1.2.2", "10.1.2.4"),
        ("0.0.0.0/0", "255.1.1.1", "[::1]"),
        ("10.0.0.1/32", "10.0.0.1", "10.0.0.0"),
        ("::1", "[::1]", "[::2]"),
        ("[::1]", "[::1]", "127.0.0.1"),
        ("fe80::/10", "[febf::1]", "[fec0::1]"),
        ("[fd00::]/8", "[fd12::1]", "[fe00::]"),
        ("::/0", "[1::]", "a.org"),
        ("10.0.0.1", "[::ffff:10.0.0.1]", "[::10.0.0.1]"),
        ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
    ] {
        assert!(covers(entry, &format!("http://{inside}/")), "{entry} {inside}");
        assert!(!covers(entry, &format!("http://{outside}/")), "{entry} {outside}");
    }
}

#[test]
fn an_entry_that_cannot_be_understood_is_an_error_that_names_it() {
    for entry in [
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/",
        "10.0.0/8",
        "a.org/8",
        "10.0.0.0/-1",
        "a.org:0",
        "a.org:99999",
        "a.org:http",
        "a.org:",
        "a.org:+80",
        "[::1",
        "[a]:80",
        "[::1]x",
        ".",
        "*.",
        "a^b",
        "fe80::1::2",
    ] {
        let error = NoProxy::parse("no_proxy", &format!("good, {entry}")).unwrap_err();
        assert!(
            matches!(&error, ProxyError::NoProxy { entry: named, .. } if named == entry),
            "{entry}: {error}"
        );
    }
}

proptest! {
    #[test]
    fn a_network_covers_what_has_its_bits(network: u32, bits in 0..=32_u32, flip in 0..32_u32, other: u32) {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        let entry = format!("{}/{bits}", Ipv4Addr::from_bits(network));
        for ip in [network, network ^ (1 << flip), other] {
            let to = format!("http://{}/", IpAddr::from(Ipv4Addr::from_bits(ip)));
            prop_assert_eq!(covers(&entry, &to), ip & mask == network & mask, "{} {}", entry, to);
        }
    }

    #[test]
    fn no_text_harms(text in "\\PC{0,40}") {
        if let Ok(entries) = NoProxy::parse("no_proxy", &text) {
            entries.covers(&url("http://a.org/"));
            entries.covers(&url("http://[::1]/"));
        }
    }
}
