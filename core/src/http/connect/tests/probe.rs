use std::time::Duration;

use futures::future::join_all;

use super::{server::Terms, *};
use crate::http::*;
use crate::testing::for_each_seed;

#[test]
fn ten_requests_at_once_to_a_new_host_of_http_2_make_one_connection() {
    for_each_seed(0..16, |rt| async move {
        let handler = |call: Call| async move { call.reply("ahoy") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let replies = join_all((0..10).map(|_| get(&client, &server))).await;
        assert!(replies.iter().all(Result::is_ok));
        assert_eq!(server.log.connections(), 1);
    });
}

#[test]
fn ten_requests_at_once_to_a_new_host_of_http_1_go_on_side_by_side() {
    for_each_seed(0..16, |rt| async move {
        let handler = |call: Call| async move { call.reply("never") };
        let server = Server::start(&rt, Terms { http2: false, ..Terms::default() }, handler).await;
        let client = client(&server, |_| {});
        let before = rt.now();
        let replies = join_all((0..10).map(|_| get(&client, &server))).await;
        for reply in replies {
            assert_eq!(reply.unwrap().last().unwrap().version, Some(Version::HTTP_11));
        }
        assert_eq!(server.log.connections(), 10);
        assert_eq!(rt.now().duration_since(before).as_secs(), 1, "the answers take a second each");
    });
}

#[test]
fn hosts_of_http_1_have_as_many_connections_as_are_allowed() {
    for_each_seed(0..8, |rt| async move {
        let handler = |call: Call| async move { call.reply("never") };
        let server = Server::start(&rt, Terms { http2: false, ..Terms::default() }, handler).await;
        let client = client(&server, |config| config.connections_per_host_max = 3);
        let replies = join_all((0..10).map(|_| get(&client, &server))).await;
        assert!(replies.iter().all(Result::is_ok));
        assert_eq!(server.log.connections(), 3);
    });
}

#[test]
fn http_2_that_is_not_offered_is_not_spoken() {
    for_each_seed(0..2, |rt| async move {
        let handler = |call: Call| async move { call.reply("never") };
        let server = Server::start(&rt, Terms { http2: false, ..Terms::default() }, handler).await;
        let client = client(&server, |config| config.tls.http2 = false);
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.version(), Version::HTTP_11);
    });
}

#[test]
fn those_who_waited_for_a_connection_that_failed_fail_with_it() {
    for_each_seed(0..8, |rt| async move {
        let handler = |call: Call| async move { call.reply("never") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| {
            config.tls.extra_roots = vec![crate::testing::http::TestCa::new().unwrap().pem()];
            config.retry.attempts_max = 1;
        });
        let before = rt.now();
        let replies = join_all((0..10).map(|_| get(&client, &server))).await;
        for reply in replies {
            let error = reply.unwrap_err();
            assert_eq!(error.phase(), Some(Phase::Tls), "{error:?}");
            let why = std::error::Error::source(&error).unwrap().to_string();
            assert!(why.contains("TLS with `localhost`") && why.contains("UnknownIssuer"), "{why}");
        }
        assert!(rt.now().duration_since(before) < Duration::from_secs(1));
        assert_eq!(server.log.connections(), 1, "nobody tried again what had just failed");
    });
}

#[test]
fn a_connect_that_is_given_up_is_taken_over_by_the_next() {
    for_each_seed(0..8, |rt| async move {
        let handler = |call: Call| async move { call.reply("ahoy") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let first = client.get(server.url("/")).send();
        let second = client.get(server.url("/")).send();
        let left = rt.timeout(Duration::ZERO, first).await;
        drop(left);
        assert!(second.await.is_ok());
        assert_eq!(server.log.connections(), 1);
    });
}
