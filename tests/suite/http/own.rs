//! Our own server, which is as bad as it is told to be, over sockets of the system.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::future::join_all;
use seaworthy::{
    http::{Config, ErrorKind, Phase, StatusCode},
    rt::Rt,
    testing::http::{Received, Reply, Server, routes},
};

use super::{client, config, on_each_runtime};

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// Many at once from all threads: each reply is that to its request, and no more connections than may be.
async fn crowd(rt: Rt) {
    let answer = |request: &Received| match request.nth % 5 {
        0 => Reply::text(request.path()).close(),
        1 => Reply::chunked([request.path().to_owned()]),
        _ => Reply::text(request.path()),
    };
    let server = Server::start(&rt, LOCAL, answer).await.expect("a free port");
    let client = client(&rt, Config { connections_per_host_max: 8, ..config() });
    let users: Vec<_> = (0..32)
        .map(|user| {
            let (client, url) = (client.clone(), server.url(""));
            rt.spawn("user", async move {
                for turn in 0..50 {
                    let path = format!("/{user}/{turn}");
                    let reply = client.get(format!("{url}{path}")).send().await.expect("a reply");
                    if turn % 10 == 9 {
                        continue;
                    }
                    assert_eq!(reply.text().await.expect("all of it"), path);
                }
            })
        })
        .collect();
    for user in users {
        user.await.expect("no user panics");
    }
    let connections = server.connections();
    assert!(connections.open <= 8 && connections.malformed == 0, "{connections:?}");
    assert_eq!((server.requests().len(), client.stats().in_use, client.stats().waiting), (1600, 0, 0));
}

/// Each fault is told as what it is.
async fn faults(rt: Rt) {
    let server = Server::start(&rt, LOCAL, routes).await.expect("a free port");
    let client = client(&rt, config());
    let get = |path: &str| client.get(server.url(path)).attempts_max(1).timeout(Duration::from_secs(20));
    for path in ["/reset", "/close"] {
        let error = get(path).send().await.expect_err(path);
        assert!(matches!(error.kind(), ErrorKind::NoReply { is_sent: true, .. }), "{path}: {error:?}");
    }
    let hung = get("/hang").timeout(Duration::from_millis(100)).send().await.expect_err("it hangs");
    let is_late = matches!(hung.kind(), ErrorKind::TimedOut { phase: Phase::FirstByte, .. });
    assert!(is_late, "{hung:?}");
    let torn = get("/truncated/1000").send().await.expect("a head").bytes().await.expect_err("half a body");
    assert_eq!(torn.phase(), Some(Phase::Body), "{torn:?}");
    let dripping = get("/drip/60").timeout(Duration::from_millis(100)).send().await.expect("a head");
    assert!(dripping.bytes().await.expect_err("a minute is too long").is_timeout());
    let url = server.url("/");
    server.stop().await;
    let refused = client.get(&url).attempts_max(1).send().await.expect_err("nobody is there");
    let is_refused = matches!(refused.kind(), ErrorKind::Unreachable { phase: Phase::Connect, .. });
    assert!(is_refused && !refused.may_have_been_sent(), "{refused:?}");
    let unknown = client.get("http://no-such-host.invalid/").attempts_max(1).send().await;
    let unknown = unknown.expect_err("there is no such host");
    assert_eq!(unknown.phase(), Some(Phase::Dns), "{unknown:?}");
}

/// What fails for a while succeeds in the end, and what must not be repeated is not.
async fn judgement(rt: Rt) {
    let gets = AtomicUsize::new(0);
    let flaky = move |request: &Received| match request.method.as_str() {
        "GET" => match gets.fetch_add(1, Relaxed) {
            0 => Reply::reset_before_reply(),
            1 => Reply::new(503).header("retry-after", "0"),
            _ => Reply::text("ahoy"),
        },
        _ => Reply::reset_before_reply(),
    };
    let server = Server::start(&rt, LOCAL, flaky).await.expect("a free port");
    let client = client(&rt, config());
    let reply = client.get(server.url("/")).send().await.expect("at the third attempt");
    assert_eq!((reply.report().attempts().len(), reply.status()), (3, StatusCode::OK));
    let sent = server.requests().len();
    let error = client.post(server.url("/")).body("once").send().await.expect_err("it is reset");
    assert!(error.may_have_been_sent());
    assert_eq!(server.requests().len(), sent + 1, "once, and not once more");
}

#[test]
fn each_reply_is_that_to_its_request_on_all_threads() {
    on_each_runtime(crowd);
}

#[test]
fn each_fault_is_told_as_what_it_is() {
    on_each_runtime(faults);
}

#[test]
fn what_may_be_repeated_is_and_what_may_not_is_not() {
    on_each_runtime(judgement);
}

#[cfg(feature = "test-ca")]
#[test]
fn tls_is_kept_alive_and_strangers_are_refused() {
    use seaworthy::testing::http::{TestCa, Validity};

    let ca = Arc::new(TestCa::new().expect("a certificate"));
    let stranger = Arc::new(TestCa::new().expect("a certificate"));
    on_each_runtime(move |rt| {
        let (ca, stranger) = (Arc::clone(&ca), Arc::clone(&stranger));
        async move {
            let acceptor = |ca: &TestCa| ca.acceptor(&["localhost"], Validity::Good).expect("a certificate");
            let good = Server::start_tls(&rt, LOCAL, acceptor(&ca), routes).await.expect("a free port");
            let bad = Server::start_tls(&rt, LOCAL, acceptor(&stranger), routes).await.expect("a free port");
            let mut config = config();
            config.tls.extra_roots.push(ca.pem());
            let client = client(&rt, config);
            let url = |server: &Server| format!("https://localhost:{}/bytes/100000", server.addr().port());
            let all = join_all((0..20).map(|_| client.get(url(&good)).send())).await;
            for reply in all {
                assert_eq!(reply.expect("a reply").bytes().await.expect("all").len(), 100_000);
            }
            let error = client.get(url(&bad)).send().await.expect_err("nobody vouches for it");
            assert_eq!((error.phase(), error.report().attempts().len()), (Some(Phase::Tls), 1), "{error:?}");
            assert!(bad.requests().is_empty());
        }
    });
}
