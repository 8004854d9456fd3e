//! Requests through a proxy, and what it and the origin get to see.

use super::*;
use crate::testing::http::{Proxy, TestCa, Validity, Via, forward, forward_for, routes};

const CREDENTIALS: &str = "Basic YW5uOnNlY3JldA==";

fn through(proxy: &Proxy) -> Config {
    let url = proxy.url().replace("http://", "http://ann:secret@");
    let proxy = proxy::Config { http: Some(url.clone()), https: Some(url), ..proxy::Config::none() };
    Config { proxy, ..config() }
}

async fn proxy(rt: &Rt, rule: impl Fn(&Received) -> Via + Send + Sync + 'static) -> Proxy {
    Proxy::start(rt, LOCAL, rule).await.expect("a free port")
}

/// An origin with TLS, and a client that trusts it and goes through the proxy.
async fn secured(rt: &Rt, proxy: &Proxy) -> (Server, Client) {
    let ca = TestCa::new().expect("keys");
    let acceptor = ca.acceptor(&["localhost", "127.0.0.1"], Validity::Good).expect("a certificate");
    let origin = Server::start_tls(rt, LOCAL, acceptor, routes).await.expect("a free port");
    let mut config = through(proxy);
    config.tls.extra_roots.push(ca.pem());
    (origin, client(rt, config))
}

#[test]
fn an_http_request_is_forwarded_and_the_credentials_stay_with_the_proxy() {
    for_each_seed(0..10, |rt| async move {
        let origin = serve(&rt, routes).await;
        let proxy = proxy(&rt, forward_for("ann", "secret")).await;
        let client = client(&rt, through(&proxy));
        let reply =
            client.post(origin.url("/echo?a=b")).bearer_auth("own").body("ahoy").send().await.unwrap();
        assert_adds_up(reply.report());
        assert!(reply.text().await.unwrap().contains("\"body\":\"ahoy\""));
        let asked = &proxy.requests()[0];
        assert_eq!(asked.target, origin.url("/echo?a=b"));
        assert_eq!(asked.header("proxy-authorization"), Some(CREDENTIALS));
        let got = &origin.requests()[0];
        assert_eq!((got.target.as_str(), got.header("authorization")), ("/echo?a=b", Some("Bearer own")));
        assert_eq!(got.header("proxy-authorization"), None);
    });
}

#[test]
fn an_https_request_goes_through_a_tunnel_and_the_credentials_stay_outside() {
    for_each_seed(0..5, |rt| async move {
        let proxy = proxy(&rt, forward_for("ann", "secret")).await;
        let (origin, client) = secured(&rt, &proxy).await;
        for _ in 0..2 {
            let reply = client.get(origin.url("/echo")).bearer_auth("own").send().await.unwrap();
            assert_adds_up(reply.report());
            reply.text().await.unwrap();
        }
        let asked = proxy.requests();
        assert_eq!((asked.len(), asked[0].method.as_str()), (1, "CONNECT"), "the tunnel is used again");
        assert_eq!(asked[0].target, origin.addr().to_string());
        assert_eq!(asked[0].header("proxy-authorization"), Some(CREDENTIALS));
        assert_eq!(asked[0].header("authorization"), None, "what is for the origin goes inside");
        let got = origin.requests();
        assert_eq!((got.len(), got[1].header("authorization")), (2, Some("Bearer own")));
        assert!(got.iter().all(|request| request.header("proxy-authorization").is_none()));
    });
}

#[test]
fn proxy_credentials_of_the_callers_own_do_not_reach_an_origin_either() {
    for_each_seed(0..2, |rt| async move {
        let proxy = proxy(&rt, forward).await;
        let (origin, tunnelled) = secured(&rt, &proxy).await;
        let plain = serve(&rt, routes).await;
        let direct = client(&rt, config());
        for (client, origin) in [(&tunnelled, &origin), (&direct, &plain)] {
            let request = client.get(origin.url("/echo")).header("proxy-authorization", CREDENTIALS);
            drop(request.send().await.unwrap());
            assert_eq!(origin.requests()[0].header("proxy-authorization"), None);
        }
    });
}

#[test]
fn a_redirect_out_of_the_proxys_reach_leaves_the_credentials_behind() {
    for_each_seed(0..5, |rt| async move {
        let proxy = proxy(&rt, forward).await;
        let direct = serve(&rt, routes).await;
        let target = alias(&direct, "/echo");
        let first = serve(&rt, move |_: &Received| Reply::redirect(307, &target)).await;
        let mut config = through(&proxy);
        config.proxy.no_proxy = Some("localhost".to_owned());
        let client = client(&rt, config);
        drop(client.get(first.url("/")).send().await.unwrap());
        assert_eq!((proxy.requests().len(), direct.requests().len()), (1, 1));
        assert_eq!(direct.requests()[0].header("proxy-authorization"), None);
        assert_eq!(direct.requests()[0].target, "/echo");
    });
}

#[test]
fn a_proxy_that_refuses_a_tunnel_is_named() {
    for_each_seed(0..5, |rt| async move {
        for (status, says) in [(407, "407"), (403, "403"), (502, "502")] {
            let proxy = proxy(&rt, move |_: &Received| Via::Answer(Reply::new(status))).await;
            let (origin, client) = secured(&rt, &proxy).await;
            let error = client.post(origin.url("/echo")).attempts_max(1).send().await.unwrap_err();
            assert_eq!(error.phase(), Some(Phase::Proxy), "{error:?}");
            assert!(told(&error).contains(says), "{}", told(&error));
            assert!(!told(&error).contains("secret") && !error.may_have_been_sent());
            assert_eq!(origin.requests().len(), 0);
        }
    });
}

#[test]
fn a_proxy_that_hangs_is_over_in_its_phase() {
    for_each_seed(0..5, |rt| async move {
        let proxy = proxy(&rt, |_: &Received| Via::Answer(Reply::hang())).await;
        let (origin, client) = secured(&rt, &proxy).await;
        let error = client.get(origin.url("/echo")).attempts_max(1).send().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TimedOut { phase: Phase::Proxy, .. }), "{error:?}");
        assert_adds_up(error.report());
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn a_tunnel_that_breaks_is_an_error_and_the_next_one_works() {
    for_each_seed(0..5, |rt| async move {
        let proxy = proxy(
            &rt,
            |request: &Received| {
                if request.connection == 1 { Via::ResetAfter(2_000) } else { Via::Forward }
            },
        )
        .await;
        let (origin, client) = secured(&rt, &proxy).await;
        let reply = client.get(origin.url("/bytes/100000")).attempts_max(1).send().await;
        let failed = match reply {
            Ok(reply) => reply.bytes().await.is_err(),
            Err(_) => true,
        };
        assert!(failed);
        let reply = client.get(origin.url("/bytes/100000")).send().await.unwrap();
        assert_eq!(reply.bytes().await.unwrap().len(), 100_000);
    });
}
