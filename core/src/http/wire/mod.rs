//! One request and its reply on one connection.

mod gate;
mod h1;
pub(super) mod h2;
mod incoming;
mod io;
mod outgoing;

pub(super) use h1::H1;
pub(super) use incoming::{BodyFailure, Incoming, Limits};
pub(super) use io::Io;
pub(super) use outgoing::{BoxBody, Outgoing};

/// Why there is no reply.
#[derive(Debug)]
pub(super) struct NoReply {
    /// What hyper, or the body, says. None if the connection has ended without a word.
    pub(super) source: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Whether something of the request may have reached the other side.
    pub(super) sent: bool,
    /// The request, if nothing of it was taken.
    pub(super) request: Option<Box<::http::Request<Outgoing>>>,
}
