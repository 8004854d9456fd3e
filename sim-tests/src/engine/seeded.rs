//! The engine on the seeded test runtime.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use futures::{
    future::{join_all, select},
    pin_mut,
};
use seaworthy_core::{
    rt::{JoinError, Rt},
    testing::{self, Network, StopReason},
};

use super::{announce, limit};
use crate::{
    Sim,
    event::What,
    fault::{Change, FaultKind, Storm, Timeline},
    outcome::Verdict,
    scenario::{Cast, Host, Main},
    weather::{HostState, host_runtime},
};

/// Runs the hosts until all clients have ended or something failed.
pub(super) fn play(sim: &Sim, hosts: Vec<Cast>, storm: &Storm) {
    let network = Network::default();
    let hosts: Vec<_> = hosts
        .into_iter()
        .enumerate()
        .map(|(number, cast)| {
            let address = IpAddr::V4(Ipv4Addr::new(10, 0, (number / 250) as u8, (number % 250) as u8 + 1));
            network.name(&cast.name, [address]);
            let state = Arc::new(HostState::new(sim, cast.name, address));
            sim.weather().add(&state);
            Running { state, is_client: cast.is_client, main: cast.main }
        })
        .collect();
    let config = testing::Config { seed: sim.seed(), limit: limit(storm), network, ..Default::default() };
    let ended = testing::try_run(config, |rt| {
        let (clock, start) = (rt.clone(), rt.now());
        sim.set_clock(move || clock.now().saturating_duration_since(start));
        root(sim.clone(), rt, hosts, storm.clone())
    });
    // The order of all polls is part of what has to happen again.
    sim.mix(match &ended {
        Ok(finished) => finished.stats.digest,
        Err(stop) => stop.stats.digest,
    });
    if let Err(stop) = ended {
        let text = stop.to_string();
        sim.fail(match stop.reason {
            StopReason::Panicked { .. } => Verdict::Panicked { text },
            _ => Verdict::Stuck { text },
        });
    }
}

#[derive(Clone)]
struct Running {
    state: Arc<HostState>,
    is_client: bool,
    main: Main,
}

async fn root(sim: Sim, rt: Rt, hosts: Vec<Running>, storm: Storm) {
    let mut clients = Vec::new();
    for host in &hosts {
        let life = rt.spawn("sim.host", live(sim.clone(), rt.clone(), host.clone()));
        if host.is_client {
            clients.push(life);
        } else {
            life.detach();
        }
    }
    if clients.is_empty() {
        let text = "the scenario has no client, so nothing says when it is over".to_owned();
        return sim.fail(Verdict::Failed { text });
    }
    rt.spawn("sim.weather", blow(sim.clone(), rt.clone(), hosts, storm)).detach();
    let (over, failed) = (join_all(clients), sim.failed());
    pin_mut!(over, failed);
    select(over, failed).await;
}

/// A host through all its lives.
async fn live(sim: Sim, rt: Rt, host: Running) {
    let Running { state, main, .. } = host;
    let name = state.name().to_owned();
    loop {
        state.until_up().await;
        state.close_listeners();
        let life = state.start();
        sim.record(&name, What::Boot);
        let rt = host_runtime(&sim, &state, &rt);
        let host = Host::new(rt.clone(), sim.clone(), Arc::clone(&state));
        let ended = rt.spawn("main", main(host)).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => sim.fail(Verdict::Failed { text: format!("host `{name}` failed: {error}") }),
            Err(JoinError::Panicked(panic)) => {
                let text = format!("host `{name}` panicked: {}", panic.message());
                sim.fail(Verdict::Panicked { text });
            }
            Err(_) if state.is_over(life) => {
                sim.record(&name, What::Down);
                state.until_empty().await;
                sim.weather().bury(&state);
                continue;
            }
            Err(error) => sim.fail(Verdict::Failed { text: format!("host `{name}` ended: {error}") }),
        }
        state.stop(life);
        state.until_empty().await;
        state.close_listeners();
        return sim.weather().bury(&state);
    }
}

/// Carries out the schedule, then heals.
async fn blow(sim: Sim, rt: Rt, hosts: Vec<Running>, storm: Storm) {
    let start = rt.now();
    let mut timeline = Timeline::new(sim.schedule(), storm.chaos);
    while let Some(at) = timeline.next() {
        rt.sleep_until(start + at).await;
        while let Some(change) = timeline.pop(at) {
            turn(&sim, &hosts, change, storm.chaos);
        }
    }
    rt.sleep_until(start + storm.chaos).await;
    sim.heal();
}

fn turn(sim: &Sim, hosts: &[Running], change: Change, heal: Duration) {
    let (Change::Begin(index) | Change::End(index)) = change;
    let fault = &sim.schedule().faults[index];
    let Some(host) = hosts.iter().find(|host| host.state.name() == fault.on) else { return };
    let takes_down = matches!(fault.kind, FaultKind::Crash | FaultKind::PowerLoss);
    match change {
        Change::Begin(_) => {
            announce(sim, index);
            sim.weather().begin(sim, index, fault, fault.end().min(heal));
            if takes_down && host.state.kill(index) {
                sim.struck(&fault.on, index);
            }
        }
        Change::End(_) => {
            sim.weather().end(sim, index);
            if takes_down {
                host.state.revive(index);
            }
            sim.record(&fault.on, What::FaultEnded { fault: index });
        }
    }
}
