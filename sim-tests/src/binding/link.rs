//! What turmoil's TCP lacks, kept beside each stream and shared by its two ends.
//!
//! turmoil bounds a stream in segments only, hangs a writer for good whose peer is gone, loses an end of stream that
//! meets a full queue, and cannot reset. A [`Link`] knows what is under way in each direction and how each end was left.
//! The bytes, the ends of streams and turmoil's own resets still travel through the simulated network, so latency and
//! partitions hold for them; what is shared here is bookkeeping that no program could see arrive.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Waker},
};

use parking_lot::Mutex;

/// How many bytes may be under way in one direction: sent, and not read by the peer.
pub(crate) const WINDOW: usize = 64 << 10;

/// The most that one segment carries.
pub(crate) const SEGMENT: usize = 16 << 10;

/// How many segments may be under way in one direction. Far fewer than [`TCP_CAPACITY`]: a queue of turmoil's is never
/// full, so no end of stream meets a full one.
const SEGMENTS_MAX: usize = 1024;

/// turmoil's capacity of a stream in segments and of a listener in connects under way. Past the latter it panics.
pub(crate) const TCP_CAPACITY: usize = 4096;

/// The two ends of a connection. Where it is a host's connection to itself, loopback is replaced by the host's address,
/// because every host has the same loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Pair {
    /// Who connected.
    pub client: SocketAddr,
    /// Who accepted.
    pub server: SocketAddr,
}

impl Pair {
    pub(crate) fn new(host: IpAddr, mut client: SocketAddr, mut server: SocketAddr) -> Self {
        for end in [&mut client, &mut server] {
            if end.ip().is_loopback() {
                end.set_ip(host);
            }
        }
        Self { client, server }
    }
}

/// The connections of one simulation.
#[derive(Debug, Default)]
pub struct Links(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Accepted by the server, and the client does not know yet.
    accepted: BTreeMap<Pair, Arc<Link>>,
    open: BTreeMap<u64, Arc<Link>>,
    opened: u64,
}

impl Links {
    /// How many connections have an end that is still held.
    pub fn len(&self) -> usize {
        self.0.lock().open.len()
    }

    /// Whether no connection is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Resets the connections that `choose` picks, at once and at both ends, like a machine on the way that drops their
    /// state. Returns how many it was.
    ///
    /// Reading and writing fail with [`ConnectionReset`](std::io::ErrorKind::ConnectionReset) from now on, blocked or
    /// not, and what is under way is lost.
    pub fn reset(&self, choose: impl Fn(&Pair) -> bool) -> usize {
        let chosen: Vec<_> = {
            let table = self.0.lock();
            table.open.values().filter(|link| choose(&link.pair)).cloned().collect()
        };
        chosen.iter().for_each(|link| link.reset());
        chosen.len()
    }

    /// The server's side, when it has accepted.
    pub(crate) fn accept(&self, pair: Pair) -> Arc<Link> {
        let mut table = self.0.lock();
        table.opened += 1;
        let link = Arc::new(Link { number: table.opened, pair, state: Mutex::default() });
        table.open.insert(link.number, Arc::clone(&link));
        table.accepted.insert(pair, Arc::clone(&link));
        link
    }

    /// The client's side, when it has learned of that. A server accepts before its client can know.
    pub(crate) fn join(&self, pair: Pair) -> Option<Arc<Link>> {
        self.0.lock().accepted.remove(&pair)
    }

    fn close(&self, link: &Link) {
        self.0.lock().open.remove(&link.number);
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    number: u64,
    pair: Pair,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reset: bool,
    ends: [End; 2],
}

/// One end: what it has sent, and who waits there.
#[derive(Debug, Default)]
struct End {
    /// The segments it sent that were not read, oldest first, as far as they were not.
    under_way: VecDeque<usize>,
    bytes: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    left: Option<Leave>,
}

/// How an end was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Dropped.
    Dropped,
    /// Aborted: the peer is to see a reset.
    Aborted,
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Whether a writer may go on.
pub(crate) enum Room {
    /// With so many bytes.
    Bytes(usize),
    /// Not until the peer reads.
    Full,
    /// The peer is gone, so it will never read; this end will know when the network tells it.
    PeerLeft,
}

impl Link {
    /// Whether it was reset on the way; if not, the waker of `cx` is told when it is.
    pub(crate) fn is_reset_for_reader(&self, side: Side, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        state.ends[side as usize].reader = Some(cx.waker().clone());
        state.reset
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.state.lock().reset
    }

    pub(crate) fn peer_left(&self, side: Side) -> Option<Leave> {
        self.state.lock().ends[side.peer() as usize].left
    }

    /// How much this end may send. When it may not, the waker of `cx` is told of any change.
    pub(crate) fn room(&self, side: Side, cx: &Context<'_>) -> Room {
        let mut state = self.state.lock();
        let peer_left = state.ends[side.peer() as usize].left.is_some();
        let end = &mut state.ends[side as usize];
        let room = WINDOW.saturating_sub(end.bytes);
        if room > 0 && end.under_way.len() < SEGMENTS_MAX {
            return Room::Bytes(room.min(SEGMENT));
        }
        end.writer = Some(cx.waker().clone());
        if peer_left { Room::PeerLeft } else { Room::Full }
    }

    pub(crate) fn sent(&self, side: Side, bytes: usize) {
        let mut state = self.state.lock();
        let end = &mut state.ends[side as usize];
        end.under_way.push_back(bytes);
        end.bytes += bytes;
    }

    /// This end has read so many bytes; the peer has room for as many.
    pub(crate) fn received(&self, side: Side, bytes: usize) {
        let mut state = self.state.lock();
        let end = &mut state.ends[side.peer() as usize];
        end.bytes -= bytes;
        let mut rest = bytes;
        while let Some(first) = end.under_way.front_mut().filter(|_| rest > 0) {
            let taken = rest.min(*first);
            *first -= taken;
            rest -= taken;
            if *first == 0 {
                end.under_way.pop_front();
            }
        }
        let writer = end.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }

    /// This end is gone. The last one takes the link out of the table.
    pub(crate) fn leave(&self, side: Side, how: Leave, links: &Links) {
        let mut state = self.state.lock();
        let own = &mut state.ends[side as usize];
        own.left.get_or_insert(how);
        let peer = &mut state.ends[side.peer() as usize];
        let writer = peer.writer.take();
        let both = peer.left.is_some();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        if both {
            links.close(self);
        }
    }

    fn reset(&self) {
        let mut state = self.state.lock();
        state.reset = true;
        let ends = state.ends.iter_mut();
        let wakers: Vec<_> = ends.flat_map(|end| [end.reader.take(), end.writer.take()]).flatten().collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}
