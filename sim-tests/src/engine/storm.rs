//! The engine on turmoil.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{announce, limit};
use crate::{
    Cause, Config, Sim, Simulation,
    event::What,
    fault::{Change, FaultKind, Storm, Timeline},
    outcome::Verdict,
    scenario::{Cast, Host},
    weather::{HostState, host_runtime},
};

/// Runs the hosts until all clients have ended or something failed.
pub(super) fn play(sim: &Sim, hosts: Vec<Cast>, storm: &Storm, tick: Duration) {
    let config = Config { seed: sim.seed(), tick, limit: limit(storm), ..Config::default() };
    let mut simulation = match Simulation::new(config) {
        Ok(simulation) => simulation,
        Err(error) => return sim.fail(Verdict::Failed { text: error.to_string() }),
    };
    let stepped = Arc::new(AtomicU64::new(0));
    let outside = Arc::clone(&stepped);
    sim.set_clock(move || {
        let stepped = Duration::from_nanos(outside.load(Ordering::Relaxed));
        turmoil::sim_elapsed().map_or(stepped, |inside| inside.max(stepped))
    });
    let mut states = BTreeMap::new();
    for cast in hosts {
        states.insert(cast.name.to_string(), add(sim, &mut simulation, cast));
    }
    let mut weather =
        Weather { timeline: Timeline::new(sim.schedule(), storm.chaos), states, down: BTreeMap::new() };
    let mut is_healed = false;
    let failure = loop {
        let now = simulation.elapsed();
        weather.turn(sim, &mut simulation, now);
        if !is_healed && now >= storm.chaos {
            is_healed = true;
            sim.heal();
        }
        let over = match simulation.step() {
            Ok(over) => over,
            Err(failure) => break Some(failure),
        };
        stepped.store(simulation.elapsed().as_nanos() as u64, Ordering::Relaxed);
        if sim.has_failed() {
            break None;
        }
        if over {
            // Ends all hosts, and says what their destructors did.
            break simulation.run().err();
        }
    };
    if let Some(failure) = failure {
        let text = failure.to_string();
        sim.fail(match failure.cause {
            Cause::HostPanicked { .. } | Cause::TaskPanicked { .. } => Verdict::Panicked { text },
            Cause::NotOver { .. } | Cause::Livelock { .. } => Verdict::Stuck { text },
            _ => Verdict::Failed { text },
        });
    }
}

fn add(sim: &Sim, simulation: &mut Simulation, cast: Cast) -> Arc<HostState> {
    let Cast { name, is_client, main } = cast;
    let state = Arc::new(HostState::new(Arc::clone(&name), None));
    let (sim, host) = (sim.clone(), Arc::clone(&state));
    let main = move |rt| {
        host.start();
        sim.record(host.name(), What::Boot);
        let rt = host_runtime(&sim, &host, &rt);
        main(Host::new(rt, sim.clone(), Arc::clone(&host)))
    };
    if is_client {
        simulation.client(&name, main);
    } else {
        simulation.host(&name, main);
    }
    state
}

/// What changes from step to step.
struct Weather {
    timeline: Timeline,
    states: BTreeMap<String, Arc<HostState>>,
    /// How many faults keep a host down.
    down: BTreeMap<String, u64>,
}

impl Weather {
    fn turn(&mut self, sim: &Sim, simulation: &mut Simulation, now: Duration) {
        while let Some(change) = self.timeline.pop(now) {
            let (Change::Begin(index) | Change::End(index)) = change;
            let fault = sim.schedule().faults[index].clone();
            if !self.states.contains_key(&fault.on) {
                continue;
            }
            match change {
                Change::Begin(_) => {
                    announce(sim, index);
                    sim.weather().begin(sim, index, &fault);
                    self.begin(sim, simulation, index, fault.kind, &fault.on);
                }
                Change::End(_) => {
                    sim.weather().end(sim, index);
                    self.end(sim, simulation, fault.kind, &fault.on);
                    sim.record(&fault.on, What::FaultEnded { fault: index });
                }
            }
        }
    }

    fn begin(&mut self, sim: &Sim, simulation: &mut Simulation, index: usize, kind: FaultKind, host: &str) {
        if kind == FaultKind::Crash {
            let down = self.down.entry(host.to_owned()).or_default();
            *down += 1;
            if *down == 1 {
                simulation.crash(host);
                sim.record(host, What::Down);
                sim.struck(host, index);
            }
        }
    }

    fn end(&mut self, _sim: &Sim, simulation: &mut Simulation, kind: FaultKind, host: &str) {
        if kind == FaultKind::Crash {
            let down = self.down.get_mut(host).expect("what ends has begun");
            *down -= 1;
            if *down == 0 {
                simulation.bounce(host);
            }
        }
    }
}
