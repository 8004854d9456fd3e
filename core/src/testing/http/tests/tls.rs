use std::sync::Arc;

use futures_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, crypto::ring, pki_types::ServerName},
};

use super::*;

async fn handshake(
    rt: &Rt,
    server: &Server,
    ca: &TestCa,
    name: &str,
) -> io::Result<TlsStream<BoxConnection>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(ca.roots().expect("a root"))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, connect(rt, server.addr()).await).await
}

async fn start(rt: &Rt, ca: &TestCa, names: &[&str], validity: Validity, reply: Reply) -> Server {
    let acceptor = ca.acceptor(names, validity).expect("a certificate");
    let handler = move |_: &Received| reply.clone();
    Server::start_tls(rt, LOCAL, acceptor, handler).await.expect("a free port")
}

#[test]
fn what_a_plain_server_does_one_with_tls_does() {
    run(1, |rt| async move {
        let ca = TestCa::new().expect("keys");
        let server =
            start(&rt, &ca, &["localhost", "127.0.0.1"], Validity::Good, Reply::text("ahoy").close()).await;
        assert!(server.url("/x").starts_with("https://127.0.0.1:") && server.url("/x").ends_with("/x"));
        for name in ["localhost", "127.0.0.1"] {
            let mut client = handshake(&rt, &server, &ca, name).await.expect("a good certificate");
            client.write_all(GET.as_bytes()).await.expect("open");
            let mut text = String::new();
            client.read_to_string(&mut text).await.expect("closed as TLS has it");
            assert!(text.ends_with("ahoy"));
        }
        assert_eq!(server.connections().handshakes_failed, 0);
    });
}

#[test]
fn a_reset_reaches_through_tls() {
    run(1, |rt| async move {
        let ca = TestCa::new().expect("keys");
        let reply = Reply::text("ahoy").reset(2).pause_before_cut(second());
        let server = start(&rt, &ca, &["localhost"], Validity::Good, reply).await;
        let mut client = handshake(&rt, &server, &ca, "localhost").await.expect("a good certificate");
        client.write_all(GET.as_bytes()).await.expect("open");
        let mut all = Vec::new();
        let error = client.read_to_end(&mut all).await.expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(all.ends_with(b"\r\n\r\nah"));
    });
}

#[test]
fn bad_certificates_are_refused_by_a_client_that_looks() {
    run(1, |rt| async move {
        let ca = TestCa::new().expect("keys");
        let stranger = TestCa::new().expect("keys");
        for (issuer, name, validity, says) in [
            (&ca, "other.example", Validity::Good, "NotValidForName"),
            (&ca, "localhost", Validity::Expired, "Expired"),
            (&ca, "localhost", Validity::NotYet, "NotValidYet"),
            (&stranger, "localhost", Validity::Good, "UnknownIssuer"),
        ] {
            let server = start(&rt, issuer, &[name], validity, Reply::new(200)).await;
            let error = handshake(&rt, &server, &ca, "localhost").await.expect_err("a bad certificate");
            assert!(format!("{error:?}").contains(says), "{says}: {error:?}");
            rt.sleep(second()).await;
            assert_eq!(server.connections().handshakes_failed, 1);
            assert_eq!(server.requests().len(), 0);
        }
        let error = ca.acceptor(&["\u{fc}nicode"], Validity::Good).err().expect("no name for a certificate");
        assert!(error.to_string().contains("\u{fc}nicode"), "{error}");
    });
}
