//! The engine on turmoil.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use seaworthy_core::rt::JoinError;

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
    let timeline = Timeline::new(sim.schedule(), storm.chaos);
    let mut weather =
        Weather { timeline, states, heal: storm.chaos, roads: BTreeMap::new(), crashed: BTreeSet::new() };
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
        // Whoever asks the system outside of our tasks sees time pass from step to step.
        sim.now();
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
    let address = simulation.turmoil().lookup(&*name);
    let state = Arc::new(HostState::new(sim, Arc::clone(&name), address));
    sim.weather().add(&state);
    let (sim, host) = (sim.clone(), Arc::clone(&state));
    let main = move |rt| {
        host.close_listeners();
        let life = host.start();
        sim.record(host.name(), What::Boot);
        let rt = host_runtime(&sim, &host, &rt);
        let main = main(Host::new(rt.clone(), sim.clone(), Arc::clone(&host)));
        let (host, sim) = (Arc::clone(&host), sim.clone());
        async move {
            // A task of the host's own, so that what reaches its tasks reaches it too.
            let ended = rt.spawn("main", main).await;
            host.stop(life);
            host.until_empty().await;
            host.close_listeners();
            sim.weather().bury(&host);
            match ended {
                Ok(ended) => ended,
                Err(JoinError::Panicked(panic)) => std::panic::resume_unwind(panic.into_payload()),
                // Taken down: the crash ends this as well.
                Err(_) => std::future::pending().await,
            }
        }
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
    heal: Duration,
    /// How the way between two hosts is now, where it is not as it was.
    roads: BTreeMap<(String, String), Road>,
    /// The hosts that faults have taken down, and that start again when none of these is left.
    crashed: BTreeSet<String>,
}

/// The way between two hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Road {
    state: Passage,
    /// The most a message takes, in milliseconds, if that is not the usual.
    latency_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Passage {
    #[default]
    Open,
    Held,
    Cut,
}

impl Weather {
    fn turn(&mut self, sim: &Sim, simulation: &mut Simulation, now: Duration) {
        while let Some(change) = self.timeline.pop(now) {
            let (Change::Begin(index) | Change::End(index)) = change;
            let fault = sim.schedule().faults[index].clone();
            let Some(host) = self.states.get(&fault.on).cloned() else { continue };
            let takes_down = matches!(fault.kind, FaultKind::Crash | FaultKind::PowerLoss);
            match change {
                Change::Begin(_) => {
                    announce(sim, index);
                    sim.weather().begin(sim, index, &fault, fault.end().min(self.heal));
                    self.mend_roads(simulation, &fault.on);
                    if takes_down && host.kill(index) {
                        self.crashed.insert(fault.on.clone());
                        simulation.crash(&fault.on);
                        sim.weather().bury(&host);
                        if host.life() > 0 {
                            sim.record(&fault.on, What::Down);
                        }
                        sim.struck(&fault.on, index);
                    }
                }
                Change::End(_) => {
                    sim.weather().end(sim, index);
                    self.mend_roads(simulation, &fault.on);
                    if takes_down && host.revive(index) && self.crashed.remove(&fault.on) {
                        simulation.bounce(&fault.on);
                    }
                    sim.record(&fault.on, What::FaultEnded { fault: index });
                }
            }
        }
    }

    /// Brings the ways from and to `host` into the state that the faults under way ask for.
    fn mend_roads(&mut self, simulation: &mut Simulation, host: &str) {
        for (other, peer) in &self.states {
            if other == host {
                continue;
            }
            let ends = [&self.states[host], peer];
            let is_under_way = |kind| ends.iter().any(|end| end.has(kind));
            let state = match () {
                () if is_under_way(FaultKind::Partition) => Passage::Cut,
                () if is_under_way(FaultKind::Hold) => Passage::Held,
                () => Passage::Open,
            };
            let latency_ms = ends.iter().filter_map(|end| end.largest(FaultKind::Latency)).max();
            let road = Road { state, latency_ms };
            let key = if host < other.as_str() { (host, other.as_str()) } else { (other.as_str(), host) };
            let key = (key.0.to_owned(), key.1.to_owned());
            let was = self.roads.insert(key, road).unwrap_or_default();
            mend(simulation.turmoil(), (host, other), was, road);
        }
    }
}

fn mend(turmoil: &turmoil::Sim<'static>, (a, b): (&str, &str), was: Road, is: Road) {
    let usual = Config::default();
    if was.latency_ms != is.latency_ms {
        let longest = is.latency_ms.map_or(usual.latency_max, Duration::from_millis).max(usual.latency_max);
        turmoil.set_link_max_message_latency(a, b, longest);
    }
    match (was.state, is.state) {
        (was, is) if was == is => {}
        (_, Passage::Cut) => turmoil.partition(a, b),
        // A cut has left nothing that could be released.
        (_, Passage::Held) => turmoil.hold(a, b),
        (Passage::Cut, Passage::Open) => turmoil.repair(a, b),
        (_, Passage::Open) => turmoil.release(a, b),
    }
}
