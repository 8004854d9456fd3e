use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;

use super::{
    super::{Config, Proxies, Proxy, ProxyError, parse},
    read, through, url,
};

fn env(environment: &[(&str, &str)]) -> (Option<String>, Option<String>) {
    let proxies = read(&Config::default(), environment).unwrap();
    (through(&proxies, "http://a/"), through(&proxies, "https://a/"))
}

fn named(host: &str) -> Option<String> {
    Some(format!("http://{host}:80"))
}

#[test]
fn each_scheme_has_its_proxy_and_all_proxy_stands_in() {
    assert_eq!(env(&[]), (None, None));
    assert_eq!(env(&[("http_proxy", "p")]), (named("p"), None));
    assert_eq!(env(&[("HTTPS_PROXY", "p")]), (None, named("p")));
    assert_eq!(env(&[("ALL_PROXY", "p"), ("https_proxy", "q")]), (named("p"), named("q")));
    assert_eq!(env(&[("all_proxy", "p"), ("ALL_PROXY", "q")]), (named("p"), named("p")));
    assert_eq!(env(&[("http_proxy", "p"), ("HTTP_PROXY", "q")]), (named("p"), None));
    assert_eq!(env(&[("http_proxy", " "), ("HTTP_PROXY", "q")]), (named("q"), None), "empty is missing");
    let proxies = read(&Config::default(), &[("all_proxy", "p")]).unwrap();
    assert_eq!(through(&proxies, "ftp://a/"), None);
}

#[test]
fn in_a_cgi_program_http_proxy_is_not_read() {
    let cgi = ("REQUEST_METHOD", "GET");
    assert_eq!(env(&[cgi, ("HTTP_PROXY", "evil"), ("http_proxy", "evil")]), (None, None));
    assert_eq!(env(&[cgi, ("HTTP_PROXY", "evil"), ("ALL_PROXY", "p")]), (named("p"), named("p")));
    assert_eq!(env(&[("REQUEST_METHOD", ""), ("HTTP_PROXY", "evil")]), (None, None));
    let config = Config { http: Some("mine".into()), ..Config::default() };
    assert_eq!(through(&read(&config, &[cgi]).unwrap(), "http://a/"), named("mine"));
}

#[test]
fn fields_go_before_the_environment() {
    let environment = [("http_proxy", "p"), ("https_proxy", "p"), ("no_proxy", "a")];
    let config = Config { http: Some("mine".into()), ..Config::default() };
    let proxies = read(&config, &environment).unwrap();
    assert_eq!(
        (through(&proxies, "http://b/"), through(&proxies, "https://b/")),
        (named("mine"), named("p"))
    );
    assert_eq!(through(&proxies, "http://a/"), None);
    let config = Config { no_proxy: Some(String::new()), ..Config::default() };
    assert_eq!(through(&read(&config, &environment).unwrap(), "http://a/"), named("p"));
}

#[test]
fn none_is_none_whatever_the_environment_says() {
    let proxies = read(&Config::none(), &[("all_proxy", "p"), ("http_proxy", "socks5://p")]).unwrap();
    assert_eq!((through(&proxies, "http://a/"), through(&proxies, "https://a/")), (None, None));
    assert!(Proxies::new(&Config::none()).is_ok());
}

#[test]
fn hosts_on_this_machine_are_not_special() {
    let proxies = read(&Config::default(), &[("all_proxy", "p")]).unwrap();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(through(&proxies, &format!("http://{host}/")), named("p"), "{host}");
    }
}

fn proxy(text: &str) -> Result<Proxy, ProxyError> {
    parse::proxy("http_proxy", text)
}

#[test]
fn a_proxy_is_a_url_whose_scheme_and_port_may_be_missing() {
    for (text, expected) in [
        ("p", ("p", 80, false)),
        ("p:3128", ("p", 3128, false)),
        (" P.Example:3128/ ", ("p.example", 3128, false)),
        ("http://p", ("p", 80, false)),
        ("https://p", ("p", 443, true)),
        ("HTTPS://p:1", ("p", 1, true)),
        ("10.0.0.1:8080", ("10.0.0.1", 8080, false)),
        ("http://[::1]:8080", ("::1", 8080, false)),
        ("user:pass@p:1", ("p", 1, false)),
    ] {
        let proxy = proxy(text).unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.is_tls), expected, "{text}");
    }
    assert_eq!(proxy("[::1]:8080").unwrap().to_string(), "http://[::1]:8080");
}

#[test]
fn a_proxy_that_cannot_be_understood_is_an_error_that_names_where_it_stands() {
    for text in ["", "p:99999", "p:0", "http://", "ftp://p", "p/path", "p?q", "p#f", "http://u:p#w@p", "a b"]
    {
        let error = proxy(text).unwrap_err();
        assert!(matches!(error, ProxyError::Url { source_name: "http_proxy", .. }), "{text}: {error}");
    }
    let config = Config { https: Some("p:99999".into()), ..Config::default() };
    let error = read(&config, &[]).unwrap_err();
    assert!(error.to_string().starts_with("proxy::Config::https = p:99999 is no proxy"), "{error}");
}

#[test]
fn socks_is_an_error_that_says_it_is_not_supported_yet() {
    for scheme in ["socks4", "socks4a", "socks5", "socks5h", "SOCKS5"] {
        let error = proxy(&format!("{scheme}://u:secret@p:1080")).unwrap_err();
        assert!(
            matches!(error, ProxyError::Socks { .. }) && !error.to_string().contains("secret"),
            "{error}"
        );
    }
    let both = [("ALL_PROXY", "socks5://p"), ("http_proxy", "p"), ("https_proxy", "p")];
    assert_eq!(env(&both), (named("p"), named("p")), "who is not asked is not read");
}

#[test]
fn credentials_are_decoded_and_sensitive() {
    for (userinfo, expected) in [
        ("user:pass", "user:pass"),
        ("user", "user:"),
        (":pass", ":pass"),
        ("us%40er:p%3Aa%2Fs%C3%BC:s", "us@er:p:a/s\u{fc}:s"),
        ("user:", "user:"),
    ] {
        let proxy = proxy(&format!("http://{userinfo}@p")).unwrap();
        let header = proxy.authorization.unwrap();
        assert!(header.is_sensitive());
        let expected = format!("Basic {}", BASE64_STANDARD.encode(expected));
        assert_eq!(header, expected, "{userinfo}");
    }
    assert_eq!(proxy("http://p").unwrap().authorization, None);
    assert!(proxy("http://us%3Aer:pass@p").is_err(), "a colon would end the user");
}

#[test]
fn nothing_shows_a_password() {
    for text in [
        "http://user:secret@p:1",
        "user:secret@p",
        "http://user:secret@p:99999",
        "http://user:secret#x@p",
        "http://user:secret/x@p",
        "user:secret@http://p",
        "http://us%3Aer:secret@p",
        "ftp://user:se@secret@p",
    ] {
        let config = Config { http: Some(text.into()), https: Some(text.into()), ..Config::none() };
        let read = read(&config, &[]);
        let encoded = BASE64_STANDARD.encode("user:secret");
        let shown = match &read {
            Ok(proxies) => format!("{config:?} {proxies:?} {}", proxies.of(&url("http://a")).unwrap()),
            Err(error) => format!("{config:?} {error} {error:?}"),
        };
        assert!(
            !shown.contains("secret") && !shown.contains(&encoded) && !shown.contains("user:s"),
            "{shown}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_a_proxy_or_an_error_without_the_password(text in "[ -~]{0,10}", rest in "[ -~&&[^@]]{0,10}") {
        let text = format!("{text}SECRET@{rest}");
        let config = Config { http: Some(text), ..Config::none() };
        let shown = format!("{config:?} {:?}", read(&config, &[]));
        prop_assert!(!shown.contains("SECRET"), "{}", shown);
    }

    #[test]
    fn any_credentials_arrive_as_they_are(user in "[^:]{1,9}", password in ".{0,9}") {
        let mut from = url("http://p");
        from.set_username(&user.replace('%', "%25")).unwrap();
        from.set_password(Some(&password.replace('%', "%25"))).unwrap();
        let header = proxy(from.as_str()).unwrap().authorization.unwrap();
        prop_assert_eq!(header, format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))));
    }
}

#[test]
fn an_odd_exception_is_passed_over_in_the_environment_and_refused_in_the_config() {
    let environment = [("http_proxy", "p"), ("no_proxy", "a.org, b.org:http, 10.0.0.0/33, c.org")];
    let proxies = read(&Config::default(), &environment).unwrap();
    for (to, is_direct) in [("http://a.org/", true), ("http://c.org/", true), ("http://b.org/", false)] {
        assert_eq!(proxies.of(&url(to)).is_none(), is_direct, "{to}");
    }
    let config = Config { no_proxy: Some("a.org, b.org:http".into()), ..Config::default() };
    assert!(matches!(read(&config, &environment), Err(ProxyError::NoProxy { .. })));
}
