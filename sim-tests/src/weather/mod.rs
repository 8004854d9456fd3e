//! The faults that are under way, and what they reach: the runtime of each host, wrapped.
//!
//! | file | what it is |
//! |---|---|
//! | `host` | one host: its faults, its lives, its tasks |
//! | `runtime` | the wrapped runtime; `tasks`, `timer` and `net` are its parts |
//! | `wire` | a connection as both of its ends share it |
//! | `connection` | one end, around the engine's own connection |
//! | `listener` | accepting |
//!
//! It is the same on both engines. Nothing here waits for time but what a fault delays: when one begins or ends, those
//! whom it concerns are woken and look again. With no fault under way, an operation costs a few relaxed loads more.

mod connection;
mod host;
mod listener;
mod net;
mod runtime;
mod tasks;
mod timer;
mod wire;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::Waker,
    time::Duration,
};

use parking_lot::Mutex;
use seaworthy_core::rt::Rt;

use self::{
    host::Active,
    runtime::HostRuntime,
    wire::{Side, Wire},
};
use crate::{
    Sim,
    engine::Engine,
    fault::{Fault, FaultKind},
};

pub(crate) use host::HostState;

/// The ends of a connection: who connected, who accepted.
type Key = (SocketAddr, SocketAddr);

/// The faults that are under way, by the hosts they happen to, and the connections they may reach.
#[derive(Default)]
pub(crate) struct Weather {
    hosts: Mutex<BTreeMap<Arc<str>, Arc<HostState>>>,
    wires: Mutex<BTreeMap<Key, Arc<Wire>>>,
}

impl Weather {
    /// A host is added, before the run.
    pub(crate) fn add(&self, host: &Arc<HostState>) {
        self.hosts.lock().insert(host.shared_name(), Arc::clone(host));
    }

    /// A fault of the schedule begins. It will be over at `until`, unless it is over at once.
    pub(crate) fn begin(&self, sim: &Sim, index: usize, fault: &Fault, until: Duration) {
        let Some(host) = self.host_named(&fault.on) else { return };
        let active = Active { index, kind: fault.kind, size: fault.size, until };
        host.add(active);
        for wire in self.wires_of(&host) {
            wire.expect(&host, active);
            if fault.kind == FaultKind::Reset && wire.reset() {
                strike(sim, index);
            }
            wire.wake();
        }
    }

    /// A fault of the schedule is over.
    pub(crate) fn end(&self, sim: &Sim, index: usize) {
        let fault = &sim.schedule().faults[index];
        let Some(host) = self.host_named(&fault.on) else { return };
        host.remove(index);
        for wire in self.wires_of(&host) {
            wire.forget(index);
            let is_lost = match fault.kind {
                // The machine that is back knows nothing of these.
                FaultKind::PowerLoss => true,
                // What was lost on the way is not sent again: in the end, both kernels give up.
                FaultKind::Partition => !wire.is_within(&host),
                _ => false,
            };
            if is_lost && wire.reset() {
                strike(sim, index);
            }
            wire.wake();
        }
        host.look_again();
    }

    /// The size of the first fault of this kind that is under way on `host` and that `applies`; this is its effect.
    pub(crate) fn strikes(
        &self,
        sim: &Sim,
        host: &HostState,
        kind: FaultKind,
        applies: impl FnMut(u64) -> bool,
    ) -> Option<u64> {
        if !host.has(kind) {
            return None;
        }
        let Active { index, size, .. } = host.first(kind, applies)?;
        strike(sim, index);
        Some(size)
    }

    fn host_named(&self, name: &str) -> Option<Arc<HostState>> {
        self.hosts.lock().get(name).cloned()
    }

    fn host_at(&self, address: IpAddr) -> Option<Arc<HostState>> {
        self.hosts.lock().values().find(|host| host.address() == address).cloned()
    }

    fn wires_of(&self, host: &Arc<HostState>) -> Vec<Arc<Wire>> {
        self.wires.lock().values().filter(|wire| wire.touches(host)).cloned().collect()
    }

    /// A life of `host` is over and its tasks are gone. The connections that something outside of them keeps, as a scenario
    /// may, end with the process all the same.
    pub(crate) fn bury(&self, host: &Arc<HostState>) {
        // Peers hear nothing of that until the power is back; then all is reset.
        if host.has(FaultKind::PowerLoss) {
            return;
        }
        for wire in self.wires_of(host) {
            if wire.is_left_behind(host) && wire.reset() {
                wire.wake();
            }
        }
    }

    /// The connection that a life of `host` is an end of. The first end to come creates it.
    fn join(&self, runtime: &HostRuntime, side: Side, key: Key) -> Arc<Wire> {
        let HostRuntime { sim, host, life, .. } = runtime;
        let wire = {
            let mut wires = self.wires.lock();
            let known = wires.get(&key).filter(|wire| wire.lacks(side));
            let wire = known.cloned().unwrap_or_else(|| Arc::new(Wire::new(key)));
            wires.insert(key, Arc::clone(&wire));
            wire
        };
        wire.join(side, host, *life);
        // On turmoil the address of the peer says which host it is; the test network has one address for both ends.
        let (client, server) = key;
        let peer = match side {
            Side::Client => self.host_at(server.ip()),
            Side::Server if sim.engine() == Engine::Turmoil => self.host_at(client.ip()),
            Side::Server => None,
        };
        if let Some(peer) = peer {
            wire.know(side.peer(), &peer);
        }
        wire
    }

    /// One end is gone; the last one takes the connection along.
    fn leave(&self, wire: &Arc<Wire>, side: Side) {
        let mut wires = self.wires.lock();
        let is_known = wires.get(&wire.key()).is_some_and(|known| Arc::ptr_eq(known, wire));
        if wire.leave(side) && is_known {
            wires.remove(&wire.key());
        }
    }
}

/// The runtime of a host that starts: `inner`, and the weather around it.
pub(crate) fn host_runtime(sim: &Sim, host: &Arc<HostState>, inner: &Rt) -> Rt {
    Rt::new(HostRuntime::new(sim.clone(), Arc::clone(host), inner.clone()))
}

/// Counts an effect of a fault.
fn strike(sim: &Sim, index: usize) {
    if let Some(fault) = sim.schedule().faults.get(index) {
        sim.struck(&fault.on, index);
    }
}

/// User code, so never under a lock.
fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
