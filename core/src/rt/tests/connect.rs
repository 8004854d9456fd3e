use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use futures::{AsyncReadExt, FutureExt};
use parking_lot::Mutex;

use super::*;
use crate::testing::Fate;

/// The pause between two attempts, as RFC 8305 recommends.
const PAUSE: Duration = Duration::from_millis(250);

type Attempts = Arc<Mutex<Vec<(String, Duration)>>>;

/// A network in which `db` has these addresses, each with its fate; it notes who was tried, and when.
fn network(rt: &Rt, network: &Network, hosts: &[(&str, Fate)]) -> Attempts {
    network.name("db", hosts.iter().map(|(ip, _)| ip.parse::<IpAddr>().expect("an IP address")));
    let fates: Vec<_> = hosts.iter().map(|(ip, fate)| ((*ip).to_owned(), *fate)).collect();
    let attempts = Attempts::default();
    let (noted, rt, first) = (Arc::clone(&attempts), rt.clone(), Mutex::new(None));
    network.on_connect(move |to| {
        let ip = to.tcp().expect("TCP").ip().to_string();
        let since = rt.now() - *first.lock().get_or_insert_with(|| rt.now());
        noted.lock().push((ip.clone(), since));
        fates.iter().find(|(host, _)| *host == ip).map_or(Fate::Proceed, |(_, fate)| *fate)
    });
    attempts
}

fn run_in<F: Future>(root: impl FnOnce(Rt, Network) -> F) -> F::Output {
    let network = Network::default();
    let latency = ms(1)..=ms(1);
    let config = Config { network: network.clone(), latency, ..Config::from(1) };
    run(config, |rt| root(rt, network))
}

async fn listen(rt: &Rt, ip: &str) -> BoxListener {
    let address = SocketAddr::new(ip.parse().expect("an IP address"), 5432);
    rt.listen(address).await.expect("a free address")
}

fn tried(attempts: &Attempts) -> Vec<(String, u128)> {
    attempts.lock().iter().map(|(ip, at)| (ip.clone(), at.as_millis())).collect()
}

fn at(ip: &str, millis: u128) -> (String, u128) {
    (ip.to_owned(), millis)
}

#[test]
fn the_next_address_is_tried_after_250_ms_and_the_first_to_connect_wins() {
    run_in(|rt, net| async move {
        let attempts = network(&rt, &net, &[("10.0.0.1", Fate::Hang), ("10.0.0.2", Fate::Proceed)]);
        let _listener = listen(&rt, "10.0.0.2").await;
        let connection = rt.connect(("db", 5432)).await.expect("the second is there");
        assert_eq!(connection.peer_addr().expect("known").to_string(), "10.0.0.2:5432");
        assert_eq!(tried(&attempts), [at("10.0.0.1", 0), at("10.0.0.2", PAUSE.as_millis())]);
    });
}

#[test]
fn the_next_address_is_tried_at_once_when_one_fails() {
    run_in(|rt, net| async move {
        let failing = Fate::Fail(io::ErrorKind::HostUnreachable);
        let attempts =
            network(&rt, &net, &[("10.0.0.1", failing), ("10.0.0.2", failing), ("10.0.0.3", Fate::Proceed)]);
        let _listener = listen(&rt, "10.0.0.3").await;
        rt.connect(("db", 5432)).await.expect("the third is there");
        assert_eq!(tried(&attempts), [at("10.0.0.1", 0), at("10.0.0.2", 1), at("10.0.0.3", 2)]);
    });
}

#[test]
fn families_take_turns() {
    run_in(|rt, net| async move {
        let hang = Fate::Hang;
        let hosts = [("fd00::1", hang), ("fd00::2", hang), ("10.0.0.1", hang), ("10.0.0.2", hang)];
        let attempts = network(&rt, &net, &hosts);
        assert!(rt.timeout(secs(9), rt.connect(("db", 5432))).await.is_err());
        let expected = [at("fd00::1", 0), at("10.0.0.1", 250), at("fd00::2", 500), at("10.0.0.2", 750)];
        assert_eq!(tried(&attempts), expected);
    });
}

#[test]
fn one_that_is_late_can_still_win() {
    run_in(|rt, net| async move {
        let attempts = network(&rt, &net, &[("10.0.0.1", Fate::Delay(secs(5))), ("10.0.0.2", Fate::Hang)]);
        let _listener = listen(&rt, "10.0.0.1").await;
        let connection = rt.connect(("db", 5432)).await.expect("the first is slow");
        assert_eq!(connection.peer_addr().expect("known").to_string(), "10.0.0.1:5432");
        assert_eq!(attempts.lock().len(), 2);
        // Also when the other has failed by then.
        let failing = Fate::Fail(io::ErrorKind::HostUnreachable);
        network(&rt, &net, &[("10.0.0.1", Fate::Delay(secs(5))), ("10.0.0.2", failing)]);
        rt.connect(("db", 5432)).await.expect("the first is slow");
    });
}

#[test]
fn the_losers_are_dropped() {
    run_in(|rt, net| async move {
        // The first would be there 2 ms after the second: its server has heard of it, and hears the end.
        network(&rt, &net, &[("10.0.0.1", Fate::Delay(ms(251))), ("10.0.0.2", Fate::Proceed)]);
        let (mut first, mut second) = (listen(&rt, "10.0.0.1").await, listen(&rt, "10.0.0.2").await);
        let winner = rt.connect(("db", 5432)).await.expect("the second is faster");
        assert_eq!(winner.peer_addr().expect("known").to_string(), "10.0.0.2:5432");
        second.accept().await.expect("the winner");
        rt.sleep(secs(1)).await;
        if let Some(loser) = first.accept().now_or_never() {
            let (mut loser, _) = loser.expect("a connection");
            assert_eq!(loser.read(&mut [0; 1]).await.expect("an end"), 0);
        }
        rt.sleep(secs(9)).await;
        assert!(first.accept().now_or_never().is_none());
    });
}

#[test]
fn an_error_names_every_address_that_was_tried() {
    run_in(|rt, net| async move {
        let unreachable = Fate::Fail(io::ErrorKind::HostUnreachable);
        network(&rt, &net, &[("10.0.0.1", unreachable), ("10.0.0.2", Fate::Proceed)]);
        let error = rt.connect(("db", 5432)).await.expect_err("nobody there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(text.starts_with("cannot connect to db:5432"), "{text}");
        assert!(text.contains("10.0.0.1:5432: host unreachable"), "{text}");
        assert!(text.contains("10.0.0.2:5432: connection refused"), "{text}");
    });
}

#[test]
fn an_address_needs_no_lookup() {
    run_in(|rt, _net| async move {
        let _listener = listen(&rt, "10.0.0.1").await;
        let start = rt.now();
        rt.connect(("10.0.0.1", 5432)).await.expect("there");
        rt.connect("10.0.0.1:5432".parse::<Endpoint>().expect("an endpoint")).await.expect("there");
        // There and back, twice.
        assert_eq!(rt.now() - start, ms(4));
        let error = rt.connect(("127.0.0.1", 1)).await.expect_err("nobody there");
        assert_eq!(error.to_string(), "cannot connect to 127.0.0.1:1: connection refused");
        let error = rt.listen(([8, 8, 8, 8], 1)).await.expect_err("not here");
        assert!(error.to_string().starts_with("cannot listen on 8.8.8.8:1: "), "{error}");
    });
}
