//! `rfc6265bis`, "Cookie Name Prefixes".

use super::echo;

#[test]
fn names_that_promise_something_keep_it() {
    let https = "https://b.a.org/";
    assert_eq!(echo(https, "__Secure-n=v; Secure"), "__Secure-n=v");
    assert_eq!(echo(https, "__Secure-n=v; Secure; Domain=a.org"), "__Secure-n=v");
    assert_eq!(echo(https, "__Secure-n=v"), "");
    assert_eq!(echo("http://b.a.org/", "__Secure-n=v; Secure"), "");
    assert_eq!(echo(https, "__Host-n=v; Secure; Path=/"), "__Host-n=v");
    assert_eq!(echo(https, "__Host-n=v; Secure"), "", "the path has to be said");
    assert_eq!(echo(https, "__Host-n=v; Secure; Path=/x"), "");
    assert_eq!(echo(https, "__Host-n=v; Path=/"), "");
    assert_eq!(echo(https, "__Host-n=v; Secure; Path=/; Domain=b.a.org"), "");
    assert_eq!(echo(https, "__Host-n=v; Secure; Path=/; Domain="), "__Host-n=v");
}

#[test]
fn their_case_does_not_matter() {
    for name in ["__SECURE-n", "__secure-n", "__host-n", "__HoSt-n"] {
        assert_eq!(echo("https://a.org/", &format!("{name}=v")), "", "{name}");
    }
    for name in ["__Secure", "_Secure-n", "x__Host-n", "__Hostn", "__Höst-"] {
        assert_eq!(echo("https://a.org/", &format!("{name}=v")), format!("{name}=v"));
    }
}

#[test]
fn a_value_without_a_name_makes_no_promise() {
    for text in ["=__Host-n=v", "__Secure-n", "=__secure-n=v; Secure; Path=/", "=__HOST-n"] {
        assert_eq!(echo("https://a.org/", text), "", "{text}");
    }
}
