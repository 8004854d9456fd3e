//! Where a redirect leads, and what does not go along.

use super::*;

/// `/to?url=..&status=..` redirects, everything else is answered with its path.
fn redirecting(request: &Received) -> Reply {
    if request.path() != "/to" {
        return Reply::text(request.path());
    }
    let query = request.query().unwrap_or_default().as_bytes().to_vec();
    let pairs: Vec<_> = url::form_urlencoded::parse(&query).into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let status = value("status").and_then(|status| status.parse().ok()).unwrap_or(302);
    Reply::redirect(status, &value("url").expect("where to")).body("on your way")
}

fn to(url: &str, status: u16) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("url", url)
        .append_pair("status", &status.to_string())
        .finish();
    format!("/to?{query}")
}

const SECRETS: [&str; 5] = ["authorization", "cookie", "proxy-authorization", "x-api-key", "x-own"];

async fn with_secrets(client: &Client, method: Method, url: String) -> Result<Response, Error> {
    let mut marked = HeaderValue::from_static("secret");
    marked.set_sensitive(true);
    let request = client.request(method, url).bearer_auth("secret").header("cookie", "a=secret");
    let request = request.header("x-api-key", "secret").header("x-own", marked);
    request.header("proxy-authorization", "secret").header("x-harmless", "1").body("ahoy").send().await
}

#[test]
fn secrets_stay_behind_on_any_change_of_host_or_port_whatever_the_status() {
    for_each_seed(0..5, |rt| async move {
        let (one, two) = (serve(&rt, redirecting).await, serve(&rt, redirecting).await);
        let client = client(&rt, config());
        for status in [301, 302, 303, 307, 308] {
            for target in [alias(&one, "/there"), two.url("/there")] {
                let reply = with_secrets(&client, Method::PUT, one.url(&to(&target, status))).await.unwrap();
                assert_eq!(reply.url().as_str(), target);
                assert_eq!(reply.report().redirects(), 1);
                assert_adds_up(reply.report());
                drop(reply);
                let all = [one.requests(), two.requests()].concat();
                let there = all.iter().filter(|request| request.path() == "/there");
                let there = there.max_by_key(|request| request.at).unwrap();
                for name in SECRETS {
                    assert_eq!(there.header(name), None, "{status} {name}");
                }
                assert_eq!(there.header("x-harmless"), Some("1"));
                let authority = &target["http://".len()..target.len() - "/there".len()];
                assert_eq!(there.header("host"), Some(authority));
                assert_eq!(there.text(), if status == 303 { "" } else { "ahoy" }, "{status}");
            }
        }
        let first = &one.requests()[0];
        for name in ["authorization", "cookie", "x-api-key", "x-own"] {
            assert!(first.header(name).is_some(), "{name}");
        }
    });
}

#[test]
fn secrets_that_were_left_behind_do_not_come_back() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let back = server.url("/home");
        let away = alias(&server, &to(&back, 302));
        let client = client(&rt, config());
        with_secrets(&client, Method::GET, server.url(&to(&away, 302))).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        for request in &requests[1..] {
            assert!(SECRETS.iter().all(|name| request.header(name).is_none()), "{request:?}");
        }
    });
}

#[test]
fn secrets_go_along_where_nothing_changes() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let client = client(&rt, config());
        with_secrets(&client, Method::GET, server.url(&to("/there", 307))).await.unwrap();
        let there = &server.requests()[1];
        assert_eq!(there.header("authorization"), Some("Bearer secret"));
        assert_eq!(there.header("x-api-key"), Some("secret"));
    });
}

#[test]
fn a_password_in_a_url_is_sent_as_authorization_and_never_shown() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let client = client(&rt, once());
        let url = server.url(&to(&alias(&server, "/there"), 302)).replace("http://", "http://ann:s%20ecret@");
        let reply = client.get(&url).send().await.unwrap();
        assert!(!format!("{reply:?}").contains("ecret"));
        drop(reply);
        let requests = server.requests();
        assert_eq!(requests[0].header("authorization"), Some("Basic YW5uOnMgZWNyZXQ="));
        assert_eq!(requests[1].header("authorization"), None);
        server.set_accept(Accept::Refuse).await.unwrap();
        let url = alias(&server, "/x").replace("localhost", "ann:secret@127.0.0.2");
        let error = client.get(url).send().await.unwrap_err();
        assert!(!format!("{error:?} {error} {}", told(&error)).contains("secret"));
    });
}

#[test]
fn a_redirect_loop_ends_at_the_bound_and_tells_the_way() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |_: &Received| Reply::redirect(302, "/again")).await;
        let client = client(&rt, config());
        let error = client.get(server.url("/")).send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Redirect));
        assert!(told(&error).contains("redirected more than 10 times"), "{}", told(&error));
        assert_eq!((server.requests().len(), error.report().attempts().len()), (11, 11));
        assert_eq!(server.connections().accepted, 1, "each hop uses the connection of the one before");
        drop(error);
        assert_at_rest(&rt, &client).await;
        let none = super::client(&rt, Config { redirects: redirect::Policy::none(), ..config() });
        assert_eq!(none.get(server.url("/")).send().await.unwrap().status(), 302);
    });
}

#[test]
fn a_post_that_is_redirected_becomes_a_get_or_stays_what_it_is() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let client = client(&rt, config());
        for (status, method, body) in
            [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "{}"), (308, "POST", "{}")]
        {
            let sent = client.post(server.url(&to("/there", status))).json(&serde_json::json!({}));
            drop(sent.send().await.unwrap());
            let there = server.requests().pop().unwrap();
            assert_eq!((there.method.as_str(), there.text().as_str()), (method, body), "{status}");
            assert_eq!(there.header("content-type").is_some(), method == "POST", "{status}");
            let length = there.header("content-length");
            assert_eq!(length, (method == "POST").then_some("2"), "{status}");
        }
    });
}

#[test]
fn a_stream_that_is_gone_is_not_redirected_with_its_body() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let client = client(&rt, config());
        let body = || Body::stream(futures::stream::iter([Ok("ahoy".into())]));
        let error = client.post(server.url(&to("/there", 307))).body(body()).send().await.unwrap_err();
        assert!(told(&error).contains("was a stream and is gone"), "{}", told(&error));
        let reply = client.post(server.url(&to("/there", 303))).body(body()).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "/there");
    });
}

#[test]
fn a_location_that_is_no_way_is_refused_by_name() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let client = client(&rt, config());
        for (target, says) in [
            ("ftp://localhost/x", "scheme `ftp`"),
            ("http://ann:secret@localhost/", "a user and a password of its own choice"),
            ("http://[::1", "no URL"),
        ] {
            let error = client.get(server.url(&to(target, 302))).send().await.unwrap_err();
            assert!(told(&error).contains(says), "{}", told(&error));
            assert!(!told(&error).contains("ann:secret"));
        }
    });
}

#[test]
fn a_retry_on_a_hop_is_of_that_hop() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| match (request.path(), request.nth) {
            ("/", _) => Reply::redirect(302, "/there"),
            (_, 2) => Reply::new(503),
            _ => Reply::text("ahoy"),
        })
        .await;
        let reply = client(&rt, config()).get(server.url("/")).send().await.unwrap();
        let hops: Vec<_> =
            reply.report().attempts().iter().map(|attempt| (attempt.hop, attempt.number)).collect();
        assert_eq!(hops, [(0, 1), (1, 1), (1, 2)]);
    });
}

#[test]
fn a_header_with_a_line_break_is_refused_before_anything_is_sent() {
    for_each_seed(0..2, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let client = client(&rt, config());
        for value in ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b"] {
            let error = client.get(server.url("/")).header("x-a", value).send().await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Invalid { .. }), "{error:?}");
            assert!(error.to_string().contains("`x-a` has a line break"), "{error}");
            let error = client.get(server.url("/")).bearer_auth(value).send().await.unwrap_err();
            assert_eq!(error.phase(), Some(Phase::Building));
            let headers = vec![("x-a".to_owned(), value.to_owned())];
            let refused = Client::new(&rt, Config { headers, ..config() }).unwrap_err();
            assert!(refused.to_string().contains("http::Config::headers"), "{refused}");
        }
        assert!(client.get(server.url("/")).header("x-a\r\n", "1").send().await.is_err());
        drop(client.get(server.url("/a\r\nb")).send().await.unwrap());
        assert_eq!(server.requests().len(), 1, "a line break in a URL is no part of it");
        assert_eq!(server.requests()[0].path(), "/ab");
    });
}

#[test]
fn a_location_cannot_smuggle_a_header() {
    for_each_seed(0..2, |rt| async move {
        let server = serve(&rt, redirecting).await;
        let target = "/there\r\nx-evil: 1";
        let encoded = server.url(&to(target, 302));
        // The server writes it as two headers: what comes back is a redirect to `/there`.
        drop(client(&rt, config()).get(encoded).send().await.unwrap());
        let there = &server.requests()[1];
        assert_eq!((there.path(), there.header("x-evil")), ("/there", None));
    });
}
