//! Content codings: what was gzip, brotli, zstd or deflate on the way.
//!
//! RFC 9110, section 8.4. [`codings`] reads which were applied, [`Decoded`] undoes them.
//!
//! # Laws
//!
//! 1. Whatever the body is cut into, what comes out is the same.
//! 2. No stage of a chain gives more than `decoded_bytes_max`, so a bomb in a bomb is stopped at the first.
//! 3. Memory is bounded whatever the ratio: buffers of fixed size, and windows of 8 MiB for zstd (RFC 9659), 16 MiB for
//!    brotli (RFC 7932, section 9.1; the large windows some encoders know are refused), 32 KiB for the others.
//! 4. A body that ends in the middle is an error. An empty one is an empty body, whatever its coding.
//! 5. gzip may have several members (RFC 1952, section 2.2) and zstd several frames (RFC 8878, section 3).
//! 6. What follows the end and does not begin like another member is ignored, as browsers, gzip(1), Java and urllib3 do
//!    (Go and curl refuse it), with an event, `seaworthy.http.trailing_bytes`. More than 64 KiB of it is an error.
//! 7. The body is read to its end, so that its connection can be used again. If it fails, that is the error.
//! 8. Others run after each 64 KiB of work.

mod chain;
mod decoded;
mod error;
mod header;
mod stage;
mod unpack;

#[cfg(test)]
mod tests;

pub(super) use decoded::Decoded;
pub(super) use error::DecodeError;
pub(super) use header::{accept_encoding, codings};

use std::fmt;

/// A content coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, with windows of 8 MiB at most (RFC 9659).
    Zstd,
    /// RFC 1950 (zlib), or RFC 1951 without it, which some servers send.
    Deflate,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Brotli => "brotli",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        })
    }
}
