//! Each phase has a limit of its own, all of them have one together, and the error says which it was.

use super::*;
use crate::{rt::Address, testing::Fate};

fn limited(change: impl FnOnce(&mut Timeouts)) -> Config {
    let mut config = once();
    change(&mut config.timeouts);
    config
}

/// The phase and the limit that an error names.
fn named(error: &Error) -> (Phase, Duration) {
    match error.kind() {
        ErrorKind::TimedOut { phase, limit } => {
            assert!(error.is_timeout());
            assert!(told(error).contains(&format!("in phase {phase}")), "{}", told(error));
            (*phase, *limit)
        }
        other => panic!("no timeout: {other:?}"),
    }
}

fn assert_took(rt: &Rt, start: std::time::Instant, expected: Duration) {
    let took = rt.now() - start;
    assert!((expected..expected + Duration::from_millis(100)).contains(&took), "{took:?}");
}

#[test]
fn a_head_that_does_not_come_is_over_at_first_byte() {
    for_each_seed(0..10, |rt| async move {
        for reply in
            [Reply::hang(), Reply::text("ahoy").trickle_head(1, secs(1)), Reply::text("x").after(secs(9))]
        {
            let server = serve_reply(&rt, reply).await;
            let client = client(&rt, limited(|timeouts| timeouts.first_byte = Some(secs(3))));
            let start = rt.now();
            let error = client.get(server.url("/")).send().await.unwrap_err();
            assert_eq!(named(&error), (Phase::FirstByte, secs(3)));
            assert!(error.may_have_been_sent());
            assert_took(&rt, start, secs(3));
            assert_adds_up(error.report());
            assert_at_rest(&rt, &client).await;
            assert_eq!((client.stats().idle, server.connections().open), (0, 0));
        }
    });
}

#[test]
fn a_body_that_stalls_is_over_between_bytes() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy").trickle(2, secs(20))).await;
        let client = client(&rt, config());
        let mut reply = client.get(server.url("/")).send().await.unwrap();
        let start = rt.now();
        let mut seen = Vec::new();
        let error = loop {
            match reply.chunk().await {
                Ok(piece) => seen.extend_from_slice(&piece.expect("it stalls")),
                Err(error) => break error,
            }
        };
        assert_eq!((seen.as_slice(), named(&error)), (&b"ah"[..], (Phase::BetweenBytes, secs(15))));
        assert_took(&rt, start, secs(15));
        assert!(reply.chunk().await.unwrap().is_none());
    });
}

#[test]
fn one_byte_a_second_is_quick_enough_between_bytes_and_not_in_all() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::bytes(vec![7; 1000]).trickle(1, secs(1))).await;
        let client = client(&rt, config());
        let start = rt.now();
        let error = client.get(server.url("/")).send().await.unwrap().bytes().await.unwrap_err();
        assert_eq!(named(&error), (Phase::Body, secs(30)));
        assert_took(&rt, start, secs(30));
        assert_at_rest(&rt, &client).await;
        assert_eq!(client.stats().idle, 0);
    });
}

#[test]
fn a_body_that_always_has_more_is_over_in_the_end() {
    for_each_seed(0..4, |rt| async move {
        let server = serve_reply(&rt, Reply::endless_body()).await;
        let client = client(&rt, limited(|timeouts| timeouts.total = Some(secs(2))));
        let mut reply = client.get(server.url("/")).send().await.unwrap();
        let start = rt.now();
        let error = loop {
            // Whoever is slow itself finds the next piece there already.
            rt.sleep(Duration::from_millis(100)).await;
            match reply.chunk().await {
                Ok(piece) => drop(piece.expect("endless")),
                Err(error) => break error,
            }
        };
        assert_eq!(named(&error), (Phase::Body, secs(2)));
        assert!(rt.now() - start < secs(3));
    });
}

#[test]
fn one_deadline_covers_redirects_retries_pauses_and_the_body() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| match (request.path(), request.nth) {
            ("/", _) => Reply::redirect(302, "/busy").after(secs(2)),
            ("/busy", 2) => Reply::new(503).header("retry-after", "3").after(secs(1)),
            _ => Reply::bytes(vec![7; 100]).trickle(1, secs(1)).after(secs(1)),
        })
        .await;
        let client = client(&rt, config());
        let start = rt.now();
        let reply = client.get(server.url("/")).timeout(secs(12)).send().await.unwrap();
        assert_eq!(reply.report().attempts().len(), 3);
        let error = reply.bytes().await.unwrap_err();
        assert_eq!(named(&error), (Phase::Body, secs(12)));
        assert_took(&rt, start, secs(12));
    });
}

#[test]
fn a_deadline_of_the_caller_counts_if_it_is_earlier() {
    for_each_seed(0..5, |rt| async move {
        let server = serve_reply(&rt, Reply::hang()).await;
        let client = client(&rt, config());
        for (timeout, deadline, expected) in [(10, 4, 4), (4, 10, 4)] {
            let start = rt.now();
            let deadline = crate::time::Deadline::after(&rt, "test", secs(deadline));
            let sent = client.post(server.url("/")).timeout(secs(timeout)).deadline(deadline).send().await;
            assert_eq!(named(&sent.unwrap_err()), (Phase::FirstByte, secs(expected)));
            assert_took(&rt, start, secs(expected));
        }
    });
}

/// Connects that never end, on the test runtime's network.
fn unreachable_network() -> testing::Config {
    let config = testing::Config::default();
    config.network.on_connect(|to: &Address| {
        if to.tcp().is_some_and(|to| to.port() == 81) { Fate::Hang } else { Fate::Proceed }
    });
    config
}

#[test]
fn a_connect_that_hangs_is_over_at_connect() {
    testing::run(unreachable_network(), |rt| async move {
        let client = client(&rt, config());
        let start = rt.now();
        let error = client.get("http://127.0.0.1:81/").attempts_max(1).send().await.unwrap_err();
        assert_eq!(named(&error), (Phase::Connect, secs(10)));
        assert!(!error.may_have_been_sent());
        assert_took(&rt, start, secs(10));
        assert_adds_up(error.report());
        // Three times ten seconds are more than there is: the rest of it is the connect's as well.
        let error = client.get("http://127.0.0.1:81/").send().await.unwrap_err();
        assert_eq!(named(&error).0, Phase::Connect);
        let error = client.get("http://127.0.0.1:81/").timeout(secs(3)).send().await.unwrap_err();
        assert_eq!(named(&error), (Phase::Connect, secs(3)), "nobody else had a connection to wait for");
        assert!(!error.may_have_been_sent());
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn a_connect_is_no_wait_for_a_connection() {
    testing::run(unreachable_network(), |rt| async move {
        let client = client(&rt, limited(|timeouts| timeouts.queue = Some(secs(2))));
        let error = client.get("http://127.0.0.1:81/").send().await.unwrap_err();
        assert_eq!(named(&error), (Phase::Connect, secs(10)));
    });
}

#[test]
fn a_wait_for_a_connection_is_over_at_queue() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy").trickle(1, secs(1))).await;
        for is_global in [false, true] {
            let mut config = limited(|timeouts| timeouts.queue = Some(secs(2)));
            let bound =
                if is_global { &mut config.connections_max } else { &mut config.connections_per_host_max };
            *bound = 1;
            let client = client(&rt, config);
            let holder = client.get(server.url("/")).send().await.unwrap();
            let other = if is_global { alias(&server, "/") } else { server.url("/") };
            let start = rt.now();
            let error = client.get(&other).send().await.unwrap_err();
            assert_eq!(named(&error), (Phase::Queue, secs(2)));
            assert!(!error.may_have_been_sent());
            assert_took(&rt, start, secs(2));
            assert!(error.report().last().unwrap().timings.queue >= secs(2), "{error:?}");
            assert_adds_up(error.report());
            assert_eq!(holder.text().await.unwrap(), "ahoy");
            assert_eq!(text(&client, other).await, "ahoy");
            assert_at_rest(&rt, &client).await;
        }
    });
}

#[test]
fn timings_add_up_also_on_a_connection_that_was_begun_for_another() {
    for_each_seed(0..40, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy").after(Duration::from_millis(5))).await;
        let client = client(&rt, config());
        let sends: Vec<_> = (0..6)
            .map(|n| {
                let (inner, client, url) = (rt.clone(), client.clone(), server.url("/"));
                rt.spawn("send", async move {
                    inner.sleep(Duration::from_micros(n * 300)).await;
                    if n % 2 == 0 {
                        // Leaves while the connect is under way.
                        drop(inner.timeout(Duration::from_micros(400), client.get(url).send()).await);
                        return;
                    }
                    let mut reply = client.get(url).send().await.unwrap();
                    assert_adds_up(reply.report());
                    while reply.chunk().await.unwrap().is_some() {}
                    assert_adds_up(reply.report());
                    let timings = reply.report().last().unwrap().timings;
                    assert!(timings.first_byte >= Duration::from_millis(5), "{timings:?}");
                })
            })
            .collect();
        for send in sends {
            send.await.unwrap();
        }
        assert_at_rest(&rt, &client).await;
    });
}
