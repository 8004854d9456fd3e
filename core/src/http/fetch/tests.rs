use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};

use super::super::*;
use crate::{
    rt::Rt,
    testing::{
        self, for_each_seed,
        http::{Received, Reply, Server, routes},
    },
};

async fn server(rt: &Rt) -> Server {
    Server::start(rt, ([127, 0, 0, 1], 80), routes).await.unwrap()
}

fn client(rt: &Rt) -> Client {
    Client::new(rt, Config { base_url: Some("http://localhost/".to_owned()), ..Config::default() }).unwrap()
}

#[test]
fn there_is_one_result_for_each_request_in_their_order() {
    for_each_seed(0..20, |rt| async move {
        let (_server, client) = (server(&rt).await, client(&rt));
        let urls: Vec<_> = (0..40).map(|n| format!("bytes/{}", (n * 7) % 40)).collect();
        for concurrency in [0, 1, 3, 100] {
            let replies = client.fetch_all(&urls, concurrency).await;
            assert_eq!(replies.len(), 40);
            for (n, reply) in replies.into_iter().enumerate() {
                let reply = reply.unwrap();
                assert_eq!(reply.content_length(), Some((n as u64 * 7) % 40));
                assert_eq!(reply.bytes().await.unwrap().len(), (n * 7) % 40);
            }
        }
        assert!(client.fetch_all(Vec::<String>::new(), 3).await.is_empty());
    });
}

#[test]
fn one_that_fails_harms_no_other() {
    for_each_seed(0..20, |rt| async move {
        let (_server, client) = (server(&rt).await, client(&rt));
        let requests = vec![
            client.get("bytes/3").build(),
            client.get("truncated/100").attempts_max(1).build(),
            client.get("http://").build(),
            client.get("reset").attempts_max(1).build(),
            client.get("bytes/100").body_bytes_max(99).build(),
            client.post("echo").body(Body::stream(stream::poll_fn(|_| panic!("no more")))).build(),
            client.get("status/404").build(),
        ];
        let results = client.fetch_all(requests, 3).await;
        assert_eq!(results[0].as_ref().unwrap().status(), 200);
        assert_eq!(results[1].as_ref().unwrap_err().phase(), Some(Phase::Body));
        assert_eq!(results[2].as_ref().unwrap_err().phase(), Some(Phase::Building));
        assert_eq!(results[3].as_ref().unwrap_err().phase(), Some(Phase::FirstByte));
        assert!(matches!(results[4].as_ref().unwrap_err().kind(), ErrorKind::TooBig { .. }));
        assert!(matches!(results[5].as_ref().unwrap_err().kind(), ErrorKind::Panicked { .. }));
        assert_eq!(results[6].as_ref().unwrap().status(), 404);
    });
}

#[test]
fn no_more_are_under_way_than_was_said_and_they_come_as_they_finish() {
    for_each_seed(0..20, |rt| async move {
        let (server, client) = (server(&rt).await, client(&rt));
        let start = rt.now();
        let replies = client.fetch_stream((0..12).map(|n| format!("delay/{}", 12 - n)), 4);
        let numbers: Vec<_> = replies.map(|(number, reply)| (reply.is_ok(), number).1).collect().await;
        assert_eq!(server.connections().open_max, 4);
        // 12, 11, 10 and 9 s begin; the shortest makes room for the next.
        assert_eq!(numbers[..4], [3, 2, 1, 0]);
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..12));
        assert!(rt.now() - start < Duration::from_secs(78 / 4 + 12));
    });
}

#[test]
fn unread_replies_hold_no_connection_so_nobody_waits_for_ever() {
    testing::run(1, |rt| async move {
        let server = server(&rt).await;
        let base_url = Some("http://localhost/".to_owned());
        let client = Client::new(&rt, Config { base_url, connections_per_host_max: 1, ..Config::default() });
        let client = client.unwrap();
        let mut replies = client.fetch_stream((0..5).map(|_| "bytes/1000000"), 5);
        let (_, first) = replies.next().await.unwrap();
        // While the first is held, another is asked for by hand.
        let other = client.get("bytes/9").send().await.unwrap();
        assert_eq!(other.bytes().await.unwrap().len(), 9);
        assert_eq!(first.unwrap().bytes().await.unwrap().len(), 1_000_000);
        assert_eq!(replies.count().await, 4);
        assert_eq!(server.connections().accepted, 1);
    });
}

#[test]
fn requests_are_taken_one_by_one_and_a_reply_that_is_not_taken_keeps_its_place() {
    for_each_seed(0..20, |rt| async move {
        let (_server, client) = (server(&rt).await, client(&rt));
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let endless = std::iter::repeat_with(move || {
            count.fetch_add(1, SeqCst);
            "bytes/10"
        });
        let mut replies = client.fetch_stream(endless, 4);
        for handed_over in 1..20 {
            replies.next().await.unwrap().1.unwrap();
            rt.sleep(Duration::from_secs(5)).await;
            assert!(taken.load(SeqCst) <= handed_over + 4, "{}", taken.load(SeqCst));
        }
    });
}

#[test]
fn requests_go_on_while_the_consumer_does_something_else() {
    testing::run(1, |rt| async move {
        let (_server, client) = (server(&rt).await, client(&rt));
        let mut replies = client.fetch_stream(["bytes/1", "delay/20"], 2);
        assert_eq!(replies.next().await.unwrap().0, 0);
        // Longer than the request may take: it does not wait to be polled.
        rt.sleep(Duration::from_secs(100)).await;
        let reply = replies.next().now_or_never().flatten().unwrap().1.unwrap();
        assert!(reply.report().last().unwrap().timings.total < Duration::from_secs(21));
    });
}

#[test]
fn to_drop_the_stream_is_to_give_the_requests_up() {
    testing::run(1, |rt| async move {
        let (server, client) = (server(&rt).await, client(&rt));
        for closes in [false, true] {
            let mut replies = client.fetch_stream(["bytes/1", "hang", "hang", "hang"], 2);
            replies.next().await.unwrap().1.unwrap();
            rt.sleep(Duration::from_secs(1)).await;
            assert!(client.stats().in_use >= 2);
            if closes {
                replies.close().await;
                assert_eq!(client.stats().in_use, 0);
            } else {
                drop(replies);
                rt.sleep(Duration::from_secs(1)).await;
            }
            assert_eq!(client.stats().in_use, 0);
        }
        let hung = server.requests().iter().filter(|request| request.path() == "/hang").count();
        assert!((4..=6).contains(&hung), "{hung}");
    });
}

#[test]
fn a_source_that_panics_is_a_panic_of_the_reader_after_the_replies_before() {
    testing::run(1, |rt| async move {
        let (_server, client) = (server(&rt).await, client(&rt));
        let source = (0..9).map(|n| if n < 2 { "bytes/1" } else { panic!("out of URLs") });
        let mut replies = client.fetch_stream(source, 1);
        assert!(replies.next().await.unwrap().1.is_ok());
        assert!(replies.next().await.unwrap().1.is_ok());
        let panicked = std::panic::AssertUnwindSafe(replies.next()).catch_unwind().await;
        let payload = panicked.unwrap_err();
        let said = payload.downcast_ref::<&str>().copied();
        assert_eq!(said.or(payload.downcast_ref::<String>().map(String::as_str)), Some("out of URLs"));
    });
}

#[test]
fn a_reply_in_memory_is_read_as_any_other_with_its_trailers() {
    testing::run(1, |rt| async move {
        let handler = |request: &Received| match request.path() {
            "/json" => Reply::new(200).body(&b"{\"a\":1}"[..]),
            _ => Reply::chunked([Bytes::from("ten bytes\n"); 1]).trailer("x-sum", "1"),
        };
        let _server = Server::start(&rt, ([127, 0, 0, 1], 80), handler).await.unwrap();
        let client = client(&rt);
        let mut replies = client.fetch_all(["json", "chunked", "json", "chunked"], 2).await.into_iter();
        let mut next = || replies.next().unwrap().unwrap();
        assert_eq!(next().json::<serde_json::Value>().await.unwrap()["a"], 1);
        let mut reply = next();
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "ten bytes\n");
        assert_eq!(reply.chunk().await.unwrap(), None);
        assert_eq!(reply.take_trailers().unwrap()["x-sum"], "1");
        assert_eq!(next().into_stream().count().await, 1);
        assert_eq!(next().text().await.unwrap(), "ten bytes\n");
    });
}

#[test]
fn whoever_gives_up_at_any_point_leaves_no_request_behind() {
    let points = testing::for_each_drop_point(
        0..3,
        |rt| async move { (Arc::new(server(&rt).await), client(&rt)) },
        |_rt, state| async move {
            let (_server, client) = state;
            client.fetch_all(["bytes/10", "delay/1", "gzip"], 2).await;
        },
        |rt, state| async move {
            let (_server, client) = state;
            rt.sleep(Duration::from_secs(2)).await;
            assert_eq!(client.stats().in_use, 0);
            assert_eq!(client.stats().waiting, 0);
            assert!(client.get("bytes/1").send().await.is_ok());
        },
    );
    assert!(points > 9, "{points}");
}
