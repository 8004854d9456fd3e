//! The laws of codings, each with a test that goes red when it is broken.

mod bombs;
mod headers;
mod members;
mod streams;
mod trips;

use std::io;

use async_compression::futures::bufread::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, FutureExt, StreamExt, executor::block_on, stream};

use super::{Coding, DecodeError, Decoded};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Brotli, Coding::Zstd, Coding::Deflate];

fn read(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut coded = Vec::new();
    encoder.read_to_end(&mut coded).now_or_never().expect("nothing to wait for").unwrap();
    coded
}

fn coded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => read(GzipEncoder::new(bytes)),
        Coding::Brotli => read(BrotliEncoder::with_quality(bytes, async_compression::Level::Fastest)),
        Coding::Zstd => read(ZstdEncoder::new(bytes)),
        Coding::Deflate => read(ZlibEncoder::new(bytes)),
    }
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    read(DeflateEncoder::new(bytes))
}

/// `bytes` after all codings, the first one first.
fn coded_by(codings: &[Coding], bytes: &[u8]) -> Vec<u8> {
    codings.iter().fold(bytes.to_vec(), |bytes, coding| coded(*coding, &bytes))
}

/// A body in chunks of `size`.
fn body(bytes: &[u8], size: usize) -> Vec<io::Result<Bytes>> {
    bytes.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect()
}

/// All that comes out, and how it ends.
fn decoded(codings: &[Coding], body: Vec<io::Result<Bytes>>, max: u64) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut decoded = Decoded::new(stream::iter(body).fuse(), codings, max);
    block_on(async {
        let mut out = Vec::new();
        while let Some(result) = decoded.next().await {
            match result {
                Ok(chunk) => {
                    assert!(!chunk.is_empty() && chunk.len() <= 64 * 1024);
                    out.extend_from_slice(&chunk);
                }
                Err(error) => {
                    assert!(decoded.next().await.is_none(), "it is fused");
                    return (out, Err(error));
                }
            }
        }
        assert!(decoded.inner_mut().is_done(), "read to its end");
        assert!(decoded.next().await.is_none(), "it is fused");
        (out, Ok(()))
    })
}

/// What must come out whole.
fn whole(codings: &[Coding], bytes: &[u8]) -> Vec<u8> {
    let (out, end) = decoded(codings, body(bytes, 1000), u64::MAX);
    end.unwrap();
    out
}

fn failure(codings: &[Coding], bytes: &[u8]) -> DecodeError {
    decoded(codings, body(bytes, 1000), u64::MAX).1.expect_err("it is not sound")
}

fn is_cut_off(error: &DecodeError) -> bool {
    matches!(error, DecodeError::Corrupt { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof)
}
