//! A short sweep of the scenarios, in this process: whatever breaks in all weathers is found by the tests alone.

use seaworthy_sim::{
    engine::{self, Options},
    scenarios,
};

const SEEDS: u64 = 20;

#[test]
fn every_scenario_stands_some_seeds_on_each_of_its_engines() {
    for scenario in scenarios::ALL {
        for engine in scenario.engines() {
            for seed in 0..SEEDS {
                let outcome = engine::run(*scenario, &Options::new(*engine, seed)).outcome;
                let name = scenario.name();
                assert!(
                    outcome.verdict.is_pass(),
                    "{}\nto see it again: just replay {name} {seed:#x} --engine {engine}",
                    outcome.verdict
                );
            }
        }
    }
}
