//! A GET over a connection that is kept, its body read, one after the other.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use seaworthy_core::http::{Client, Config, proxy};

use super::server::Server;
use crate::{
    harness::{Allocations, Comparison, Meter, Settings, Table},
    runtimes::OnTokio,
};

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let requests = settings.size(20_000);
    let timed = |body: usize| {
        Comparison::new(format!("GET of {body} bytes, kept alive, one core"), "ns/request", requests)
            .pinned()
            .note("The client's processor time: the server is another process. Reference: hyper's connection by hand.")
    };
    let counted =
        Comparison::new("Allocations of a GET of 100 bytes", "allocations/request", requests).counted();
    vec![
        entrants(timed(100), 100, requests, Kind::Time).run(settings),
        entrants(timed(16 << 10), 16 << 10, requests, Kind::Time).run(settings),
        entrants(counted, 100, requests, Kind::Allocations).run(settings),
    ]
}

#[derive(Clone, Copy)]
enum Kind {
    Time,
    Allocations,
}

impl Kind {
    fn measure<T>(self, meter: &mut Meter, work: impl FnOnce() -> T) {
        match self {
            Self::Time => {
                meter.time(work);
            }
            Self::Allocations => {
                let (_, allocations) = Allocations::of(work);
                meter.add(allocations.calls as f64);
            }
        }
    }
}

fn entrants(comparison: Comparison<'_>, body_bytes: usize, requests: usize, kind: Kind) -> Comparison<'_> {
    let read = move |n: usize| assert_eq!(n, body_bytes, "the whole body");
    comparison
        .target(1.0)
        .ours("seaworthy", move |meter| {
            let (server, tokio) = (Server::start(body_bytes), OnTokio::current_thread());
            let config = Config { proxy: proxy::Config::none(), ..Config::default() };
            let client = Client::new(&tokio.rt, config).expect("a config that is right");
            let url = server.url();
            let get = async || read(client.get(&url).send().await.unwrap().bytes().await.unwrap().len());
            tokio.block_on(get());
            kind.measure(meter, || {
                tokio.block_on(async {
                    for _ in 0..requests {
                        get().await;
                    }
                });
            });
        })
        .peer("reqwest", move |meter| {
            let (server, tokio) = (Server::start(body_bytes), OnTokio::current_thread());
            let _entered = tokio.enter();
            // Plain HTTP only, but reqwest is built without a provider of its own and asks for one all the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let url = server.url();
            let get = async || read(client.get(&url).send().await.unwrap().bytes().await.unwrap().len());
            tokio.block_on(get());
            kind.measure(meter, || {
                tokio.block_on(async {
                    for _ in 0..requests {
                        get().await;
                    }
                });
            });
        })
        .peer("hyper-util legacy", move |meter| {
            let (server, tokio) = (Server::start(body_bytes), OnTokio::current_thread());
            let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
                .build_http::<Empty<Bytes>>();
            let uri: http::Uri = server.url().parse().expect("a URI");
            let get = async || {
                let reply = client.get(uri.clone()).await.unwrap();
                read(reply.into_body().collect().await.unwrap().to_bytes().len());
            };
            tokio.block_on(get());
            kind.measure(meter, || {
                tokio.block_on(async {
                    for _ in 0..requests {
                        get().await;
                    }
                });
            });
        })
        .reference("hyper", move |meter| {
            let (server, tokio) = (Server::start(body_bytes), OnTokio::current_thread());
            let mut sender = tokio.block_on(async {
                let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (sender, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                sender
            });
            let host = server.addr.to_string();
            let mut get = async || {
                let request = http::Request::get("/path?query=1").header("host", host.as_str());
                sender.ready().await.unwrap();
                let reply = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
                read(reply.into_body().collect().await.unwrap().to_bytes().len());
            };
            tokio.block_on(get());
            kind.measure(meter, || {
                tokio.block_on(async {
                    for _ in 0..requests {
                        get().await;
                    }
                });
            });
        })
}
