//! Whom the client trusts, and what it says of those it does not.

use super::*;
use crate::testing::http::{TestCa, Validity};

fn trusting(ca: &TestCa) -> Config {
    let mut config = config();
    config.tls.extra_roots.push(ca.pem());
    config
}

async fn secured(rt: &Rt, ca: &TestCa, names: &[&str], validity: Validity, handler: impl Handler) -> Server {
    let acceptor = ca.acceptor(names, validity).expect("a certificate");
    Server::start_tls(rt, LOCAL, acceptor, handler).await.expect("a free port")
}

fn local(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.addr().port())
}

#[test]
fn a_server_that_is_trusted_is_asked_and_its_connection_used_again() {
    for_each_seed(0..5, |rt| async move {
        let ca = TestCa::new().unwrap();
        let names = ["localhost", "127.0.0.1"];
        let server = secured(&rt, &ca, &names, Validity::Good, |_: &Received| Reply::text("ahoy")).await;
        let client = client(&rt, trusting(&ca));
        for url in [local(&server, "/"), server.url("/")] {
            for is_reused in [false, true] {
                let reply = client.get(&url).send().await.unwrap();
                let attempt = &reply.report().attempts()[0];
                assert_eq!((attempt.is_reused, attempt.timings.tls.is_zero()), (is_reused, is_reused));
                assert_adds_up(reply.report());
                assert_eq!(reply.text().await.unwrap(), "ahoy");
            }
        }
        assert_eq!(server.connections().accepted, 2, "one for each name");
    });
}

#[test]
fn bad_certificates_are_refused_by_name_and_nothing_is_sent() {
    for_each_seed(0..3, |rt| async move {
        let (ca, stranger) = (TestCa::new().unwrap(), TestCa::new().unwrap());
        for (issuer, name, validity, says) in [
            (&ca, "other.example", Validity::Good, "not valid for name"),
            (&ca, "localhost", Validity::Expired, "expired"),
            (&ca, "localhost", Validity::NotYet, "not valid yet"),
            (&stranger, "localhost", Validity::Good, "UnknownIssuer"),
        ] {
            let server = secured(&rt, issuer, &[name], validity, |_: &Received| Reply::text("ahoy")).await;
            let client = client(&rt, trusting(&ca));
            let error = client.get(local(&server, "/")).send().await.unwrap_err();
            assert_eq!(error.phase(), Some(Phase::Tls), "{error:?}");
            assert!(told(&error).contains(says), "{}", told(&error));
            assert!(!error.may_have_been_sent());
            assert_eq!(error.report().attempts().len(), 1, "it will be no better the next time");
            rt.sleep(secs(1)).await;
            assert_eq!((server.requests().len(), server.connections().handshakes_failed), (0, 1));
            assert_at_rest(&rt, &client).await;
        }
    });
}

#[test]
fn a_handshake_that_hangs_is_over_at_tls() {
    for_each_seed(0..5, |rt| async move {
        let ca = TestCa::new().unwrap();
        let server = secured(&rt, &ca, &["localhost"], Validity::Good, |_: &Received| Reply::new(200)).await;
        server.set_accept(Accept::Silent).await.unwrap();
        let client = client(&rt, trusting(&ca));
        let error = client.get(local(&server, "/")).attempts_max(1).send().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::TimedOut { phase: Phase::Tls, limit } if *limit == secs(10))
        );
        assert_adds_up(error.report());
        assert_at_rest(&rt, &client).await;
        assert_eq!(server.connections().open, 0);
    });
}

#[test]
fn a_server_without_tls_is_not_taken_for_one_with_it() {
    for_each_seed(0..5, |rt| async move {
        let ca = TestCa::new().unwrap();
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let error =
            client(&rt, trusting(&ca)).get(local(&server, "/")).attempts_max(1).send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Tls), "{error:?}");
    });
}

#[test]
fn https_does_not_redirect_to_http_unless_allowed_and_then_without_secrets() {
    for_each_seed(0..3, |rt| async move {
        let ca = TestCa::new().unwrap();
        let plain = serve_reply(&rt, Reply::text("ahoy")).await;
        let target = alias(&plain, "/there");
        let names = ["localhost"];
        let handler = move |_: &Received| Reply::redirect(307, &target);
        let server = secured(&rt, &ca, &names, Validity::Good, handler).await;
        let send = |client: Client| client.get(local(&server, "/")).bearer_auth("secret").send();
        let error = send(client(&rt, trusting(&ca))).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Redirect { source: RedirectError::Downgrade { .. } }),
            "{error:?}"
        );
        assert_eq!(plain.requests().len(), 0);
        let mut config = trusting(&ca);
        config.redirects.allow_downgrade = true;
        let reply = send(client(&rt, config)).await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "ahoy");
        assert_eq!(plain.requests()[0].header("authorization"), None);
    });
}

#[test]
fn a_body_without_length_that_ends_without_a_goodbye_was_cut_off() {
    for_each_seed(0..3, |rt| async move {
        let ca = TestCa::new().unwrap();
        let handler = |request: &Received| match request.path() {
            "/cut" => Reply::text("ahoy").until_close().reset(2).pause_before_cut(secs(1)),
            _ => Reply::text("ahoy").until_close(),
        };
        let server = secured(&rt, &ca, &["localhost"], Validity::Good, handler).await;
        let client = client(&rt, trusting(&ca));
        assert_eq!(text(&client, local(&server, "/")).await, "ahoy");
        let reply = client.get(local(&server, "/cut")).send().await.unwrap();
        assert!(matches!(reply.text().await.unwrap_err().kind(), ErrorKind::Body { .. }));
    });
}
