//! So many connections, so many hosts, so many requests a second, and everybody is served in turn.

use super::*;
use crate::{limit::Quota, testing::Network};

/// A network that knows `host-0` and so on.
fn hosts(seed: u64, n: u32) -> testing::Config {
    let network = Network::default();
    for number in 0..n {
        network.name(&format!("host-{number}"), [std::net::IpAddr::from([127, 0, 0, 1])]);
    }
    testing::Config { seed, network, ..testing::Config::default() }
}

fn at_host(server: &Server, number: u32) -> String {
    format!("http://host-{number}:{}/{number}", server.addr().port())
}

fn get_all(
    rt: &Rt,
    client: &Client,
    urls: impl IntoIterator<Item = String>,
) -> Vec<Task<Result<String, Error>>> {
    let get = |url: String| {
        let client = client.clone();
        rt.spawn("get", async move { client.get(url).send().await?.text().await })
    };
    urls.into_iter().map(get).collect()
}

#[test]
fn more_hosts_than_connections_are_all_served() {
    for seed in 0..20 {
        testing::run(hosts(seed, 12), |rt| async move {
            let pause = Duration::from_millis(50);
            let server = serve(&rt, move |request: &Received| Reply::text(request.path()).after(pause)).await;
            let client = client(&rt, Config { connections_max: 3, ..config() });
            let (clock, looked_at) = (rt.clone(), client.clone());
            // By the client's count: the server sees a connection close a little later.
            let looking = rt.spawn("look", async move {
                loop {
                    let stats = looked_at.stats();
                    assert!(stats.in_use + stats.idle <= 3, "{stats:?}");
                    clock.sleep(Duration::from_millis(1)).await;
                }
            });
            let urls = (0..60).map(|n| at_host(&server, n % 12));
            for (n, got) in get_all(&rt, &client, urls).into_iter().enumerate() {
                assert_eq!(got.await.unwrap().unwrap(), format!("/{}", n % 12));
            }
            assert!(!looking.is_finished());
            drop(looking);
            assert_at_rest(&rt, &client).await;
            assert!(client.stats().idle <= 3);
        });
    }
}

#[test]
fn a_connection_that_was_made_for_somebody_who_left_makes_room_for_another_host() {
    for seed in 0..40 {
        testing::run(hosts(seed, 2), |rt| async move {
            let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
            let client = client(&rt, Config { connections_max: 1, ..config() });
            let (first, second) = (at_host(&server, 0), at_host(&server, 1));
            let leaving = rt.timeout(Duration::from_micros(300), client.get(first).send());
            let (left, served) = futures::future::join(leaving, text(&client, second)).await;
            drop(left);
            assert_eq!(served, "/1");
        });
    }
}

#[test]
fn a_host_gets_no_more_connections_than_it_may_and_serves_in_order() {
    for_each_seed(0..20, |rt| async move {
        let server =
            serve(&rt, |request: &Received| Reply::text(request.path()).after(Duration::from_millis(20)))
                .await;
        let client = client(&rt, Config { connections_per_host_max: 2, ..config() });
        let mut tasks = Vec::new();
        for n in 0..20 {
            tasks.extend(get_all(&rt, &client, [server.url(&format!("/{n}"))]));
            // So that it is known who came first.
            rt.sleep(Duration::from_micros(100)).await;
        }
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().unwrap(), format!("/{n}"));
        }
        assert_eq!(server.connections().open_max, 2);
        let mut order: Vec<u32> =
            server.requests().iter().map(|request| request.path()[1..].parse().unwrap()).collect();
        // Two at once may overtake each other on the way, but nobody is passed by more than the one beside it.
        for (place, n) in order.iter_mut().enumerate() {
            assert!(n.abs_diff(u32::try_from(place).unwrap()) <= 1, "{n} at {place}");
        }
    });
}

#[test]
fn a_full_queue_refuses_at_once() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy").after(secs(1))).await;
        let config = Config { connections_per_host_max: 1, waiters_per_host_max: 2, ..config() };
        let client = client(&rt, config);
        text(&client, server.url("/")).await;
        let tasks = get_all(&rt, &client, (0..5).map(|_| server.url("/")));
        let (mut served, mut refused) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => served += 1,
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{error:?}");
                    assert!(!error.may_have_been_sent());
                    refused += 1;
                }
            }
        }
        assert_eq!((served, refused), (3, 2));
    });
}

#[test]
fn hosts_without_work_make_room_for_others() {
    for seed in 0..10 {
        testing::run(hosts(seed, 20), |rt| async move {
            let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
            let client = client(&rt, Config { hosts_max: 3, ..config() });
            for n in 0..20 {
                assert_eq!(text(&client, at_host(&server, n)).await, format!("/{n}"));
                assert!(client.stats().hosts <= 3);
            }
        });
    }
}

#[test]
fn hosts_at_work_are_not_forgotten_and_one_too_many_is_refused() {
    for seed in 0..10 {
        testing::run(hosts(seed, 3), |rt| async move {
            let server =
                serve(&rt, |request: &Received| Reply::text(request.path()).trickle(1, secs(1))).await;
            let client = client(&rt, Config { hosts_max: 2, ..config() });
            let one = client.get(at_host(&server, 0)).send().await.unwrap();
            let two = client.get(at_host(&server, 1)).send().await.unwrap();
            let error = client.get(at_host(&server, 2)).send().await.unwrap_err();
            assert!(error.to_string().contains("`hosts_max`"), "{error}");
            assert_eq!((one.text().await.unwrap(), two.text().await.unwrap()), ("/0".into(), "/1".into()));
            assert_eq!(text(&client, at_host(&server, 2)).await, "/2");
        });
    }
}

#[test]
fn a_quota_spaces_requests_to_all_hosts_and_one_of_a_host_only_its_own() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let quota = Quota::per_second(1).burst(1);
        for (config, last) in [
            (Config { quota: Some(quota), ..config() }, secs(5)),
            (Config { host_quota: Some(quota), ..config() }, secs(2)),
        ] {
            let client = client(&rt, config);
            let start = rt.now();
            let urls = (0..6).map(|n| if n % 2 == 0 { server.url("/") } else { alias(&server, "/") });
            for task in get_all(&rt, &client, urls) {
                task.await.unwrap().unwrap();
            }
            let took = rt.now() - start;
            assert!((last..last + Duration::from_millis(100)).contains(&took), "{took:?}");
        }
    });
}

#[test]
fn a_quota_that_takes_too_long_is_over_in_its_phase() {
    for_each_seed(0..5, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let quota = Quota::per_minute(1).burst(1);
        let client = client(&rt, Config { quota: Some(quota), ..config() });
        text(&client, server.url("/")).await;
        let error = client.post(server.url("/")).send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Limit));
        assert!(!error.may_have_been_sent());
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn a_host_whose_quota_is_used_up_is_not_forgotten() {
    for seed in 0..5 {
        testing::run(hosts(seed, 3), |rt| async move {
            let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
            let host_quota = Some(Quota::per(1, secs(10)).burst(1));
            let client = client(&rt, Config { hosts_max: 2, host_quota, ..config() });
            let start = rt.now();
            text(&client, at_host(&server, 0)).await;
            text(&client, at_host(&server, 1)).await;
            let error = client.get(at_host(&server, 2)).send().await.unwrap_err();
            assert!(error.to_string().contains("`hosts_max`"), "{error}");
            text(&client, at_host(&server, 0)).await;
            assert!(rt.now() - start >= secs(10), "{:?}", rt.now() - start);
            rt.sleep(secs(11)).await;
            assert_eq!(text(&client, at_host(&server, 2)).await, "/2", "who is rested makes room");
        });
    }
}
