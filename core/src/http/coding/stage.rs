use std::io;

use super::{Coding, DecodeError, unpack::Unpack};

/// How many bytes may follow the end.
const TRAILING_BYTES_MAX: u64 = 64 * 1024;

/// How long the longest beginning is that tells what comes.
const HEAD_BYTES_MAX: usize = 4;

/// Undoes one coding: it knows members, what may follow them, and how much may come out.
#[derive(Debug)]
pub(super) struct Stage {
    coding: Coding,
    state: State,
    head: Head,
    unpack: Option<Unpack>,
    decoded_bytes_max: u64,
    decoded: u64,
}

#[derive(Debug)]
enum State {
    /// A member may begin. Its first bytes gather in `head`.
    Between,
    /// In a member; if `is_full`, more may come out without more going in.
    Inside { is_full: bool },
    /// All members have ended, and so many bytes came after them.
    After { ignored: u64 },
    /// The input has ended too.
    Done,
}

/// What a stage did with its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) consumed: usize,
    pub(super) produced: usize,
}

impl Stage {
    pub(super) fn new(coding: Coding, decoded_bytes_max: u64) -> Self {
        Self {
            coding,
            state: State::Between,
            head: Head::default(),
            unpack: None,
            decoded_bytes_max,
            decoded: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// If there is something to do without more input.
    pub(super) fn is_full(&self) -> bool {
        match self.state {
            State::Inside { is_full } => is_full || !self.head.rest().is_empty(),
            State::Between | State::After { .. } | State::Done => false,
        }
    }

    /// One step. `output` is not empty; `is_last` says that nothing comes after `input`.
    pub(super) fn run(&mut self, input: &[u8], is_last: bool, output: &mut [u8]) -> Result<Ran, DecodeError> {
        match &mut self.state {
            State::Between => self.begin(input, is_last),
            State::Inside { .. } => self.decode(input, is_last, output),
            State::After { ignored } => {
                *ignored += input.len() as u64;
                if *ignored > TRAILING_BYTES_MAX {
                    return Err(self.corrupt(invalid("more than 64 KiB follow its end")));
                }
                if is_last {
                    self.finish();
                }
                Ok(Ran { consumed: input.len(), produced: 0 })
            }
            State::Done => Ok(Ran::default()),
        }
    }

    /// Gathers the first bytes of a member, and says what they are the beginning of.
    fn begin(&mut self, input: &[u8], is_last: bool) -> Result<Ran, DecodeError> {
        let is_first = self.unpack.is_none();
        let consumed = self.head.gather(input, head_bytes(self.coding));
        let ran = Ran { consumed, produced: 0 };
        let head = self.head.gathered();
        let may_begin = begins(self.coding, head);
        let is_whole = head.len() == head_bytes(self.coding);
        if head.is_empty() {
            if is_last {
                self.finish();
            }
        } else if is_first && !may_begin {
            return Err(self.corrupt(invalid("it does not begin as it should")));
        } else if !may_begin {
            self.state = State::After { ignored: head.len() as u64 };
            self.head = Head::default();
        } else if is_whole {
            if let Some(unpack) = &mut self.unpack {
                unpack.reset().map_err(|error| self.corrupt(error))?;
            } else {
                self.unpack = Some(Unpack::new(self.coding, head));
            }
            self.state = State::Inside { is_full: false };
        } else if is_last {
            return Err(self.corrupt(cut_off()));
        }
        Ok(ran)
    }

    fn decode(&mut self, input: &[u8], is_last: bool, output: &mut [u8]) -> Result<Ran, DecodeError> {
        let Some(unpack) = &mut self.unpack else { return Ok(Ran::default()) };
        let is_head = !self.head.rest().is_empty();
        let from = if is_head { self.head.rest() } else { input };
        let left = self.decoded_bytes_max - self.decoded;
        // One byte more than there may be tells whether there is more.
        let room = usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX).min(output.len());
        let unpacked = match unpack.run(from, &mut output[..room]) {
            Ok(unpacked) => unpacked,
            Err(error) => return Err(self.corrupt(error)),
        };
        if unpacked.produced as u64 > left {
            return Err(DecodeError::TooLarge {
                coding: self.coding,
                decoded_bytes_max: self.decoded_bytes_max,
            });
        }
        self.decoded += unpacked.produced as u64;
        let is_full = unpacked.produced == room;
        let is_stuck = unpacked.consumed == 0 && unpacked.produced == 0 && !from.is_empty();
        let is_starved = !is_head && unpacked.consumed == input.len() && !is_full;
        let consumed = if is_head {
            self.head.taken += unpacked.consumed;
            0
        } else {
            unpacked.consumed
        };
        if unpacked.is_end {
            self.end_member();
        } else if is_starved && is_last {
            return Err(self.corrupt(cut_off()));
        } else if is_stuck {
            return Err(self.corrupt(invalid("it leads nowhere")));
        } else {
            self.state = State::Inside { is_full };
        }
        Ok(Ran { consumed, produced: unpacked.produced })
    }

    fn end_member(&mut self) {
        // What is left of the head, if a member is shorter than it, comes after the member.
        let rest = self.head.rest().len() as u64;
        self.head = Head::default();
        self.state = match self.coding {
            Coding::Gzip | Coding::Zstd => State::Between,
            Coding::Brotli | Coding::Deflate => State::After { ignored: rest },
        };
    }

    fn finish(&mut self) {
        if let State::After { ignored: bytes @ 1.. } = self.state {
            tracing::debug!(name: "seaworthy.http.trailing_bytes", coding = %self.coding, bytes);
        }
        self.state = State::Done;
        self.unpack = None;
    }

    fn corrupt(&self, source: io::Error) -> DecodeError {
        DecodeError::Corrupt { coding: self.coding, source }
    }
}

/// The first bytes of a member, and how many of them the decoder has taken.
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    len: usize,
    taken: usize,
}

impl Head {
    /// Takes from `input` until there are `wanted`, and says how many it took.
    fn gather(&mut self, input: &[u8], wanted: usize) -> usize {
        let taken = (wanted - self.len).min(input.len());
        self.bytes[self.len..self.len + taken].copy_from_slice(&input[..taken]);
        self.len += taken;
        taken
    }

    fn gathered(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..self.len]
    }
}

fn head_bytes(coding: Coding) -> usize {
    match coding {
        Coding::Gzip | Coding::Deflate => 2,
        Coding::Brotli => 1,
        Coding::Zstd => 4,
    }
}

/// If a member may begin with these bytes, of which some may be missing.
fn begins(coding: Coding, head: &[u8]) -> bool {
    match coding {
        Coding::Gzip => [0x1f, 0x8b].starts_with(head),
        // A frame, or one to be skipped: RFC 8878, sections 3.1.1 and 3.1.2.
        Coding::Zstd => {
            let is_skippable = head.first().is_none_or(|first| first & 0xf0 == 0x50)
                && [0x2a, 0x4d, 0x18].starts_with(head.get(1..).unwrap_or_default());
            is_skippable || [0x28, 0xb5, 0x2f, 0xfd].starts_with(head)
        }
        // This begins a large window, up to 1 GiB, which RFC 7932 does not know.
        Coding::Brotli => head.first().is_none_or(|first| first & 0x7f != 0x11),
        Coding::Deflate => true,
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends in the middle")
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
