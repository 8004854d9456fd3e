//! Redirects, by RFC 9110, sections 10.2.2 and 15.4.

use http::header::HeaderName;
use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn headers(location: &str) -> HeaderMap {
    HeaderMap::from_iter([(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap())])
}

/// What `policy` does with a `status` to `location` after a GET of `from`.
fn get(policy: &Policy, from: &str, status: u16, location: &str) -> Result<Next, RedirectError> {
    send(policy, &Method::GET, Body::None, from, status, location)
}

fn send(
    policy: &Policy,
    method: &Method,
    body: Body,
    from: &str,
    status: u16,
    location: &str,
) -> Result<Next, RedirectError> {
    let (url, headers) = (url(from), headers(location));
    let status = StatusCode::from_u16(status).unwrap();
    policy.next(&Hop { method, url: &url, before: &[], body, status, headers: &headers })
}

fn follow(next: Result<Next, RedirectError>) -> Follow {
    match next {
        Ok(Next::Follow(follow)) => follow,
        other => panic!("not followed: {other:?}"),
    }
}

/// Where a GET of `from` goes on.
fn to(from: &str, location: &str) -> String {
    follow(get(&Policy::default(), from, 302, location)).url.to_string()
}

#[test]
fn only_five_statuses_redirect() {
    for status in 100..600 {
        let next = get(&Policy::default(), "http://a/", status, "/x").unwrap();
        let redirects = [301, 302, 303, 307, 308].contains(&status);
        assert_eq!(matches!(next, Next::Follow(_)), redirects, "{status}");
    }
}

#[test]
fn post_becomes_get_and_other_methods_stay() {
    let sent = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
    for method in sent {
        for status in [301, 302, 303, 307, 308] {
            let follow =
                follow(send(&Policy::default(), &method, Body::Repeatable, "http://a/", status, "/x"));
            let expected = match (status, method.as_str()) {
                (301 | 302, "POST") => (Method::GET, false),
                (303, "HEAD") => (Method::HEAD, false),
                (303, _) => (Method::GET, false),
                _ => (method.clone(), true),
            };
            assert_eq!((follow.method, follow.keep_body), expected, "{status} {method}");
        }
    }
}

#[test]
fn a_body_that_cannot_be_repeated_is_an_error_that_says_so_where_it_has_to_go_along() {
    let once = |method, status| send(&Policy::default(), method, Body::Once, "http://a/", status, "/x");
    for status in [307, 308] {
        let error = once(&Method::POST, status).unwrap_err();
        assert!(matches!(error, RedirectError::BodyGone { .. }), "{error}");
        assert!(error.to_string().contains("was a stream and is gone"), "{error}");
    }
    assert!(once(&Method::PUT, 301).is_err(), "a PUT stays a PUT");
    assert!(!follow(once(&Method::POST, 302)).keep_body);
    assert!(!follow(once(&Method::PUT, 303)).keep_body);
}

#[test]
fn without_a_body_none_goes_along() {
    assert!(!follow(send(&Policy::default(), &Method::POST, Body::None, "http://a/", 307, "/x")).keep_body);
}

#[test]
fn a_location_is_resolved_against_the_url_that_sent_it() {
    assert_eq!(to("http://a/b/c?d", "e"), "http://a/b/e");
    assert_eq!(to("http://a/b/c?d", "../e?f"), "http://a/e?f");
    assert_eq!(to("http://a/b/c?d", "?f"), "http://a/b/c?f");
    assert_eq!(to("https://a:1/b", "//c/d"), "https://c/d");
    assert_eq!(to("http://a/", "HTTP://B:80/x"), "http://b/x");
    assert_eq!(to("http://a/", "/ü"), "http://a/%C3%BC");
    assert_eq!(to("http://a/", " /x "), "http://a/x");
    assert_eq!(to("http://a/", "https://bücher.example/"), "https://xn--bcher-kva.example/");
}

#[test]
fn the_fragment_is_inherited_unless_the_location_has_its_own() {
    assert_eq!(to("http://a/b#one", "/c"), "http://a/c#one");
    assert_eq!(to("http://a/b#one", "http://z/c"), "http://z/c#one");
    assert_eq!(to("http://a/b#one", "/c#two"), "http://a/c#two");
    assert_eq!(to("http://a/b#one", "/c#"), "http://a/c#");
    assert_eq!(to("http://a/b", "/c"), "http://a/c");
}

#[test]
fn without_a_readable_location_the_response_is_the_answer() {
    let (from, method) = (url("http://a/"), Method::GET);
    let ask = |locations: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for location in locations {
            headers.append(LOCATION, HeaderValue::from_bytes(location).unwrap());
        }
        let status = StatusCode::FOUND;
        let hop =
            Hop { method: &method, url: &from, before: &[], body: Body::None, status, headers: &headers };
        Policy::default().next(&hop).unwrap()
    };
    let none: [&[&[u8]]; 5] = [&[], &[b""], &[b"  "], &[b"/\xff"], &[b"/x", b"/y"]];
    for locations in none {
        assert_eq!(ask(locations), Next::Stay, "{locations:?}");
    }
    assert_ne!(ask(&[b"/x", b"/x"]), Next::Stay, "twice the same is no contradiction");
}

#[test]
fn a_location_that_is_no_url_is_an_error_without_its_password() {
    let error = get(&Policy::default(), "http://a/", 302, "http://u:secret@:80/").unwrap_err();
    assert!(matches!(error, RedirectError::Unreadable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    let error =
        get(&Policy::default(), "http://a/", 302, &format!("http://[{}", "x".repeat(9000))).unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
}

#[test]
fn unknown_schemes_are_refused() {
    for location in ["ftp://a/", "file:///etc/passwd", "javascript:alert(1)", "data:,x", "ws://a/"] {
        let error = get(&Policy::default(), "http://a/", 302, location).unwrap_err();
        assert!(matches!(error, RedirectError::Scheme { .. }), "{error}");
    }
}

#[test]
fn https_to_http_is_refused_unless_allowed() {
    let error = get(&Policy::default(), "https://a/", 302, "http://a/").unwrap_err();
    assert!(matches!(error, RedirectError::Downgrade { .. }), "{error}");
    assert!(error.to_string().contains("allow_downgrade"), "{error}");
    let lax = Policy { allow_downgrade: true, ..Policy::default() };
    assert!(follow(get(&lax, "https://a/", 302, "http://a/")).crosses_origin);
    assert!(follow(get(&Policy::default(), "http://a/", 302, "https://a/")).crosses_origin);
}

#[test]
fn a_change_of_scheme_host_or_port_crosses_origins() {
    let crosses = |from, to| follow(get(&Policy::default(), from, 307, to)).crosses_origin;
    for to in ["https://a/", "http://b/", "http://sub.a/", "http://a:8080/", "http://a./"] {
        assert!(crosses("http://a/", to), "{to}");
        let strict = Policy { same_origin_only: true, ..Policy::default() };
        let error = get(&strict, "http://a/", 307, to).unwrap_err();
        assert!(matches!(error, RedirectError::OtherOrigin { .. }), "{error}");
    }
    for to in ["/x", "http://a/", "http://A:80/"] {
        assert!(!crosses("http://a/", to), "{to}");
        let strict = Policy { same_origin_only: true, ..Policy::default() };
        assert!(get(&strict, "http://a/", 307, to).is_ok());
    }
}

#[test]
fn credentials_in_a_location_are_never_taken_over() {
    for location in ["http://u:secret@a/", "http://u@a/", "http://:secret@b/", "//u:secret@a/x"] {
        let error = get(&Policy::default(), "http://a/", 302, location).unwrap_err();
        assert!(matches!(error, RedirectError::Credentials { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    assert!(get(&Policy::default(), "http://u:p@a/", 302, "http://u:p@b/").is_err(), "nor to another host");
    assert_eq!(to("http://u:p@a/", "/x"), "http://u:p@a/x", "the user's own stay where they were");
    assert_eq!(to("http://u:p@a/", "http://b/"), "http://b/");
}

#[test]
fn loops_end_by_count_with_the_way_they_went() {
    let policy = Policy::limited(3);
    let (mut before, mut here) = (Vec::new(), url("http://u:secret@a/0"));
    let error = loop {
        let headers = headers(&format!("/{}", before.len() + 1));
        let status = StatusCode::FOUND;
        let hop = Hop {
            method: &Method::GET,
            url: &here,
            before: &before,
            body: Body::None,
            status,
            headers: &headers,
        };
        match policy.next(&hop) {
            Ok(Next::Follow(follow)) => before.push(std::mem::replace(&mut here, follow.url)),
            Ok(Next::Stay) => panic!("it stays"),
            Err(error) => break error,
        }
    };
    assert_eq!(before.len(), 3, "three were followed");
    let text = error.to_string();
    assert!(text.contains("http://a/0 -> http://a/1 -> http://a/2 -> http://a/3 -> http://a/4"), "{text}");
    assert!(!format!("{error:?}").contains("secret"));
}

#[test]
fn none_follows_nothing_and_is_no_error() {
    for location in ["/x", "ftp://a/", "http://u:p@a/", "http://["] {
        assert_eq!(get(&Policy::none(), "https://a/", 301, location).unwrap(), Next::Stay);
    }
}

#[test]
fn a_limit_beyond_the_bound_is_refused() {
    assert!(Policy::default().check().is_ok() && Policy::none().check().is_ok());
    assert!(Policy::limited(100).check().is_ok());
    let error = Policy::limited(101).check().unwrap_err();
    assert_eq!(error.field, "redirect::Policy::redirects_max");
}

fn request() -> HeaderMap {
    let secrets =
        ["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate", "x-api-key"];
    let body =
        ["content-type", "content-length", "content-encoding", "transfer-encoding", "expect", "digest"];
    let others = ["accept", "user-agent", "x-trace", "idempotency-key"];
    let mut headers = HeaderMap::new();
    for name in secrets.iter().chain(&body).chain(&others).chain(&["host"]) {
        headers.append(HeaderName::from_static(name), "1".parse().unwrap());
        headers.append(HeaderName::from_static(name), "2".parse().unwrap());
    }
    let mut marked = HeaderValue::from_static("token");
    marked.set_sensitive(true);
    headers.append("x-marked", "1".parse().unwrap());
    headers.append("x-marked", marked);
    headers
}

fn left(keep_body: bool, crosses_origin: bool) -> Vec<String> {
    let mut headers = request();
    let follow = Follow { method: Method::GET, url: url("http://b/"), keep_body, crosses_origin };
    follow.prepare(&mut headers, &[HeaderName::from_static("x-api-key")]);
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn secrets_are_stripped_on_any_change_of_scheme_host_or_port_307_and_308_too() {
    let policy = Policy { allow_downgrade: true, ..Policy::default() };
    for status in [301, 302, 303, 307, 308] {
        for location in ["http://a/", "https://b/", "https://a:8443/"] {
            let follow = follow(get(&policy, "https://a/", status, location));
            let mut headers = request();
            follow.prepare(&mut headers, &[HeaderName::from_static("x-api-key")]);
            let secrets = ["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];
            for name in secrets.iter().chain(&["x-api-key", "x-marked", "host"]) {
                assert!(!headers.contains_key(*name), "{status} {location} {name}");
            }
        }
    }
}

#[test]
fn what_describes_the_body_goes_with_it_and_the_rest_stays() {
    assert_eq!(left(false, true), ["accept", "idempotency-key", "user-agent", "x-trace"]);
    assert_eq!(left(true, false).len(), request().keys().count());
    assert!(left(true, true).contains(&"content-length".to_owned()));
    let same_origin = left(false, false);
    assert!(same_origin.contains(&"authorization".to_owned()) && same_origin.contains(&"host".to_owned()));
    assert!(!same_origin.iter().any(|name| name.starts_with("content-") || name == "expect"));
}

proptest! {
    #[test]
    fn whatever_a_server_says_what_is_followed_is_safe(
        https in any::<bool>(),
        status in prop::sample::select(vec![301_u16, 302, 303, 307, 308]),
        location in "(https?:)?(//)?([a-z]{0,3}(:[a-z]?)?@)?[a-z./:?#\\[\\]@%0-9 ü]{0,20}",
    ) {
        let from = if https { "https://a/b#f" } else { "http://a/b#f" };
        match get(&Policy::default(), from, status, location.trim()) {
            Ok(Next::Follow(follow)) => {
                prop_assert!(matches!(follow.url.scheme(), "http" | "https"));
                prop_assert!(!(https && follow.url.scheme() == "http"));
                prop_assert!(follow.url.username().is_empty() && follow.url.password().is_none());
                prop_assert!(follow.url.fragment().is_some());
                let same = (follow.url.scheme(), follow.url.host_str(), follow.url.port())
                    == (url(from).scheme(), Some("a"), None);
                prop_assert_eq!(follow.crosses_origin, !same);
            }
            Ok(Next::Stay) => prop_assert!(location.trim().is_empty()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
