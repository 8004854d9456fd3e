//! What is sent again, how often, when, and what is told of it.

use super::*;
use crate::resilience::{breaker, budget};
use crate::time::{Backoff, Jitter};

/// Pauses that one can compute.
fn steady(pause: Duration) -> Retry {
    let backoff = Backoff { initial: pause, factor: 1, max: pause, jitter: Jitter::None };
    Retry { backoff, ..Retry::default() }
}

#[test]
fn a_status_that_passes_is_tried_again_and_the_ledger_tells() {
    for_each_seed(0..20, |rt| async move {
        let count = std::sync::atomic::AtomicU32::new(0);
        let server =
            serve(&rt, move |_: &Received| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Reply::new(503),
                1 => Reply::new(429),
                _ => Reply::text("ahoy"),
            })
            .await;
        let client = client(&rt, config());
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let endings = [503, 429, 200].map(|status| Ending::Answered(StatusCode::from_u16(status).unwrap()));
        let expected: Vec<_> = (1..).zip(endings).map(|(number, ending)| (0, number, ending)).collect();
        assert_eq!(numbers_and_endings(reply.report()), expected);
        let pauses: Vec<_> =
            reply.report().attempts().iter().map(|attempt| attempt.pause.is_some()).collect();
        assert_eq!(pauses, [true, true, false]);
        assert_adds_up(reply.report());
        assert_eq!(client.stats().retries, 2);
        drop(reply);
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn retries_that_end_on_a_status_are_a_reply_with_the_ledger() {
    for_each_seed(0..20, |rt| async move {
        let server = serve_reply(&rt, Reply::text("sorry").status(503)).await;
        let client = client(&rt, config());
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.report().attempts().len()), (503, 3));
        assert_eq!(reply.text().await.unwrap(), "sorry");
        let reply = client.get(server.url("/")).attempts_max(1).send().await.unwrap();
        let error = reply.error_for_status().unwrap_err();
        assert_eq!(error.status().unwrap(), 503);
        assert_eq!(error.report().attempts().len(), 1);
        assert_eq!(server.requests().len(), 4);
    });
}

#[test]
fn retries_that_end_on_an_error_are_an_error_with_the_ledger() {
    for_each_seed(0..20, |rt| async move {
        let server = serve_reply(&rt, Reply::reset_before_reply()).await;
        let error = client(&rt, config()).get(server.url("/")).send().await.unwrap_err();
        let failed = Ending::Failed(Phase::FirstByte);
        assert_eq!(numbers_and_endings(error.report()), [(0, 1, failed), (0, 2, failed), (0, 3, failed)]);
        assert_eq!(server.requests().len(), 3);
        assert_adds_up(error.report());
        assert!(error.to_string().ends_with("(attempt 3)"), "{error}");
    });
}

#[test]
fn retry_after_is_waited_for_in_seconds_and_as_a_date() {
    for_each_seed(0..20, |rt| async move {
        for header in ["7", "Thu, 01 Jan 2026 00:01:07 GMT"] {
            let server = serve(&rt, move |request: &Received| {
                // The clock of the sender counts.
                let late = Reply::new(503).header("retry-after", header);
                let late = late.header("date", "Thu, 01 Jan 2026 00:01:00 GMT");
                if request.nth == 1 { late } else { Reply::text("ahoy") }
            })
            .await;
            let client = client(&rt, Config { retry: steady(secs(1)), ..config() });
            let reply = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(
                reply.report().attempts()[0].pause,
                Some(secs(8)),
                "what was asked for, and the backoff"
            );
            assert_eq!(reply.text().await.unwrap(), "ahoy");
            let requests = server.requests();
            assert!(requests[1].at - requests[0].at >= secs(8));
        }
    });
}

#[test]
fn whoever_asks_for_too_long_a_pause_is_not_asked_again() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::new(503).header("retry-after", "31")).await;
        let start = rt.now();
        let reply = client(&rt, config()).get(server.url("/")).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), server.requests().len()), (503, 1));
        assert!(rt.now() - start < secs(1));
    });
}

#[test]
fn a_pause_that_outlasts_the_deadline_is_not_begun() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::new(503).header("retry-after", "20")).await;
        let client = client(&rt, config());
        let start = rt.now();
        let reply = client.get(server.url("/")).timeout(secs(10)).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), server.requests().len()), (503, 1));
        assert!(rt.now() - start < secs(1));
    });
}

#[test]
fn what_is_not_idempotent_is_not_repeated_after_a_status_unless_it_has_a_key() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::new(503)).await;
        let client = client(&rt, config());
        let count = |server: &Server, path: &str| {
            server.requests().iter().filter(|request| request.path() == path).count()
        };
        for (method, path, times) in [
            (Method::POST, "/post", 1),
            (Method::PATCH, "/patch", 1),
            (Method::PUT, "/put", 3),
            (Method::DELETE, "/delete", 3),
            (Method::OPTIONS, "/options", 3),
            (Method::HEAD, "/head", 3),
        ] {
            client.request(method, server.url(path)).body("ahoy").send().await.unwrap();
            assert_eq!(count(&server, path), times, "{path}");
        }
        client.post(server.url("/keyed")).header("idempotency-key", "7").body("ahoy").send().await.unwrap();
        assert_eq!(count(&server, "/keyed"), 3);
        let all = server.requests();
        assert!(all.iter().all(|request| request.text() == "ahoy"), "the body goes along each time");
    });
}

#[test]
fn a_streaming_body_is_not_repeated() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/status" => Reply::new(503),
            _ => Reply::reset_before_reply(),
        })
        .await;
        let client = client(&rt, config());
        let body = || Body::stream(futures::stream::iter([Ok("a".into()), Ok("hoy".into())]));
        let reply = client.put(server.url("/status")).body(body()).send().await.unwrap();
        assert_eq!(reply.report().attempts().len(), 1);
        let error = client.put(server.url("/reset")).body(body()).send().await.unwrap_err();
        assert_eq!(error.report().attempts().len(), 1);
        assert_eq!(server.requests().len(), 2);
        assert_eq!(server.requests()[0].text(), "ahoy");
    });
}

#[test]
fn a_streaming_body_of_which_nothing_was_taken_is_still_there() {
    for_each_seed(0..40, |rt| async move {
        let server = serve(&rt, |request: &Received| {
            if request.path() == "/first" {
                Reply::text("ahoy").keep_alive_race(1, secs(1))
            } else {
                Reply::text(request.text())
            }
        })
        .await;
        let client = client(&rt, config());
        text(&client, server.url("/first")).await;
        rt.sleep(secs(3)).await;
        let body = Body::stream(futures::stream::iter([Ok("a".into()), Ok("hoy".into())]));
        let reply = client.post(server.url("/")).body(body).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "ahoy");
    });
}

#[test]
fn a_connect_that_fails_is_tried_again_also_for_a_post() {
    for_each_seed(0..20, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let url = server.url("/");
        server.set_accept(Accept::Refuse).await.unwrap();
        let client = client(&rt, Config { retry: steady(secs(1)), ..config() });
        let sending = rt.spawn("send", async move {
            let body = Body::stream(futures::stream::iter([Ok("ahoy".into())]));
            client.post(url).body(body).send().await
        });
        rt.sleep(Duration::from_millis(1500)).await;
        server.set_accept(Accept::Serve).await.unwrap();
        let reply = sending.await.unwrap().unwrap();
        let failed = Ending::Failed(Phase::Connect);
        let answered = Ending::Answered(StatusCode::OK);
        assert_eq!(numbers_and_endings(reply.report()), [(0, 1, failed), (0, 2, failed), (0, 3, answered)]);
        assert_eq!(server.requests()[0].text(), "ahoy");
    });
}

#[test]
fn a_host_that_accepts_and_hangs_up_is_asked_no_oftener_than_one_that_refuses() {
    for_each_seed(0..40, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        server.set_accept(Accept::Reset).await.unwrap();
        let client = client(&rt, config());
        let error = client.get(server.url("/")).send().await.unwrap_err();
        assert_eq!(error.report().attempts().len(), 3, "{error:?}");
        assert!(server.connections().accepted <= 3, "{:?}", server.connections());
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn a_budget_bounds_the_retries_of_a_host_whatever_its_callers_would_like() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::new(503)).await;
        let budget = budget::Config { ratio: 0.0, tokens_max: 5, reserve_per_second: 0 };
        let retry = Retry { budget, attempts_max: 10, ..steady(Duration::from_millis(1)) };
        let client = client(&rt, Config { retry, ..config() });
        for _ in 0..20 {
            let reply = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(reply.status(), 503);
        }
        let stats = client.stats();
        assert_eq!((stats.requests, server.requests().len() as u64), (20, 20 + stats.retries));
        assert!(stats.retries <= 5 && stats.retries_refused > 0, "{stats:?}");
        // Another host has one of its own.
        client.get(alias(&server, "/")).send().await.unwrap();
        assert!(client.stats().retries > stats.retries);
    });
}

#[test]
fn a_breaker_leaves_a_host_alone_that_fails() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::new(500)).await;
        let breaker =
            breaker::Config { window: breaker::Window::Consecutive { failures: 3 }, ..Default::default() };
        let client = client(&rt, Config { breaker: Some(breaker), ..once() });
        for _ in 0..3 {
            assert_eq!(client.get(server.url("/")).send().await.unwrap().status(), 500);
        }
        let error = client.get(server.url("/")).send().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Refused { retry_after: Some(_), .. }), "{error:?}");
        assert!(!error.may_have_been_sent());
        assert_eq!((error.phase(), server.requests().len()), (Some(Phase::Limit), 3));
        client.get(alias(&server, "/")).send().await.unwrap();
    });
}
