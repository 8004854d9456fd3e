//! The decoders of `async-compression`, without its readers: bytes in, bytes out, at once.

use std::{fmt, io};

use async_compression::{
    codecs::{
        BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
        zstd::params::DParameter,
    },
    core::util::{PartialBuffer, WriteBuffer},
};

use super::Coding;

/// Windows of 8 MiB: what RFC 9659 allows for zstd in HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A decoder of one member.
pub(super) struct Unpack {
    codec: Box<dyn DecodeV2 + Send + Sync>,
    is_flate: bool,
}

/// What came of some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The member has ended.
    pub(super) is_end: bool,
}

impl Unpack {
    /// `head` is how the member begins.
    pub(super) fn new(coding: Coding, head: &[u8]) -> Self {
        let codec: Box<dyn DecodeV2 + Send + Sync> = match coding {
            Coding::Gzip => Box::new(GzipDecoder::new()),
            Coding::Brotli => Box::new(BrotliDecoder::new()),
            Coding::Zstd => {
                Box::new(ZstdDecoder::new_with_params(&[DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)]))
            }
            Coding::Deflate if is_zlib(head) => Box::new(ZlibDecoder::new()),
            Coding::Deflate => Box::new(DeflateDecoder::new()),
        };
        Self { codec, is_flate: matches!(coding, Coding::Gzip | Coding::Deflate) }
    }

    /// Makes it ready for another member of the same kind.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        self.codec.reinit()
    }

    /// Takes what it can of `input` and fills `output`, which is not empty. Without input it gives what it kept because
    /// there was no room.
    pub(super) fn run(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<Unpacked> {
        let (mut from, mut to) = (PartialBuffer::new(input), WriteBuffer::new_initialized(output));
        let is_end = match self.codec.decode(&mut from, &mut to) {
            Ok(is_end) => is_end,
            // zlib's `Z_BUF_ERROR`: it had kept nothing.
            Err(error) if self.is_flate && input.is_empty() && error.kind() == io::ErrorKind::Other => false,
            Err(error) => return Err(error),
        };
        Ok(Unpacked { consumed: from.written_len(), produced: to.written_len(), is_end })
    }
}

impl fmt::Debug for Unpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpack").finish_non_exhaustive()
    }
}

/// If these two bytes are the header of zlib (RFC 1950, section 2.2) and not deflate itself.
///
/// Deflate that begins like this would be a stored block with padding that is not zero, which nobody writes.
fn is_zlib(head: &[u8]) -> bool {
    let &[first, second] = head else { return false };
    first & 0x0f == 8 && first >> 4 <= 7 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}
