//! GETs side by side over one connection of HTTP/2, over TLS.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use seaworthy_core::http::{Client, Config, Roots, TlsConfig, Version, proxy};
use tokio_rustls::TlsConnector;

use super::server::Server;
use crate::{
    harness::{Comparison, Settings, Table},
    runtimes::OnTokio,
};

const STREAMS: usize = 100;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    [100, 64 << 10].map(|body_bytes| compare(body_bytes, settings).run(settings)).into()
}

/// Trusts that server and nobody else.
fn tls(server: &Server) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca.as_bytes()).expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn compare(body_bytes: usize, settings: Settings) -> Comparison<'static> {
    let rounds = settings.size(if body_bytes > 1000 { 20 } else { 200 });
    let read = move |n: usize| assert_eq!(n, body_bytes, "the whole body");
    let title = format!("GETs of {body_bytes} bytes, {STREAMS} at once on one HTTP/2 connection, one core");
    Comparison::new(title, "ns/request", rounds * STREAMS)
        .pinned()
        .note("The client's processor time: the server is another process. Reference: hyper's connection by hand.")
        .target(1.0)
        .ours("seaworthy", move |meter| {
            let (server, tokio) = (Server::of_streams(body_bytes), OnTokio::current_thread());
            let tls = TlsConfig { roots: Roots::None, extra_roots: vec![server.ca.clone()], ..TlsConfig::default() };
            let config = Config {
                proxy: proxy::Config::none(),
                tls,
                // As the others have it.
                connections_per_host_max: 1,
                ..Config::default()
            };
            let client = Client::new(&tokio.rt, config).expect("a config that is right");
            let url = server.secure_url();
            let get = async || {
                let reply = client.get(&url).send().await.unwrap();
                assert_eq!(reply.version(), Version::HTTP_2);
                read(reply.bytes().await.unwrap().len());
            };
            tokio.block_on(get());
            meter.time(|| {
                tokio.block_on(async {
                    for _ in 0..rounds {
                        join_all((0..STREAMS).map(|_| get())).await;
                    }
                });
            });
        })
        .peer("reqwest", move |meter| {
            let (server, tokio) = (Server::of_streams(body_bytes), OnTokio::current_thread());
            let _entered = tokio.enter();
            let builder = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls(&server));
            let client = builder.build().expect("a client");
            let url = server.secure_url();
            let get = async || {
                let reply = client.get(&url).send().await.unwrap();
                assert_eq!(reply.version(), Version::HTTP_2);
                read(reply.bytes().await.unwrap().len());
            };
            tokio.block_on(get());
            meter.time(|| {
                tokio.block_on(async {
                    for _ in 0..rounds {
                        join_all((0..STREAMS).map(|_| get())).await;
                    }
                });
            });
        })
        .reference("hyper", move |meter| {
            let (server, tokio) = (Server::of_streams(body_bytes), OnTokio::current_thread());
            let sender = tokio.block_on(async {
                let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let stream = TlsConnector::from(Arc::new(tls(&server))).connect(name, stream).await.unwrap();
                let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
                let (sender, connection) = handshake.handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                sender
            });
            let uri: http::Uri = server.secure_url().parse().expect("a URI");
            let get = async || {
                let request = http::Request::get(uri.clone()).body(Empty::<Bytes>::new()).unwrap();
                let reply = sender.clone().send_request(request).await.unwrap();
                read(reply.into_body().collect().await.unwrap().to_bytes().len());
            };
            tokio.block_on(get());
            meter.time(|| {
                tokio.block_on(async {
                    for _ in 0..rounds {
                        join_all((0..STREAMS).map(|_| get())).await;
                    }
                });
            });
        })
}
