use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use event_listener::Event;
use futures::{
    StreamExt,
    future::{join, join_all, join3},
    stream,
};

use super::{server::Terms, *};
use crate::http::*;
use crate::testing::{self, for_each_drop_point, for_each_seed};

fn second() -> Duration {
    Duration::from_secs(1)
}

/// Answers when `many` requests are there at once.
fn together(many: usize) -> impl Fn(Call) -> futures::future::BoxFuture<'static, ()> + Send + Sync {
    let (count, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Event::new()));
    move |call: Call| {
        let (count, all) = (Arc::clone(&count), Arc::clone(&all));
        Box::pin(async move {
            let listener = all.listen();
            if count.fetch_add(1, Ordering::Relaxed) + 1 < many {
                listener.await;
            }
            all.notify(usize::MAX);
            call.reply("ahoy");
        })
    }
}

#[test]
fn a_hundred_requests_at_once_share_a_connection() {
    for_each_seed(0..8, |rt| async move {
        let server = Server::start(&rt, Terms::default(), together(100)).await;
        let client = client(&server, |_| {});
        let replies = join_all((0..100).map(|n| client.get(server.url(&format!("/{n}"))).send())).await;
        let mut reused = 0;
        for reply in replies {
            let reply = reply.unwrap();
            assert_eq!(reply.version(), Version::HTTP_2);
            let attempt = reply.report().last().unwrap();
            assert_eq!(attempt.version, Some(Version::HTTP_2));
            reused += usize::from(attempt.is_reused);
            assert_eq!(reply.text().await.unwrap(), "ahoy");
        }
        assert_eq!((server.log.connections(), reused), (1, 99));
    });
}

#[test]
fn one_connection_is_enough_for_as_many_requests_as_it_has_streams() {
    testing::run(1, |rt| async move {
        let server = Server::start(&rt, Terms::default(), together(100)).await;
        let client = client(&server, |config| config.connections_per_host_max = 1);
        let replies = join_all((0..300).map(|_| get(&client, &server))).await;
        assert!(replies.iter().all(Result::is_ok));
        assert_eq!(server.log.connections(), 1);
        assert_eq!(server.log.most(), 100);
    });
}

#[test]
fn when_all_streams_are_taken_another_connection_is_made_and_never_more_than_allowed() {
    for_each_seed(0..8, |rt| async move {
        let slow = |call: Call| async move {
            call.rt.sleep(second()).await;
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), slow).await;
        let client = client(&server, |config| {
            config.connections_per_host_max = 3;
            config.streams_per_connection_max = 10;
        });
        let before = rt.now();
        let replies = join_all((0..60).map(|_| get(&client, &server))).await;
        assert!(replies.iter().all(Result::is_ok));
        assert_eq!((server.log.connections(), server.log.most()), (3, 30));
        assert_eq!(rt.now().duration_since(before).as_secs(), 2);
    });
}

#[test]
fn the_peer_is_not_asked_for_more_streams_than_it_allows() {
    for_each_seed(0..8, |rt| async move {
        let slow = |call: Call| async move {
            call.rt.sleep(second()).await;
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms { streams_max: 3, ..Terms::default() }, slow).await;
        let client = client(&server, |config| config.connections_per_host_max = 2);
        let replies = join_all((0..12).map(|_| get(&client, &server))).await;
        for reply in replies {
            assert_eq!(reply.unwrap().attempts().len(), 1);
        }
        assert_eq!((server.log.connections(), server.log.most()), (2, 6));
    });
}

#[test]
fn bodies_bigger_than_the_windows_go_both_ways() {
    const SIZE: usize = 12 << 20;
    testing::run(1, |rt| async move {
        let echo = |mut call: Call| async move {
            let len = call.drain().await;
            let mut body = call.begin();
            for _ in 0..len >> 16 {
                body.reserve_capacity(1 << 16);
                let mut left = Bytes::from_static(&[7; 1 << 16]);
                while !left.is_empty() {
                    let n = futures::future::poll_fn(|cx| body.poll_capacity(cx)).await.unwrap().unwrap();
                    body.send_data(left.split_to(n.min(left.len())), false).unwrap();
                    body.reserve_capacity(left.len());
                }
            }
            body.send_data(Bytes::new(), true).unwrap();
        };
        let server = Server::start(&rt, Terms::default(), echo).await;
        let client = client(&server, |_| {});
        let pieces = stream::repeat(Bytes::from_static(&[1; 1 << 16])).take(SIZE >> 16).map(Ok);
        let mut reply = client.post(server.url("/")).body(Body::stream(pieces)).send().await.unwrap();
        let mut sum = 0;
        while let Some(chunk) = reply.chunk().await.unwrap() {
            assert!(chunk.iter().all(|byte| *byte == 7));
            sum += chunk.len();
        }
        assert_eq!(sum, SIZE);
        assert_eq!(client.stats().in_use, 0);
    });
}

#[test]
fn a_stalled_upload_ends_with_its_deadline_and_holds_up_nobody() {
    testing::run(1, |rt| async move {
        // The first is never read.
        let handler = |call: Call| async move {
            if call.number == 0 {
                call.rt.sleep(100 * second()).await;
            }
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let endless = stream::repeat(Bytes::from_static(&[1; 1 << 14])).map(Ok);
        let before = rt.now();
        let stalled = client.post(server.url("/")).body(Body::stream(endless)).timeout(5 * second()).send();
        let other = async {
            rt.sleep(second()).await;
            client.get(server.url("/")).send().await.unwrap().text().await.unwrap()
        };
        let (stalled, other) = join(stalled, other).await;
        assert!(stalled.unwrap_err().is_timeout());
        assert_eq!(other, "ahoy");
        assert_eq!(rt.now().duration_since(before), 5 * second());
        assert_eq!((client.stats().in_use, server.log.connections()), (0, 1));
    });
}

#[test]
fn a_body_that_is_dropped_resets_its_stream_only() {
    for_each_seed(0..8, |rt| async move {
        let handler = |mut call: Call| async move {
            if call.number > 0 {
                return call.reply("ahoy");
            }
            let mut body = call.begin();
            body.send_data(Bytes::from_static(b"begun"), false).unwrap();
            let reason = futures::future::poll_fn(|cx| body.poll_reset(cx)).await.unwrap();
            assert_eq!(reason, h2::Reason::CANCEL);
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let mut reply = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "begun");
        drop(reply);
        let reply = client.get(server.url("/")).send().await.unwrap();
        assert!(reply.report().last().unwrap().is_reused);
        assert_eq!(reply.text().await.unwrap(), "ahoy");
        rt.sleep(second()).await;
        let active = server.log.active.load(Ordering::Relaxed);
        assert_eq!((server.log.connections(), active), (1, 0));
    });
}

#[test]
fn a_request_may_be_dropped_at_each_of_its_polls() {
    let points = for_each_drop_point(
        0..4,
        |rt| async move {
            let handler = |mut call: Call| async move {
                call.drain().await;
                call.reply("ahoy");
            };
            let server = Server::start(&rt, Terms::default(), handler).await;
            let client = client(&server, |config| config.connections_per_host_max = 1);
            (Arc::new(server), client)
        },
        |_rt, (server, client)| async move {
            let pieces = stream::iter(["a", "b"]).map(|piece| Ok(Bytes::from(piece)));
            let reply = client.post(server.url("/")).body(Body::stream(pieces)).send().await.unwrap();
            assert_eq!(reply.text().await.unwrap(), "ahoy");
        },
        |rt, (server, client)| async move {
            let reply = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(reply.text().await.unwrap(), "ahoy");
            rt.sleep(Duration::from_millis(10)).await;
            assert_eq!((client.stats().in_use, server.log.connections()), (0, 1));
        },
    );
    assert!(points > 4, "{points}");
}

#[test]
fn a_body_that_panics_or_fails_harms_its_own_request_only() {
    testing::run(1, |rt| async move {
        let handler = |mut call: Call| async move {
            call.drain().await;
            call.rt.sleep(second()).await;
            call.reply("ahoy");
        };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        let panicking = stream::once(async { panic!("on purpose") });
        let failing = stream::once(async { Err(std::io::Error::other("no more")) });
        let good = client.get(server.url("/")).send();
        let panicking = client.post(server.url("/")).body(Body::stream(panicking)).send();
        let failing = client.post(server.url("/")).body(Body::stream(failing)).send();
        let (good, panicking, failing) = join3(good, panicking, failing).await;
        assert_eq!(good.unwrap().text().await.unwrap(), "ahoy");
        let why = |error: Error| std::error::Error::source(&error).unwrap().to_string();
        assert!(why(panicking.unwrap_err()).contains("on purpose"));
        assert_eq!(why(failing.unwrap_err()), "no more");
        assert_eq!(server.log.connections(), 1);
    });
}

#[test]
fn a_reply_before_the_body_is_out_ends_the_body_with_it() {
    testing::run(1, |rt| async move {
        let handler = |call: Call| async move { call.reply("early") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| {
            config.connections_per_host_max = 1;
            config.streams_per_connection_max = 1;
        });
        let first = stream::once(async { Ok(Bytes::from_static(b"a")) });
        let endless = Body::stream(first.chain(stream::pending()));
        let reply = client.post(server.url("/")).body(endless).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "early");
        // There is room for one stream only, so this one is gone.
        let reply = client.get(server.url("/")).timeout(second()).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "early");
    });
}

#[test]
fn a_peer_may_take_any_number_of_streams() {
    for streams_max in [1, 0x7fff_fffe, 0x7fff_ffff, u32::MAX - 1, u32::MAX] {
        testing::run(1, |rt| async move {
            let terms = Terms { streams_max, ..Terms::default() };
            let server = Server::start(&rt, terms, |call: Call| async move { call.reply("ahoy") }).await;
            let client = client(&server, |_| {});
            get(&client, &server).await.unwrap();
        });
    }
}
