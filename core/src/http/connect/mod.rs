//! From the name of a host to a connection: lookup, connect, proxy, TLS, each with a limit of its own.

mod dial;
mod dns;
mod places;
mod share;
#[cfg(test)]
mod tests;
mod tls;

pub use tls::{Config as TlsConfig, Roots};

pub(super) use dial::{Common, Conn, Dial, Failure, Gone, Repeated, Target, Times, Why};
pub(super) use dns::Names;
pub(super) use places::Places;
pub(super) use share::{Place, Sharing, StreamPlace};
pub(super) use tls::Tls;
