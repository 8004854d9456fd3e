//! The HTTP client beside its peers, against a server in a process of its own.

pub(crate) mod get;
mod server;
pub(crate) mod streams;

pub(crate) use server::serve_if_asked;
