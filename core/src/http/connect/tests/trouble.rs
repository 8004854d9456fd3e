use std::time::Duration;

use bytes::Bytes;
use futures::{
    StreamExt,
    future::{join, join_all},
    stream,
};
use h2::Reason;

use super::{
    server::{End, Terms},
    *,
};
use crate::http::*;
use crate::testing::{self, for_each_seed};

fn second() -> Duration {
    Duration::from_secs(1)
}

#[test]
fn what_was_refused_is_sent_again_whatever_it_is() {
    for_each_seed(0..8, |rt| async move {
        let handler = |mut call: Call| async move {
            if call.number < 2 {
                return call.respond.send_reset(Reason::REFUSED_STREAM);
            }
            call.drain().await;
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let reply = client.post(server.url("/")).body("once").send().await.unwrap();
        assert_eq!(reply.report().attempts().len(), 3);
        assert_eq!((server.log.connections(), server.log.requests()), (1, 3));
    });
}

#[test]
fn a_stream_that_was_refused_is_not_sent_again_if_its_body_is_gone() {
    testing::run(1, |rt| async move {
        let handler = |mut call: Call| async move { call.respond.send_reset(Reason::REFUSED_STREAM) };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let pieces = stream::iter(["a"]).map(|piece| Ok(Bytes::from(piece)));
        let error = client.post(server.url("/")).body(Body::stream(pieces)).send().await.unwrap_err();
        assert!(!error.may_have_been_sent(), "{error:?}");
        assert_eq!(server.log.requests(), 1);
    });
}

#[test]
fn what_may_have_been_carried_out_is_sent_again_only_if_it_is_idempotent() {
    for_each_seed(0..8, |rt| async move {
        let handler = |mut call: Call| async move {
            if call.number < 2 {
                return call.respond.send_reset(Reason::INTERNAL_ERROR);
            }
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let error = client.post(server.url("/")).body("once").send().await.unwrap_err();
        assert!(error.may_have_been_sent() && error.report().attempts().len() == 1, "{error:?}");
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.report().attempts().len(), 2);
    });
}

#[test]
fn a_connection_that_goes_away_ends_what_it_began_and_gets_nothing_new() {
    for_each_seed(0..8, |rt| async move {
        let handler = |call: Call| async move {
            if call.number == 2 {
                call.end.unbounded_send(End::Graceful).unwrap();
            }
            call.rt.sleep(second()).await;
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let before = join_all((0..5).map(|_| client.post(server.url("/")).send()));
        let after = async {
            rt.sleep(second() / 2).await;
            join_all((0..5).map(|_| client.post(server.url("/")).send())).await
        };
        let (before, after) = join(before, after).await;
        for reply in before.into_iter().chain(after) {
            let reply = reply.unwrap();
            assert_eq!(reply.report().attempts().len(), 1);
            assert_eq!(reply.text().await.unwrap(), "ahoy");
        }
        assert_eq!((server.log.connections(), server.log.requests()), (2, 10));
        rt.sleep(second()).await;
        assert_eq!(server.log.open(), 1);
    });
}

#[test]
fn what_came_too_late_for_a_connection_that_goes_away_is_sent_again() {
    for_each_seed(0..32, |rt| async move {
        let handler = |call: Call| async move {
            // Each connection takes a few and goes.
            if call.number % 4 == 3 {
                call.end.unbounded_send(End::Graceful).unwrap();
            }
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| config.retry.budget.tokens_max = 1000);
        let replies = join_all((0..40).map(|n| {
            let (client, server, rt) = (&client, &server, &rt);
            async move {
                rt.sleep(Duration::from_micros(n * 10)).await;
                client.post(server.url("/")).send().await
            }
        }));
        for reply in replies.await {
            reply.unwrap();
        }
        assert_eq!(server.log.requests(), 40, "none was carried out twice");
    });
}

#[test]
fn a_connection_that_breaks_fails_what_is_on_it_and_is_replaced() {
    for_each_seed(0..8, |rt| async move {
        let handler = |call: Call| async move {
            if call.connection == 0 {
                call.rt.sleep(second()).await;
                let _ = call.end.unbounded_send(End::Abrupt(Reason::ENHANCE_YOUR_CALM));
                return;
            }
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let gets = join_all((0..5).map(|_| client.get(server.url("/")).send()));
        let post = client.post(server.url("/")).body("once").send();
        let (gets, post) = join(gets, post).await;
        for reply in gets {
            assert_eq!(reply.unwrap().report().attempts().len(), 2);
        }
        assert!(post.unwrap_err().may_have_been_sent());
        assert_eq!(server.log.connections(), 2);
    });
}

#[test]
fn a_connection_without_a_word_is_not_trusted_with_the_next_attempt() {
    testing::run(1, |rt| async move {
        let handler = |call: Call| async move {
            if call.connection == 0 && call.number > 0 {
                call.rt.sleep(1000 * second()).await;
            }
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| config.timeouts.first_byte = Some(second()));
        client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.report().attempts().len(), 2);
        assert_eq!(server.log.connections(), 2);
    });
}

#[test]
fn a_body_that_stalls_is_given_up_and_others_go_on() {
    testing::run(1, |rt| async move {
        let handler = |mut call: Call| async move {
            if call.number > 0 {
                return call.reply("ahoy");
            }
            let mut body = call.begin();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            call.rt.sleep(1000 * second()).await;
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| config.timeouts.between_bytes = Some(second()));
        let reply = client.get(server.url("/")).send().await.unwrap();
        let error = reply.text().await.unwrap_err();
        assert_eq!((error.phase(), error.is_timeout()), (Some(Phase::BetweenBytes), true));
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "ahoy");
        assert_eq!(server.log.connections(), 1);
    });
}

#[test]
fn many_resets_end_a_connection_before_either_side_loses_count() {
    testing::run(1, |rt| async move {
        let handler = |mut call: Call| async move {
            let mut body = call.begin();
            let _ = body.send_data(Bytes::from_static(b"begun"), false);
            call.rt.sleep(second()).await;
            let _ = body.send_data(Bytes::from_static(b"more"), true);
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        for _ in 0..2500 {
            let reply = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(reply.report().attempts().len(), 1);
        }
        assert_eq!(server.log.connections(), 3);
    });
}
