//! A connection as both of its ends share it.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::{
    HostState, Key,
    host::{Active, bit},
    wake,
};
use crate::fault::FaultKind;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

pub(super) struct Wire {
    key: Key,
    ends: [End; 2],
    /// Whether there is something in the state that an operation must look at.
    is_troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct End {
    host: OnceLock<Arc<HostState>>,
    /// The life of the host that holds it, from 1 on; 0 before it has joined.
    life: AtomicU64,
    left: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    /// It has closed its direction.
    closed: AtomicBool,
    /// It has read the end of what the peer sent.
    saw_end: AtomicBool,
    /// It wants to read and is not let.
    waits: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

#[derive(Default)]
struct State {
    is_reset: bool,
    /// Whether what an end sent was cut off.
    is_truncated: [bool; 2],
    budgets: Vec<Budget>,
}

/// How many bytes are left until a fault strikes.
struct Budget {
    index: usize,
    left: u64,
    /// The end whose bytes it counts; both if it is a reset.
    of: Option<Side>,
}

/// What a reader may have.
pub(super) enum Allowed {
    Reset,
    End,
    /// So many bytes, if there are any.
    Bytes(u64),
    /// Nothing more: what there may be is cut off by the fault of this index.
    CutOff(usize),
}

const HOLDS_OWN: [FaultKind; 2] = [FaultKind::StalledReader, FaultKind::BlackHole];
const HOLDS_FROM_PEER: [FaultKind; 3] = [FaultKind::BlackHole, FaultKind::OneWay, FaultKind::PowerLoss];

/// What keeps the answers of a peer from arriving: how it closed, that it refused.
const SILENCES_OWN: [FaultKind; 1] = [FaultKind::BlackHole];

/// The kinds on either end that an operation must look at.
pub(super) const DISTURBS: u64 = bit(FaultKind::StalledReader)
    | bit(FaultKind::BlackHole)
    | bit(FaultKind::OneWay)
    | bit(FaultKind::PowerLoss)
    | bit(FaultKind::ShortReads)
    | bit(FaultKind::ShortWrites)
    | bit(FaultKind::Bandwidth);

impl End {
    fn is_joined(&self) -> bool {
        self.life.load(Ordering::Relaxed) > 0
    }

    fn is_held(&self) -> bool {
        self.is_joined() && !self.left.load(Ordering::Relaxed)
    }
}

impl Wire {
    pub(super) fn new(key: Key) -> Self {
        Self { key, ends: Default::default(), is_troubled: AtomicBool::new(false), state: Mutex::default() }
    }

    pub(super) fn key(&self) -> Key {
        self.key
    }

    fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(super) fn host(&self, side: Side) -> Option<&Arc<HostState>> {
        self.end(side).host.get()
    }

    /// The name of the host at an end; the test network does not tell a server who connects until it has.
    pub(super) fn name(&self, side: Side) -> &str {
        self.host(side).map_or("?", |host| host.name())
    }

    pub(super) fn lacks(&self, side: Side) -> bool {
        !self.end(side).is_joined()
    }

    pub(super) fn touches(&self, host: &Arc<HostState>) -> bool {
        [Side::Client, Side::Server].into_iter().any(|side| self.is_at(side, host))
    }

    pub(super) fn is_within(&self, host: &Arc<HostState>) -> bool {
        [Side::Client, Side::Server].into_iter().all(|side| self.is_at(side, host))
    }

    fn is_at(&self, side: Side, host: &Arc<HostState>) -> bool {
        self.host(side).is_some_and(|end| Arc::ptr_eq(end, host))
    }

    /// This life of `host` holds this end from now on.
    pub(super) fn join(&self, side: Side, host: &Arc<HostState>, life: u64) {
        self.end(side).life.store(life, Ordering::Relaxed);
        self.know(side, host);
    }

    /// Whether an end is still held that was of a life of `host` that is over.
    pub(super) fn is_left_behind(&self, host: &Arc<HostState>) -> bool {
        let sides = [Side::Client, Side::Server].into_iter().filter(|side| self.is_at(*side, host));
        let mut ends = sides.map(|side| self.end(side));
        ends.any(|end| end.is_held() && host.is_over(end.life.load(Ordering::Relaxed)))
    }

    /// This end is that of `host`. The faults under way there apply.
    pub(super) fn know(&self, side: Side, host: &Arc<HostState>) {
        if self.end(side).host.set(Arc::clone(host)).is_ok() {
            host.faults().into_iter().for_each(|fault| self.expect_at(side, fault));
        }
    }

    /// This end is left. Returns whether nobody holds one.
    pub(super) fn leave(&self, side: Side) -> bool {
        let end = self.end(side);
        end.left.store(true, Ordering::Relaxed);
        end.closed.store(true, Ordering::Relaxed);
        !self.ends.iter().any(End::is_held)
    }
}

/// Its faults.
impl Wire {
    /// A fault of `host` begins, that may count bytes from now on.
    pub(super) fn expect(&self, host: &Arc<HostState>, fault: Active) {
        for side in [Side::Client, Side::Server] {
            if self.is_at(side, host) {
                self.expect_at(side, fault);
            }
        }
    }

    fn expect_at(&self, side: Side, fault: Active) {
        let of = match fault.kind {
            FaultKind::ResetAfterBytes => None,
            FaultKind::Truncate => Some(side),
            _ => return,
        };
        let budget = Budget { index: fault.index, left: fault.size.max(1), of };
        let mut state = self.state.lock();
        let is_new = state.budgets.iter().all(|other| (other.index, other.of) != (budget.index, of));
        if is_new {
            state.budgets.push(budget);
            self.is_troubled.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&self, index: usize) {
        let mut state = self.state.lock();
        state.budgets.retain(|budget| budget.index != index);
        self.note_trouble(&state);
    }

    fn note_trouble(&self, state: &State) {
        let is_troubled = state.is_reset || state.is_truncated.contains(&true) || !state.budgets.is_empty();
        self.is_troubled.store(is_troubled, Ordering::Relaxed);
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.is_troubled.load(Ordering::Relaxed)
    }

    /// Both ends fail from now on. Returns whether they did not before; wake them then.
    pub(super) fn reset(&self) -> bool {
        let mut state = self.state.lock();
        let was_reset = std::mem::replace(&mut state.is_reset, true);
        self.note_trouble(&state);
        !was_reset
    }

    pub(super) fn is_reset(&self) -> bool {
        self.is_troubled() && self.state.lock().is_reset
    }

    /// Whether what this end sends is cut off.
    pub(super) fn is_truncated(&self, side: Side) -> bool {
        self.is_troubled() && self.state.lock().is_truncated[side as usize]
    }

    /// What this end may read.
    pub(super) fn allowed(&self, side: Side) -> Allowed {
        let (state, from) = (self.state.lock(), side.peer());
        if state.is_reset {
            return Allowed::Reset;
        }
        if state.is_truncated[from as usize] {
            return Allowed::End;
        }
        let mut bytes = u64::MAX;
        for budget in state.budgets.iter().filter(|budget| budget.of.is_none_or(|of| of == from)) {
            if budget.left == 0 {
                return Allowed::CutOff(budget.index);
            }
            bytes = bytes.min(budget.left);
        }
        Allowed::Bytes(bytes)
    }

    /// What this end was sent has ended, in the middle of it.
    pub(super) fn truncate(&self, side: Side) {
        let mut state = self.state.lock();
        state.is_truncated[side.peer() as usize] = true;
        self.note_trouble(&state);
    }

    /// This end has read so many bytes. Returns the fault that resets the connection because of it.
    pub(super) fn count(&self, side: Side, bytes: u64) -> Option<usize> {
        let (mut state, from) = (self.state.lock(), side.peer());
        let mut resets = None;
        for budget in state.budgets.iter_mut().filter(|budget| budget.of.is_none_or(|of| of == from)) {
            budget.left = budget.left.saturating_sub(bytes);
            if budget.left == 0 && budget.of.is_none() {
                resets = resets.or(Some(budget.index));
            }
        }
        resets
    }

    /// What keeps this end from reading.
    pub(super) fn holds(&self, side: Side) -> Option<usize> {
        self.fault(side, &HOLDS_OWN, &HOLDS_FROM_PEER)
    }

    /// What keeps this end from learning anything of its peer.
    pub(super) fn silences(&self, side: Side) -> Option<usize> {
        self.fault(side, &SILENCES_OWN, &HOLDS_FROM_PEER)
    }

    fn fault(&self, side: Side, own: &[FaultKind], peers: &[FaultKind]) -> Option<usize> {
        let find = |side, kinds: &[FaultKind]| {
            let host = self.host(side)?;
            kinds.iter().find_map(|kind| host.fault(*kind))
        };
        let fault = find(side, own).or_else(|| find(side.peer(), peers))?;
        Some(fault.index)
    }
}

/// Its bytes, and who waits for them.
impl Wire {
    pub(super) fn sent(&self, side: Side, bytes: usize) {
        self.end(side).sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, side: Side, bytes: usize) {
        let end = self.end(side);
        match bytes {
            0 => end.saw_end.store(true, Ordering::Relaxed),
            _ => drop(end.received.fetch_add(bytes as u64, Ordering::Relaxed)),
        }
    }

    /// This end has sent all it will. Returns whether that is new.
    pub(super) fn close(&self, side: Side) -> bool {
        !self.end(side).closed.swap(true, Ordering::Relaxed)
    }

    /// Whether there is something that this end has not read.
    pub(super) fn has_unread(&self, side: Side) -> bool {
        let (own, peer) = (self.end(side), self.end(side.peer()));
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let is_end_unread = peer.closed.load(Ordering::Relaxed) && !own.saw_end.load(Ordering::Relaxed);
        load(&peer.sent) > load(&own.received) || is_end_unread
    }

    pub(super) fn set_waits(&self, side: Side, waits: bool) {
        self.end(side).waits.store(waits, Ordering::Relaxed);
    }

    pub(super) fn waits(&self, side: Side) -> bool {
        self.end(side).waits.load(Ordering::Relaxed)
    }

    pub(super) fn register_reader(&self, side: Side, waker: &Waker) {
        self.end(side).reader.register(waker);
    }

    pub(super) fn register_writer(&self, side: Side, waker: &Waker) {
        self.end(side).writer.register(waker);
    }

    /// Lets all who wait at either end look again.
    pub(super) fn wake(&self) {
        let wakers = self.ends.iter().flat_map(|end| [end.reader.take(), end.writer.take()]);
        wake(wakers.flatten().collect::<Vec<_>>());
    }
}
