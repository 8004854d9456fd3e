//! Connections are used again, but never a dirty one, and a stale one costs no request.

use super::*;

/// `/n` is answered with `n`, so that a reply that belongs to another request is seen.
fn echo_path(request: &Received) -> Reply {
    Reply::text(request.path())
}

/// Every reply is the one to its request.
async fn assert_clean(client: &Client, server: &Server) {
    for number in 0..4 {
        let path = format!("/check/{number}");
        assert_eq!(text(client, server.url(&path)).await, path);
    }
}

#[test]
fn one_connection_serves_requests_one_after_the_other() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, echo_path).await;
        let client = client(&rt, config());
        assert_clean(&client, &server).await;
        assert_eq!(server.connections().accepted, 1);
        assert_eq!(client.stats().idle, 1);
    });
}

#[test]
fn a_body_that_is_dropped_unread_is_drained_if_it_is_small() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/some" => Reply::bytes(vec![7; 60 << 10]),
            "/chunks" => Reply::chunked(vec![vec![7; 10 << 10]; 6]),
            _ => echo_path(request),
        })
        .await;
        let client = client(&rt, config());
        for path in ["/some", "/chunks"] {
            drop(client.get(server.url(path)).send().await.unwrap());
            rt.sleep(secs(1)).await;
            assert_eq!(client.stats().idle, 1, "{path}");
            assert_clean(&client, &server).await;
        }
        assert_eq!(server.connections().accepted, 1);
    });
}

#[test]
fn a_body_beyond_the_bound_costs_its_connection_and_is_not_read() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/much" => Reply::bytes(vec![7; 300 << 10]),
            "/chunks" => Reply::chunked(vec![vec![7; 10 << 10]; 30]),
            "/endless" => Reply::endless_body(),
            "/slow" => Reply::text("slow").trickle(1, secs(1)),
            "/never" => Reply::text("x").content_length(10),
            _ => echo_path(request),
        })
        .await;
        let client = client(&rt, config());
        for path in ["/much", "/chunks", "/endless", "/slow", "/never"] {
            drop(client.get(server.url(path)).send().await.unwrap());
            rt.sleep(secs(2)).await;
            let stats = client.stats();
            assert_eq!((stats.in_use, stats.idle), (0, 0), "{path}");
            assert_eq!(server.connections().open, 0, "{path}");
        }
        assert_clean(&client, &server).await;
    });
}

#[test]
fn a_body_half_read_counts_like_one_unread() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/parts" => Reply::chunked(["one", "two", "three"]).trickle(8, Duration::from_millis(20)),
            _ => echo_path(request),
        })
        .await;
        let client = client(&rt, config());
        let mut reply = client.get(server.url("/parts")).send().await.unwrap();
        assert!(reply.chunk().await.unwrap().is_some());
        drop(reply);
        assert_clean(&client, &server).await;
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn a_connection_with_garbage_after_the_reply_is_never_used_again() {
    for_each_seed(0..40, |rt| async move {
        let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
        let server = serve(&rt, move |request: &Received| match request.path() {
            "/after" => Reply::text("ahoy").garbage(evil),
            "/bodiless" => Reply::new(204).garbage(evil),
            "/unmodified" => Reply::new(304).garbage("not a body"),
            "/more" => Reply::text("ahoy and more").content_length(4),
            "/head" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nahoy"),
            _ => echo_path(request),
        })
        .await;
        let client = client(&rt, config());
        for path in ["/after", "/bodiless", "/unmodified", "/more"] {
            let reply = client.get(server.url(path)).send().await.unwrap();
            let (status, body) = (reply.status(), reply.text().await.unwrap());
            assert_eq!(body, if status == 200 { "ahoy" } else { "" }, "{path}");
            assert_clean(&client, &server).await;
        }
        let reply = client.head(server.url("/head")).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "");
        assert_clean(&client, &server).await;
        for (before, after) in server.requests().iter().zip(server.requests().iter().skip(1)) {
            if !before.path().starts_with("/check") {
                assert_ne!(before.connection, after.connection, "after {}", before.path());
            }
        }
    });
}

#[test]
fn a_connection_that_says_it_closes_is_not_kept() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/close" => Reply::text("ahoy").close(),
            "/old" => Reply::text("ahoy").http_10(),
            "/until" => Reply::text("ahoy").until_close(),
            _ => echo_path(request),
        })
        .await;
        let client = client(&rt, config());
        for path in ["/close", "/old", "/until"] {
            assert_eq!(text(&client, server.url(path)).await, "ahoy");
            assert_eq!(client.stats().in_use, 0);
            assert_clean(&client, &server).await;
        }
        assert_eq!(server.connections().accepted, 4);
    });
}

#[test]
fn a_connection_that_went_stale_costs_no_request_and_no_attempt() {
    for_each_seed(0..60, |rt| async move {
        let server = serve(&rt, |request: &Received| {
            if request.nth == 1 { echo_path(request).keep_alive_race(1, secs(5)) } else { echo_path(request) }
        })
        .await;
        let client = client(&rt, once());
        text(&client, server.url("/first")).await;
        // The server closes: known before anything is sent.
        rt.sleep(secs(6)).await;
        let reply = client.post(server.url("/second")).body("ahoy").send().await.unwrap();
        assert_eq!(reply.report().attempts().len(), 1);
        assert!(!reply.report().attempts()[0].is_reused);
        drop(reply);
        let paths: Vec<_> = server.requests().iter().map(|request| request.path().to_owned()).collect();
        assert_eq!(paths, ["/first", "/second"]);
    });
}

/// The server closes at an instant that depends on the seed, before, while or after the next request is sent.
async fn race(rt: &Rt, method: Method) -> (Result<String, Error>, Vec<Received>) {
    let server = serve(rt, |request: &Received| {
        // A POST that is received is carried out, whether it is answered or not.
        if request.nth == 1 && request.path() == "/first" {
            echo_path(request).keep_alive_race(1, secs(1))
        } else {
            echo_path(request)
        }
    })
    .await;
    let client = client(rt, config());
    text(&client, server.url("/first")).await;
    let jitter = Duration::from_micros(rt.rng("test.race").below(6_000));
    rt.sleep(secs(1) - Duration::from_millis(4) + jitter).await;
    let sent = client.request(method, server.url("/second")).body("ahoy").send().await;
    let body = match sent {
        Ok(reply) => {
            assert_adds_up(reply.report());
            reply.text().await
        }
        Err(error) => Err(error),
    };
    (body, server.requests())
}

#[test]
fn a_get_survives_the_keep_alive_race() {
    for_each_seed(0..200, |rt| async move {
        let (body, _) = race(&rt, Method::GET).await;
        assert_eq!(body.unwrap(), "/second");
    });
}

#[test]
fn a_post_that_may_have_been_sent_is_not_repeated_and_one_that_was_not_is() {
    for_each_seed(0..200, |rt| async move {
        let (body, requests) = race(&rt, Method::POST).await;
        let seen = requests.iter().filter(|request| request.path() == "/second").count();
        match body {
            Ok(body) => {
                assert_eq!((body.as_str(), seen), ("/second", 1));
            }
            Err(error) => {
                assert!(error.may_have_been_sent(), "{error:?}");
                assert_eq!(error.report().attempts().len(), 1, "{error:?}");
                assert!(seen <= 1);
            }
        }
    });
}

#[test]
fn a_post_that_was_carried_out_and_not_answered_is_sent_once() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/close" => Reply::close_before_reply(),
            "/reset" => Reply::reset_before_reply(),
            _ => echo_path(request),
        })
        .await;
        let client = client(&rt, config());
        text(&client, server.url("/first")).await;
        for path in ["/close", "/reset"] {
            let error = client.post(server.url(path)).body("ahoy").send().await.unwrap_err();
            assert!(error.may_have_been_sent(), "{error:?}");
            assert!(told(&error).contains("may have been carried out"), "{}", told(&error));
            assert_eq!(server.requests().iter().filter(|request| request.path() == path).count(), 1);
        }
    });
}

#[test]
fn idle_connections_are_closed_after_their_time_and_after_their_uses() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, echo_path).await;
        let config = Config { idle_timeout: Some(secs(10)), requests_per_connection_max: 3, ..config() };
        let client = client(&rt, config);
        assert_clean(&client, &server).await;
        assert_eq!(server.connections().accepted, 2, "three uses each");
        rt.sleep(secs(20)).await;
        assert_eq!((client.stats().idle, server.connections().open), (0, 0));
    });
}

#[test]
fn scheme_host_and_port_have_connections_of_their_own() {
    for_each_seed(0..10, |rt| async move {
        let (one, two) = (serve(&rt, echo_path).await, serve(&rt, echo_path).await);
        let client = client(&rt, config());
        for url in
            [one.url("/"), alias(&one, "/"), two.url("/"), one.url("/"), alias(&one, "/"), two.url("/")]
        {
            text(&client, url).await;
        }
        assert_eq!((one.connections().accepted, two.connections().accepted), (2, 1));
        assert_eq!(client.stats().hosts, 3);
    });
}
