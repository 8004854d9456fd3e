use std::ops::Range;

use super::head::{self, Malformed};

/// The longest line with the size of a chunk, and its extensions.
const SIZE_LINE_BYTES_MAX: usize = 4 << 10;
/// The longest trailers.
const TRAILERS_BYTES_MAX: usize = 64 << 10;
const TRAILERS_MAX: usize = 64;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// Takes a body out of what arrives. Pure: it is fed, and says what it took.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    trailers: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Done,
}

/// What was taken from the start of the input, and which part of that is body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Zero: nothing more without more input.
    pub(super) bytes: usize,
    pub(super) data: Range<usize>,
}

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
        };
        Self { state, trailers: Vec::new() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn into_trailers(self) -> Vec<(String, String)> {
        self.trailers
    }

    /// One step. What it does not take must be there again at the start of the next input.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<Taken, Malformed> {
        match self.state {
            State::Done => Ok(Taken::framing(0)),
            State::Length(left) => {
                let n = within(left, input);
                let left = left - n as u64;
                self.state = if left == 0 { State::Done } else { State::Length(left) };
                Ok(Taken { bytes: n, data: 0..n })
            }
            State::Chunk(left) => {
                let n = within(left, input);
                let left = left - n as u64;
                self.state = if left == 0 { State::ChunkEnd } else { State::Chunk(left) };
                Ok(Taken { bytes: n, data: 0..n })
            }
            State::ChunkEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.state = State::ChunkSize;
                    Ok(Taken::framing(2))
                }
                [] | [b'\r'] => Ok(Taken::framing(0)),
                _ => Err(Malformed::Chunks),
            },
            State::ChunkSize => self.take_size(input),
            State::Trailers => self.take_trailers(input),
        }
    }

    fn take_size(&mut self, input: &[u8]) -> Result<Taken, Malformed> {
        match httparse::parse_chunk_size(input).map_err(|_| Malformed::Chunks)? {
            httparse::Status::Complete((n, size)) => {
                self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
                Ok(Taken::framing(n))
            }
            httparse::Status::Partial if input.len() > SIZE_LINE_BYTES_MAX => Err(Malformed::Chunks),
            httparse::Status::Partial => Ok(Taken::framing(0)),
        }
    }

    fn take_trailers(&mut self, input: &[u8]) -> Result<Taken, Malformed> {
        let mut headers = [httparse::EMPTY_HEADER; TRAILERS_MAX];
        match httparse::parse_headers(input, &mut headers)? {
            httparse::Status::Complete((n, headers)) => {
                self.trailers = head::owned(headers);
                self.state = State::Done;
                Ok(Taken::framing(n))
            }
            httparse::Status::Partial if input.len() > TRAILERS_BYTES_MAX => Err(Malformed::Chunks),
            httparse::Status::Partial => Ok(Taken::framing(0)),
        }
    }
}

impl Taken {
    fn framing(bytes: usize) -> Self {
        Self { bytes, data: 0..0 }
    }
}

/// As much of `input` as `left` allows.
fn within(left: u64, input: &[u8]) -> usize {
    usize::try_from(left).map_or(input.len(), |left| left.min(input.len()))
}
