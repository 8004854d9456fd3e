//! An HTTP server and a proxy for tests, which do exactly what they are told.
//!
//! A [`Server`] answers as its handler says, and a [`Reply`] may be honest, late, cut off, endless or a lie. What it got
//! is in its ledger, request by request, so that a test can say how often a client came, on which connection, and what
//! it gave away. It speaks HTTP/1.1 by hand, not through an HTTP library: a library would not lie. It runs on any
//! runtime: under the test runtime a reply of one byte a second takes no time at all.
//!
//! | for | there is |
//! |---|---|
//! | replies and faults | [`Reply`] |
//! | who decides | [`Handler`], any `Fn(&Received) -> Reply`; [`asynchronous`], [`early`]; [`routes`] ready made |
//! | what came | [`Server::requests`], [`Received`], [`Server::connections`] |
//! | new connections | [`Server::set_accept`], [`Accept`], [`Config::connections_max`] |
//! | TLS | [`Server::start_tls`], `TestCa` (feature `test-ca`) |
//! | proxies | [`Proxy`], [`Via`], [`forward`], [`forward_for`] |
//!
//! Deliberately absent: HTTP/2, and anything that a client of ours uses to speak HTTP.

mod body;
#[cfg(feature = "test-ca")]
mod ca;
mod config;
mod connection;
mod door;
mod handler;
mod head;
mod ledger;
mod perform;
mod proxy;
mod received;
mod receiving;
mod reply;
mod routes;
mod script;
mod server;
mod stream;
#[cfg(test)]
mod tests;

#[cfg(feature = "test-ca")]
pub use ca::{TestCa, TestCaError, Validity};
pub use config::Config;
pub use door::Accept;
pub use handler::{Handler, asynchronous, early};
pub use ledger::Connections;
pub use proxy::{Proxy, Via, forward, forward_for};
pub use received::Received;
pub use reply::Reply;
pub use routes::routes;
pub use server::Server;
