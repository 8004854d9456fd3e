//! HTTP/2 from end to end, and what becomes of connections.

mod idle;
mod probe;
mod server;
mod streams;
mod trouble;

use server::{Call, Server};

use crate::http::{Client, Config, Error, Report, Roots, TlsConfig};

/// A client that trusts `server`.
fn client(server: &Server, change: impl FnOnce(&mut Config)) -> Client {
    let tls = TlsConfig { roots: Roots::None, extra_roots: vec![server.ca.pem()], http2: true };
    let mut config = Config { tls, proxy: crate::http::proxy::Config::none(), ..Config::default() };
    change(&mut config);
    Client::new(&server.rt, config).unwrap()
}

/// Sends a request and reads its reply.
async fn get(client: &Client, server: &Server) -> Result<Report, Error> {
    let mut reply = client.get(server.url("/")).send().await?;
    while reply.chunk().await?.is_some() {}
    Ok(reply.report().clone())
}
