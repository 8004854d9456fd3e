use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

/// One direction of a connection: bytes under way, in order, each with the time it arrives.
#[derive(Default)]
pub(super) struct Pipe {
    state: Mutex<State>,
    pub(super) reader: AtomicWaker,
    pub(super) writer: AtomicWaker,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// When how many of the bytes arrive.
    arrivals: VecDeque<Arrival>,
    /// When the end of the stream arrives, if the writer has closed.
    end: Option<u64>,
    is_reset: bool,
    reader_gone: bool,
}

struct Arrival {
    at: u64,
    len: usize,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Bytes(usize),
    End,
    /// Something is under way and arrives then.
    Arriving(u64),
    Nothing,
}

impl Pipe {
    /// Hands what has arrived to `sink`, which says how much of each slice it took.
    pub(super) fn read(&self, now: u64, mut sink: impl FnMut(&[u8]) -> usize) -> io::Result<Found> {
        let mut state = self.state.lock();
        if state.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let Some(first) = state.arrivals.front() else {
            return Ok(match state.end {
                Some(at) if at <= now => Found::End,
                Some(at) => Found::Arriving(at),
                None => Found::Nothing,
            });
        };
        if first.at > now {
            return Ok(Found::Arriving(first.at));
        }
        let mut taken = 0;
        while let Some(arrival) = state.arrivals.front().filter(|arrival| arrival.at <= now) {
            let len = arrival.len;
            let n = copy(&state.bytes, taken, len, &mut sink);
            taken += n;
            if n < len {
                state.arrivals[0].len -= n;
                break;
            }
            state.arrivals.pop_front();
        }
        state.bytes.drain(..taken);
        drop(state);
        if taken > 0 {
            self.writer.wake();
        }
        Ok(Found::Bytes(taken))
    }

    /// Accepts as much of `slices` as there is room for; `None` if there is none.
    pub(super) fn write(
        &self,
        slices: &[IoSlice<'_>],
        bytes_max: usize,
        arrival: impl FnOnce() -> u64,
    ) -> io::Result<Option<usize>> {
        let mut state = self.state.lock();
        if state.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if state.reader_gone || state.end.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = bytes_max.max(1).saturating_sub(state.bytes.len());
        if room == 0 {
            return Ok(None);
        }
        let before = state.bytes.len();
        for slice in slices {
            let n = slice.len().min(room - (state.bytes.len() - before));
            state.bytes.extend(&slice[..n]);
        }
        let len = state.bytes.len() - before;
        if len == 0 {
            return Ok(Some(0));
        }
        let at = arrival();
        // A reader that knows of an earlier arrival has set its timer for that.
        let is_first = state.arrivals.is_empty();
        match state.arrivals.back_mut() {
            // What is written later arrives no earlier.
            Some(last) if last.at >= at => last.len += len,
            _ => state.arrivals.push_back(Arrival { at, len }),
        }
        drop(state);
        if is_first {
            self.reader.wake();
        }
        Ok(Some(len))
    }

    /// Ends the stream after what was written. Again: nothing.
    pub(super) fn close(&self, arrival: impl FnOnce() -> u64) {
        let mut state = self.state.lock();
        if state.is_reset || state.end.is_some() {
            return;
        }
        state.end = Some(arrival());
        drop(state);
        self.reader.wake();
    }

    /// The reader is gone: nobody will ever take what is here.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.reader_gone = true;
        state.bytes = VecDeque::new();
        state.arrivals.clear();
        drop(state);
        drop(self.reader.take());
        self.writer.wake();
    }

    /// Both ends fail from now on.
    pub(super) fn reset(&self) {
        let mut state = self.state.lock();
        state.is_reset = true;
        state.bytes = VecDeque::new();
        state.arrivals.clear();
        drop(state);
        self.reader.wake();
        self.writer.wake();
    }
}

/// Copies from the `len` bytes behind the first `skipped` until `sink` takes no more, and returns how many it took.
fn copy(bytes: &VecDeque<u8>, skipped: usize, len: usize, sink: &mut impl FnMut(&[u8]) -> usize) -> usize {
    let (front, back) = bytes.as_slices();
    let (start, end) = (skipped, skipped + len);
    let front_part = &front[start.min(front.len())..end.min(front.len())];
    let back_part = &back[start.saturating_sub(front.len())..end.saturating_sub(front.len())];
    let mut taken = 0;
    for part in [front_part, back_part].into_iter().filter(|part| !part.is_empty()) {
        let n = sink(part);
        taken += n;
        if n < part.len() {
            break;
        }
    }
    taken
}
