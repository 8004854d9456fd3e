//! What is not sent, because it would be misunderstood, and what is not shown.

use futures::stream;

use super::*;

fn piece() -> std::io::Result<bytes::Bytes> {
    Ok("ahoy".into())
}

#[test]
fn what_is_said_of_a_body_is_what_is_sent() {
    for_each_seed(0..3, |rt| async move {
        let server = serve_reply(&rt, Reply::new(401)).await;
        let client = client(&rt, once());
        let post = || client.post(server.url("/"));
        let unknown = || Body::stream(stream::iter([piece()]));
        for (request, says) in [
            (post().header("content-length", "5"), "`Content-Length` is not 0"),
            (post().body("ahoy").header("content-length", "3"), "`Content-Length` is not 4"),
            (post().body("ahoy").header("content-length", "+4"), "`Content-Length` is not 4"),
            (post().body(unknown()).header("content-length", "4"), "use `Body::sized`"),
            (post().body("ahoy").header("transfer-encoding", "chunked"), "is set by the client"),
            (client.get(server.url("/")).body(unknown()), "GET with a stream of unknown length"),
            (client.request(Method::CONNECT, server.url("/")), "CONNECT is for proxies"),
        ] {
            let error = request.send().await.unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(error.phase(), Some(Phase::Building));
        }
        assert!(server.requests().is_empty());
        let right = post().body(Body::sized(stream::iter([piece()]), 4)).header("content-length", "4");
        right.send().await.unwrap();
        client.get(server.url("/")).body("ahoy").send().await.unwrap();
        let bodies: Vec<String> = server.requests().iter().map(Received::text).collect();
        assert_eq!(bodies, ["ahoy", "ahoy"]);
    });
}

#[test]
fn secrets_for_all_requests_go_to_the_base_url_only() {
    for_each_seed(0..3, |rt| async move {
        let (home, stranger) =
            (serve_reply(&rt, Reply::text("home")).await, serve_reply(&rt, Reply::text("stranger")).await);
        let headers = [("authorization", "Bearer secret"), ("x-api-key", "secret"), ("x-ship", "Fram")];
        let client = client(
            &rt,
            Config {
                base_url: Some(home.url("/v1")),
                headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                ..config()
            },
        );
        // What a careless program makes of what its user gives it.
        let relative = format!("//{}/ships", stranger.addr());
        assert_eq!(text(&client, "ships").await, "home");
        assert_eq!(text(&client, relative).await, "stranger");
        let names = headers.map(|(name, _)| name);
        let got = |server: &Server| names.map(|name| server.requests()[0].header(name).is_some());
        assert_eq!((got(&home), got(&stranger)), ([true, true, true], [false, false, true]));
        assert_eq!(home.requests()[0].path(), "/v1/ships", "the last segment of the base URL stays");
    });
}

#[test]
fn passwords_are_not_shown() {
    testing::run(1, |rt| async move {
        let headers = vec![("authorization".to_owned(), "Bearer secret".to_owned())];
        let base_url = Some("https://captain:secret@example.org/".to_owned());
        let config = Config { base_url, headers, ..config() };
        let client = client(&rt, config.clone());
        let request = client.get("https://captain:secret@example.org/");
        let broken = client.get("https://captain:secret@example.org:99999/").build().unwrap_err();
        let bad = Config { base_url: Some("ftp://captain:secret@example.org/".to_owned()), ..config.clone() };
        let refused = Client::new(&rt, bad).unwrap_err();
        for shown in [
            format!("{config:?}"),
            format!("{client:?}"),
            format!("{request:?}"),
            format!("{:?}", request.build().unwrap()),
            format!("{broken} {broken:?}"),
            format!("{refused} {refused:?}"),
        ] {
            assert!(!shown.contains("secret@") && !shown.contains("Bearer"), "{shown}");
        }
        assert!(broken.to_string().contains("***@example.org:99999"), "{broken}");
    });
}

#[test]
fn a_caller_without_patience_does_not_open_the_breaker_and_a_host_that_hangs_does() {
    for_each_seed(0..3, |rt| async move {
        let server = serve_reply(&rt, Reply::hang()).await;
        let breaker = crate::resilience::breaker::Config::default();
        let client = client(&rt, Config { breaker: Some(breaker), ..once() });
        let state = || client.breaker(server.url("/")).unwrap().unwrap().state();
        for _ in 0..100 {
            let request = client.get(server.url("/")).timeout(Duration::from_millis(20));
            request.send().await.unwrap_err();
        }
        assert_eq!(state(), crate::resilience::breaker::State::Closed);
        for _ in 0..100 {
            let request = client.get(server.url("/")).timeout(secs(1));
            request.send().await.unwrap_err();
        }
        assert_eq!(state(), crate::resilience::breaker::State::Open);
    });
}

#[test]
fn connections_are_kept_though_more_ask_than_there_may_be() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
        let client = client(&rt, Config { connections_max: 4, ..config() });
        let gets = (0..100).map(|n| {
            let (client, url) = (client.clone(), server.url(&format!("/{n}")));
            async move { text(&client, url).await }
        });
        futures::future::join_all(gets).await;
        assert_eq!(server.connections().accepted, 4);
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn connects_that_nobody_wants_any_more_leave_the_line() {
    for_each_seed(0..5, |rt| async move {
        let slow = serve_reply(&rt, Reply::text("at last").after(secs(60))).await;
        let other = serve_reply(&rt, Reply::text("ahoy")).await;
        let client = client(&rt, Config { connections_max: 1, connections_per_host_max: 1, ..once() });
        let long = client.get(slow.url("/")).timeout(secs(100)).send();
        let long = rt.spawn("long", long);
        rt.sleep(secs(1)).await;
        let many = (0..50).map(|_| client.get(other.url("/")).timeout(secs(2)).send());
        assert!(futures::future::join_all(many).await.iter().all(Result::is_err));
        assert_eq!(long.await.unwrap().unwrap().text().await.unwrap(), "at last");
        rt.sleep(secs(2)).await;
        assert_eq!(other.connections().accepted, 0, "nobody was left to connect for");
        assert_eq!(text(&client, other.url("/")).await, "ahoy");
    });
}
