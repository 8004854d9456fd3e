//! A proxy that others have written, which wants to know who asks.

use std::sync::Arc;

use seaworthy::{
    http::{Client, Config, Phase, StatusCode, proxy},
    rt::Rt,
    testing::http::{Server, routes},
};

use super::{config, on_each_runtime, peer::Peer};

fn client(rt: &Rt, port: u16, who: &str, config: Config) -> Client {
    let url = Some(format!("http://{who}127.0.0.1:{port}"));
    let proxy = proxy::Config { http: url.clone(), https: url, ..proxy::Config::none() };
    super::client(rt, Config { proxy, ..config })
}

#[test]
fn a_proxy_forwards_for_those_it_knows() {
    let Some(peer) = Peer::proxy() else { return };
    let peer = Arc::new(peer);
    on_each_runtime(move |rt| {
        let peer = Arc::clone(&peer);
        async move {
            let server = Server::start(&rt, ([127, 0, 0, 1], 0), routes).await.expect("a free port");
            let known = client(&rt, peer.port, "captain:ahoy@", config());
            let reply = known.get(server.url("/echo")).send().await.expect("a reply");
            assert_eq!(reply.status(), StatusCode::OK);
            let [received] = &server.requests()[..] else { panic!("one request") };
            assert_eq!(received.header("proxy-authorization"), None, "the password is for the proxy alone");
            assert!(received.header("via").is_some(), "it came through the proxy: {received:?}");
            let stranger = client(&rt, peer.port, "", config());
            let refused = stranger.get(server.url("/echo")).send().await.expect("the proxy's reply");
            assert_eq!(refused.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
            assert_eq!(server.requests().len(), 1);
        }
    });
}

#[cfg(feature = "test-ca")]
#[test]
fn a_proxy_opens_a_tunnel_for_those_it_knows() {
    use seaworthy::testing::http::{TestCa, Validity};

    let Some(peer) = Peer::proxy() else { return };
    let peer = Arc::new((peer, TestCa::new().expect("a certificate")));
    on_each_runtime(move |rt| {
        let peer = Arc::clone(&peer);
        async move {
            let (peer, ca) = &*peer;
            let acceptor = ca.acceptor(&["localhost"], Validity::Good).expect("a certificate");
            let server =
                Server::start_tls(&rt, ([127, 0, 0, 1], 0), acceptor, routes).await.expect("a free port");
            let url = format!("https://localhost:{}/echo", server.addr().port());
            let trusting = || {
                let mut config = config();
                config.tls.extra_roots.push(ca.pem());
                config
            };
            let known = client(&rt, peer.port, "captain:ahoy@", trusting());
            assert_eq!(known.get(&url).send().await.expect("a reply").status(), StatusCode::OK);
            assert_eq!(server.requests()[0].header("proxy-authorization"), None);
            let stranger = client(&rt, peer.port, "", trusting());
            let error = stranger.get(&url).send().await.expect_err("the proxy says no");
            assert_eq!(
                (error.phase(), error.report().attempts().len()),
                (Some(Phase::Proxy), 1),
                "{error:?}"
            );
            assert_eq!(server.requests().len(), 1);
        }
    });
}
