use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use futures_rustls::rustls::crypto::{hash::Context as Hashing, ring::cipher_suite};

use super::{
    Received,
    body::Decoder,
    head::Malformed,
    ledger::{Entry, Ledger},
};

/// A request whose body is on its way.
pub(super) struct Receiving {
    pub(super) request: Received,
    decoder: Option<Decoder>,
    kept: Vec<u8>,
    /// Of a body that is longer than what is kept.
    hashing: Option<Box<dyn Hashing>>,
    entry: Entry,
    ledger: Arc<Ledger>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes_max: u64,
    pub(super) kept_max: usize,
}

impl Receiving {
    pub(super) fn new(ledger: &Arc<Ledger>, request: Received, decoder: Decoder, limits: Limits) -> Self {
        let entry = ledger.begin(request.clone());
        Self {
            request,
            decoder: Some(decoder),
            kept: Vec::new(),
            hashing: None,
            entry,
            ledger: Arc::clone(ledger),
            limits,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.request.complete
    }

    /// Takes as much of the body from the start of `buffer` as is there.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut taken = 0;
        while let Some(decoder) = &mut self.decoder {
            let input = &buffer[taken..];
            let step = decoder.take(input)?;
            let is_done = decoder.is_done();
            taken += step.bytes;
            self.request.body_bytes += step.data.len() as u64;
            if self.request.body_bytes > self.limits.bytes_max {
                return Err(Malformed::BodyTooLong);
            }
            self.keep(&input[step.data]);
            if is_done {
                self.finish();
            } else if step.bytes == 0 {
                break;
            }
        }
        buffer.drain(..taken);
        self.note();
        Ok(())
    }

    fn keep(&mut self, data: &[u8]) {
        let room = self.limits.kept_max - self.kept.len();
        if self.hashing.is_none() && data.len() > room {
            self.hashing = sha256();
            if let Some(hashing) = &mut self.hashing {
                hashing.update(&self.kept);
            }
        }
        if let Some(hashing) = &mut self.hashing {
            hashing.update(data);
        }
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
    }

    fn finish(&mut self) {
        let trailers = self.decoder.take().map(Decoder::into_trailers);
        self.request.trailers = trailers.unwrap_or_default();
        self.request.body_sha256 = self.hashing.take().map(|hashing| hex(hashing.finish().as_ref()));
        self.request.complete = true;
    }

    fn note(&mut self) {
        if self.request.complete {
            self.request.body = std::mem::take(&mut self.kept).into();
        } else {
            self.request.body = Bytes::new();
        }
        self.ledger.update(self.entry, self.request.clone());
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.request.complete {
            self.request.body = std::mem::take(&mut self.kept).into();
            self.ledger.update(self.entry, self.request.clone());
        }
    }
}

/// The one that rustls has; a crate of its own for this would be one more to compile.
fn sha256() -> Option<Box<dyn Hashing>> {
    let suite = cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    Some(suite.common.hash_provider.start())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a `String` does not fail.
        _ = write!(text, "{byte:02x}");
    }
    text
}
