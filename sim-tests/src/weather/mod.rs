//! The faults that are under way, and what they reach: the runtime of each host, wrapped.

use std::{net::IpAddr, sync::Arc};

use event_listener::{Event as Signal, listener};
use parking_lot::Mutex;
use seaworthy_core::rt::Rt;

use crate::{
    Sim,
    fault::{Fault, FaultKind},
};

/// The faults that are under way.
#[derive(Default)]
pub(crate) struct Weather {
    active: Mutex<Vec<(usize, Fault)>>,
}

impl Weather {
    /// A fault of the schedule begins.
    pub(crate) fn begin(&self, _sim: &Sim, index: usize, fault: &Fault) {
        self.active.lock().push((index, fault.clone()));
    }

    /// A fault of the schedule is over.
    pub(crate) fn end(&self, _sim: &Sim, index: usize) {
        self.active.lock().retain(|(other, _)| *other != index);
    }

    /// The size of the first fault of this kind that is under way on `host` and that `applies`; this is its effect.
    pub(crate) fn strikes(
        &self,
        sim: &Sim,
        host: &HostState,
        kind: FaultKind,
        mut applies: impl FnMut(u64) -> bool,
    ) -> Option<u64> {
        let (index, size) = {
            let active = self.active.lock();
            let mut here = active.iter().filter(|(_, fault)| fault.kind == kind && fault.on == host.name());
            here.find(|(_, fault)| applies(fault.size)).map(|(index, fault)| (*index, fault.size))?
        };
        sim.struck(host.name(), index);
        Some(size)
    }
}

/// One host of a run, through all its lives.
pub(crate) struct HostState {
    name: Arc<str>,
    /// Its address on the network of the test runtime; on turmoil's it listens on the unspecified one.
    address: Option<IpAddr>,
    life: Mutex<Life>,
    changed: Signal,
}

/// Whether it is up, on the test runtime. turmoil takes its hosts down itself.
#[derive(Default)]
struct Life {
    is_running: bool,
    /// The faults that keep it down.
    down: Vec<usize>,
}

impl HostState {
    pub(crate) fn new(name: Arc<str>, address: Option<IpAddr>) -> Self {
        Self { name, address, life: Mutex::default(), changed: Signal::new() }
    }

    /// It begins to run.
    pub(crate) fn start(&self) {
        self.life.lock().is_running = true;
    }

    /// Its main has ended: so do its tasks.
    pub(crate) fn stop(&self) {
        self.life.lock().is_running = false;
    }

    /// A fault takes it down: its tasks are dropped. Returns whether it was up.
    pub(crate) fn kill(&self, fault: usize) -> bool {
        let mut life = self.life.lock();
        life.down.push(fault);
        std::mem::replace(&mut life.is_running, false)
    }

    /// A fault that took it down is over.
    pub(crate) fn revive(&self, fault: usize) {
        self.life.lock().down.retain(|other| *other != fault);
        self.changed.notify(usize::MAX);
    }

    /// Whether faults keep it down.
    pub(crate) fn is_down(&self) -> bool {
        !self.life.lock().down.is_empty()
    }

    /// Waits until no fault keeps it down.
    pub(crate) async fn until_up(&self) {
        loop {
            listener!(self.changed => changed);
            if !self.is_down() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

/// The runtime of a host that starts: `inner`, and the weather around it.
pub(crate) fn host_runtime(_sim: &Sim, _host: &Arc<HostState>, inner: &Rt) -> Rt {
    inner.clone()
}
