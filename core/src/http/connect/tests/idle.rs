use std::time::Duration;

use futures::future::{join, join_all};

use super::{server::Terms, *};
use crate::testing::{self, for_each_seed};

fn second() -> Duration {
    Duration::from_secs(1)
}

#[test]
fn a_shared_connection_ends_when_its_last_place_is_gone() {
    for_each_seed(0..4, |rt| async move {
        let handler = |call: Call| async move { call.reply("ahoy") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| config.idle_timeout = Some(30 * second()));
        let replies = join_all((0..20).map(|_| get(&client, &server))).await;
        assert!(replies.iter().all(Result::is_ok));
        rt.sleep(20 * second()).await;
        assert_eq!(server.log.open(), 1);
        rt.sleep(30 * second()).await;
        assert_eq!((server.log.open(), client.stats().idle), (0, 0));
    });
}

#[test]
fn a_client_that_is_dropped_closes_its_connections() {
    for_each_seed(0..4, |rt| async move {
        let handler = |call: Call| async move { call.reply("ahoy") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |_| {});
        client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
        drop(client);
        rt.sleep(second()).await;
        assert_eq!(server.log.open(), 0);
    });
}

#[test]
fn an_idle_connection_that_the_server_has_closed_is_let_go() {
    for_each_seed(0..50, |rt| async move {
        let handler = |call: Call| async move { call.reply("never") };
        let server = Server::start(&rt, Terms { http2: false, ..Terms::default() }, handler).await;
        let client = client(&server, |_| {});
        let paths = ["/last", "/stays", "/last"];
        let replies = join_all(paths.map(|path| client.get(server.url(path)).send())).await;
        for reply in replies {
            reply.unwrap().text().await.unwrap();
        }
        assert!(client.stats().idle >= 1, "some are found closed when they come back, some later");
        // Between two looks: while one is looked at, it is not idle.
        rt.sleep(42 * second()).await;
        assert_eq!((client.stats().idle, server.log.open()), (1, 1));
    });
}

#[test]
fn a_full_client_makes_room_for_another_host() {
    for_each_seed(0..8, |rt| async move {
        let handler = |call: Call| async move {
            call.rt.sleep(second()).await;
            call.reply("ahoy");
        };
        let one = Server::start(&rt, Terms::default(), handler).await;
        let other = Server::start(&rt, Terms { port: 444, ..Terms::default() }, handler).await;
        let client = client(&one, |config| {
            config.connections_max = 1;
            config.tls.extra_roots.push(other.ca.pem());
        });
        // Idle, so it goes at once.
        join_all((0..3).map(|_| client.get(one.url("/")).send())).await;
        let before = rt.now();
        client.get(other.url("/")).send().await.unwrap().text().await.unwrap();
        assert!(rt.now().duration_since(before) < 2 * second());
        assert_eq!((one.log.open(), other.log.open()), (0, 1));
        // Never idle, and still the other gets its turn.
        let busy = async {
            let steady = (0..8u32).map(|n| {
                let (client, one, rt) = (&client, &one, &rt);
                async move {
                    rt.sleep(second() / 2 * n).await;
                    client.get(one.url("/")).send().await.unwrap();
                }
            });
            join_all(steady).await
        };
        let late = async {
            rt.sleep(second()).await;
            let reply = client.get(other.url("/")).timeout(20 * second()).send().await.unwrap();
            reply.report().last().unwrap().timings
        };
        let (_, timings) = join(busy, late).await;
        assert!(timings.queue < 10 * second(), "{timings:?}");
    });
}

#[test]
fn a_connection_is_used_as_often_as_it_may_be() {
    testing::run(1, |rt| async move {
        let handler = |call: Call| async move { call.reply("ahoy") };
        let server = Server::start(&rt, Terms::default(), handler).await;
        let client = client(&server, |config| config.requests_per_connection_max = 5);
        for _ in 0..20 {
            client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
        }
        assert_eq!(server.log.connections(), 4);
    });
}
