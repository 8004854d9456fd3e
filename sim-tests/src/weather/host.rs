use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use event_listener::{Event as Signal, EventListener, listener};
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use seaworthy_core::rt::{BoxListener, Rng};

use super::wake;
use crate::{Sim, engine::Engine, fault::FaultKind};

/// One host of a run, through all its lives.
pub(crate) struct HostState {
    name: Arc<str>,
    address: IpAddr,
    /// All hosts of the test runtime share one loopback and one unspecified address: there, its own stands for both.
    is_alone: bool,
    /// The kinds of faults under way, a bit each: what every operation looks at.
    kinds: AtomicU64,
    faults: Mutex<Vec<Active>>,
    /// The last life that is over; lives count from 1.
    ended: AtomicU64,
    life: Mutex<Life>,
    acceptors: Mutex<BTreeMap<u64, Arc<Acceptor>>>,
    chance: Mutex<Rng>,
    /// When what was sent is on its way, while the host sends slowly.
    sends_until: Mutex<Duration>,
    changed: Signal,
}

/// A fault that is under way on a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active {
    pub(super) index: usize,
    pub(super) kind: FaultKind,
    pub(super) size: u64,
    pub(super) until: Duration,
}

#[derive(Default)]
struct Life {
    number: u64,
    /// The faults that keep it down.
    down: Vec<usize>,
    /// Its tasks, with those of earlier lives that are not dropped yet.
    tasks: BTreeMap<u64, Arc<Seat>>,
    seats: u64,
}

/// A task, as its host knows it.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) waker: AtomicWaker,
    /// It was to run, and a fault did not let it.
    pub(super) is_held: AtomicBool,
}

/// A listening socket, as its host knows it.
pub(super) struct Acceptor {
    /// Woken when a fault is over.
    pub(super) waker: AtomicWaker,
    /// The engine's; `None` while it is polled, and once the life that it was of is over.
    pub(super) inner: Mutex<Option<BoxListener>>,
}

pub(super) const fn bit(kind: FaultKind) -> u64 {
    1 << kind as u64
}

impl HostState {
    pub(crate) fn new(sim: &Sim, name: Arc<str>, address: IpAddr) -> Self {
        Self {
            chance: Mutex::new(sim.rng("weather", 0).fork(&name, 0)),
            name,
            address,
            is_alone: sim.engine() == Engine::Turmoil,
            kinds: AtomicU64::new(0),
            faults: Mutex::default(),
            ended: AtomicU64::new(0),
            life: Mutex::default(),
            acceptors: Mutex::default(),
            sends_until: Mutex::default(),
            changed: Signal::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether an address means this host wherever it is used.
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || address.is_unspecified() || address == self.address
    }

    /// The address to give to the engine's network for this one.
    pub(super) fn on_network(&self, address: SocketAddr) -> SocketAddr {
        let is_shared = !self.is_alone && self.is_own(address.ip());
        if is_shared { SocketAddr::new(self.address, address.port()) } else { address }
    }

    /// The address that tells this end from that of another host.
    pub(super) fn of_connection(&self, address: SocketAddr) -> SocketAddr {
        if address.ip().is_loopback() { SocketAddr::new(self.address, address.port()) } else { address }
    }

    /// Lets `decide` draw from the host's chance.
    pub(super) fn draw<T>(&self, decide: impl FnOnce(&mut Rng) -> T) -> T {
        decide(&mut self.chance.lock())
    }
}

/// Its faults.
impl HostState {
    pub(super) fn kinds(&self) -> u64 {
        self.kinds.load(Ordering::Relaxed)
    }

    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        self.kinds() & bit(kind) != 0
    }

    /// The first fault of this kind that is under way and that `applies`.
    pub(super) fn first(&self, kind: FaultKind, mut applies: impl FnMut(u64) -> bool) -> Option<Active> {
        if !self.has(kind) {
            return None;
        }
        // Copied first: what applies is for the scenario to say, and not under the lock.
        let faults: Vec<_> = self.faults.lock().iter().filter(|fault| fault.kind == kind).copied().collect();
        faults.into_iter().find(|fault| applies(fault.size))
    }

    /// The first fault of this kind that is under way.
    pub(super) fn fault(&self, kind: FaultKind) -> Option<Active> {
        if !self.has(kind) {
            return None;
        }
        self.faults.lock().iter().find(|fault| fault.kind == kind).copied()
    }

    /// The largest size of the faults of this kind that are under way.
    pub(crate) fn largest(&self, kind: FaultKind) -> Option<u64> {
        if !self.has(kind) {
            return None;
        }
        self.faults.lock().iter().filter(|fault| fault.kind == kind).map(|fault| fault.size).max()
    }

    pub(super) fn faults(&self) -> Vec<Active> {
        if self.kinds() == 0 { Vec::new() } else { self.faults.lock().clone() }
    }

    /// Draws how long a fault of this kind delays something now: up to its size, and no longer than it lasts.
    pub(super) fn delay(&self, sim: &Sim, kind: FaultKind) -> Option<(usize, Duration)> {
        let Active { index, size, until, .. } = self.fault(kind)?;
        let drawn = Duration::from_millis(self.draw(|rng| 1 + rng.below(size.max(1))));
        let delay = drawn.min(until.saturating_sub(sim.now()));
        (!delay.is_zero()).then_some((index, delay))
    }

    /// When the next bytes may be sent, while the host sends slowly.
    pub(super) fn sends_until(&self) -> Duration {
        *self.sends_until.lock()
    }

    /// Sending keeps all connections of the host from it for a while.
    pub(super) fn send_for(&self, now: Duration, time: Duration) {
        let mut until = self.sends_until.lock();
        *until = now.max(*until) + time;
    }

    pub(super) fn add(&self, fault: Active) {
        self.change(|faults| faults.push(fault));
    }

    pub(super) fn remove(&self, index: usize) {
        self.change(|faults| faults.retain(|fault| fault.index != index));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Active>)) {
        let mut faults = self.faults.lock();
        change(&mut faults);
        let kinds = faults.iter().fold(0, |kinds, fault| kinds | bit(fault.kind));
        self.kinds.store(kinds, Ordering::Relaxed);
    }

    /// A fault is over: those it held go on.
    pub(super) fn look_again(&self) {
        let mut wakers: Vec<_> =
            self.acceptors.lock().values().filter_map(|acceptor| acceptor.waker.take()).collect();
        let tasks: Vec<_> = self.life.lock().tasks.values().cloned().collect();
        let held = tasks.iter().filter(|task| task.is_held.load(Ordering::Relaxed));
        wakers.extend(held.filter_map(|task| task.waker.take()));
        wake(wakers);
        self.changed.notify(usize::MAX);
    }

    /// Ends when something has changed since it was asked for.
    pub(super) fn change_of_faults(&self) -> EventListener {
        self.changed.listen()
    }

    /// The host listens.
    pub(super) fn add_acceptor(&self, listener: BoxListener) -> (u64, Arc<Acceptor>) {
        let mut acceptors = self.acceptors.lock();
        let number = acceptors.last_key_value().map_or(0, |(last, _)| last + 1);
        let acceptor = Arc::new(Acceptor { waker: AtomicWaker::new(), inner: Mutex::new(Some(listener)) });
        acceptors.insert(number, Arc::clone(&acceptor));
        (number, acceptor)
    }

    /// Closes the listeners of a life that is over, which something outside of its tasks keeps. To be called on the host:
    /// turmoil frees a port nowhere else.
    pub(crate) fn close_listeners(&self) {
        let acceptors = std::mem::take(&mut *self.acceptors.lock());
        for acceptor in acceptors.into_values() {
            let inner = acceptor.inner.lock().take();
            drop(inner);
            wake(acceptor.waker.take());
        }
    }

    pub(super) fn remove_acceptor(&self, number: u64) {
        let _gone = self.acceptors.lock().remove(&number);
    }
}

/// Its lives.
impl HostState {
    /// It begins to run. Returns the number of this life.
    pub(crate) fn start(&self) -> u64 {
        let mut life = self.life.lock();
        life.number += 1;
        life.number
    }

    pub(crate) fn life(&self) -> u64 {
        self.life.lock().number
    }

    pub(crate) fn is_over(&self, life: u64) -> bool {
        self.ended.load(Ordering::Relaxed) >= life
    }

    /// Whether no life of it is under way, and there was one.
    pub(super) fn has_ended(&self) -> bool {
        let life = self.life();
        life > 0 && self.is_over(life)
    }

    /// Its main has ended: so do its tasks.
    pub(crate) fn stop(&self, life: u64) {
        let tasks = {
            let state = self.life.lock();
            if state.number != life {
                return;
            }
            self.finish(&state)
        };
        wake(tasks);
    }

    /// A fault takes it down: its tasks are dropped. Returns whether it was up, or about to start for the first time.
    pub(crate) fn kill(&self, fault: usize) -> bool {
        let (was_up, tasks) = {
            let mut state = self.life.lock();
            let is_new = state.number == 0 && state.down.is_empty();
            let was_up = is_new || !self.is_over(state.number);
            state.down.push(fault);
            (was_up, self.finish(&state))
        };
        wake(tasks);
        was_up
    }

    fn finish(&self, life: &Life) -> Vec<Waker> {
        self.ended.fetch_max(life.number, Ordering::Relaxed);
        life.tasks.values().filter_map(|task| task.waker.take()).collect()
    }

    /// A fault that took it down is over. Returns whether none is left.
    pub(crate) fn revive(&self, fault: usize) -> bool {
        let is_up = {
            let mut state = self.life.lock();
            state.down.retain(|other| *other != fault);
            state.down.is_empty()
        };
        self.changed.notify(usize::MAX);
        is_up
    }

    /// Waits until no fault keeps it down and nothing of an earlier life is left.
    pub(crate) async fn until_up(&self) {
        self.wait(|life| life.down.is_empty() && life.tasks.is_empty()).await;
    }

    /// Waits until the tasks of a life that is over are dropped.
    pub(crate) async fn until_empty(&self) {
        self.wait(|life| life.tasks.is_empty()).await;
    }

    async fn wait(&self, holds: impl Fn(&Life) -> bool) {
        loop {
            listener!(self.changed => changed);
            if holds(&self.life.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// A task of this life begins; `None` if the life is over.
    pub(super) fn seat(&self, life: u64) -> Option<(u64, Arc<Seat>)> {
        let mut state = self.life.lock();
        if self.is_over(life) {
            return None;
        }
        state.seats += 1;
        let (number, seat) = (state.seats, Arc::new(Seat::default()));
        state.tasks.insert(number, Arc::clone(&seat));
        Some((number, seat))
    }

    pub(super) fn unseat(&self, number: u64) {
        let (seat, is_last) = {
            let mut state = self.life.lock();
            let seat = state.tasks.remove(&number);
            (seat, state.tasks.is_empty() && self.is_over(state.number))
        };
        drop(seat);
        if is_last {
            self.changed.notify(usize::MAX);
        }
    }
}
