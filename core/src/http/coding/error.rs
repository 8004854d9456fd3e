use std::io;

use super::{Coding, header::CODINGS_MAX};

/// Why a body could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(in crate::http) enum DecodeError {
    /// The body itself failed. The error is as it came.
    #[error(transparent)]
    Body(io::Error),
    /// What came is not what the coding says, or ends in the middle ([`io::ErrorKind::UnexpectedEof`]).
    #[error(
        "the body cannot be decoded as {coding}: it was damaged or cut off on the way, or the server names the wrong \
         coding; send the request again, or without decoding to see what comes"
    )]
    Corrupt {
        /// The coding that found out.
        coding: Coding,
        /// What is wrong.
        source: io::Error,
    },
    /// A stage gave more than it may.
    #[error(
        "the body is larger than `decoded_bytes_max` ({decoded_bytes_max} bytes) when {coding} is undone; raise it if the \
         server is trusted"
    )]
    TooLarge {
        /// The coding that was being undone.
        coding: Coding,
        /// The limit.
        decoded_bytes_max: u64,
    },
    /// The header names more codings than are undone.
    #[error(
        "the body went through {codings} codings, and at most {CODINGS_MAX} are undone; send the request without decoding \
         to see what comes"
    )]
    TooManyCodings {
        /// How many there are.
        codings: usize,
    },
}
