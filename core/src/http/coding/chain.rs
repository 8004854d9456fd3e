use bytes::{Buf, Bytes, BytesMut};

use super::{Coding, DecodeError, stage::Stage};

/// The largest chunk that comes out.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// The first chunk has that much room, each further one twice as much: a small body shall not cost a large buffer.
const CHUNK_BYTES_MIN: usize = 8 * 1024;

/// What passes from one stage to the next at a time.
const BETWEEN_BYTES: usize = 16 * 1024;

/// How much input a stage takes at a time, so that input without output is bounded work.
const INPUT_BYTES: usize = 16 * 1024;

/// The stages that undo a chain of codings, and what is on its way between them. It reads nothing: it is fed.
#[derive(Debug)]
pub(super) struct Chain {
    /// In the order in which they run: what was applied last comes first.
    links: Vec<Link>,
    input: Bytes,
    is_input_ended: bool,
    chunk: BytesMut,
    filled: usize,
    chunk_bytes: usize,
}

#[derive(Debug)]
struct Link {
    stage: Stage,
    /// What came out of the stage, for the next; the last one writes to the chunk.
    between: Vec<u8>,
    start: usize,
    end: usize,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// So many bytes were handled; there may be more to do.
    Worked(usize),
    /// The chunk is full: it must be taken.
    Full,
    /// It wants [`Chain::feed`] or [`Chain::end_input`].
    Starved,
    /// Nothing will come any more.
    Done,
}

impl Chain {
    /// `codings` in the order in which they were applied.
    pub(super) fn new(codings: &[Coding], decoded_bytes_max: u64) -> Self {
        let links = codings.iter().rev().map(|coding| Link {
            stage: Stage::new(*coding, decoded_bytes_max),
            between: Vec::new(),
            start: 0,
            end: 0,
        });
        Self {
            links: links.collect(),
            input: Bytes::new(),
            is_input_ended: false,
            chunk: BytesMut::new(),
            filled: 0,
            chunk_bytes: CHUNK_BYTES_MIN,
        }
    }

    /// More of the body; only when it is starved.
    pub(super) fn feed(&mut self, input: Bytes) {
        self.input = input;
    }

    /// The body has ended.
    pub(super) fn end_input(&mut self) {
        self.is_input_ended = true;
    }

    /// What has come out so far, if anything.
    pub(super) fn take_chunk(&mut self) -> Option<Bytes> {
        if self.filled == 0 {
            return None;
        }
        let taken = self.chunk.split_to(self.filled).freeze();
        self.filled = 0;
        Some(taken)
    }

    /// One step of the stage nearest to the end that can go on.
    pub(super) fn turn(&mut self) -> Result<Turn, DecodeError> {
        if self.links.last().is_none_or(|last| last.stage.is_done()) {
            return Ok(Turn::Done);
        }
        for index in (0..self.links.len()).rev() {
            let (before, rest) = self.links.split_at_mut(index);
            let (link, after) = rest.split_first_mut().expect("`index` is one of them");
            let (input, is_last) = match before.last() {
                Some(previous) => (previous.ready(), previous.stage.is_done()),
                None => (&self.input[..], self.is_input_ended),
            };
            if link.stage.is_done() || (input.is_empty() && !is_last && !link.stage.is_full()) {
                continue;
            }
            let slice = &input[..input.len().min(INPUT_BYTES)];
            let is_last = is_last && slice.len() == input.len();
            let output = if after.is_empty() {
                if self.filled == self.chunk.len() && self.filled > 0 {
                    return Ok(Turn::Full);
                }
                if self.chunk.is_empty() {
                    self.chunk = BytesMut::zeroed(self.chunk_bytes);
                    self.chunk_bytes = (self.chunk_bytes * 2).min(CHUNK_BYTES_MAX);
                }
                &mut self.chunk[self.filled..]
            } else {
                // All of it went on, or the next stage would have gone on instead.
                (link.start, link.end) = (0, 0);
                link.between.resize(BETWEEN_BYTES, 0);
                &mut link.between[..]
            };
            let ran = link.stage.run(slice, is_last, output)?;
            if after.is_empty() {
                self.filled += ran.produced;
            } else {
                link.end = ran.produced;
            }
            match before.last_mut() {
                Some(previous) => previous.start += ran.consumed,
                None => self.input.advance(ran.consumed),
            }
            return Ok(Turn::Worked(ran.consumed + ran.produced));
        }
        Ok(Turn::Starved)
    }
}

impl Link {
    fn ready(&self) -> &[u8] {
        &self.between[self.start..self.end]
    }
}
