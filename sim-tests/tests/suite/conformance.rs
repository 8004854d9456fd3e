//! The turmoil binding under the suite that every binding must pass.

use seaworthy_core::rt::conformance::{Body, Feature, Suite};

#[test]
fn turmoil_keeps_every_law_of_the_seam() {
    for seed in 0..4 {
        Suite::new(format!("turmoil, seed {seed}"), |body: Body| seaworthy_sim::run(seed, body))
            .without(Feature::UnixSockets, "turmoil has none")
            .without(Feature::Ipv6, "a simulated network has one address family, here IPv4")
            .without(Feature::BlockingThreads, "jobs run in place: threads have no seed")
            .without(Feature::ForeignThreads, "the simulation does not wait for other threads")
            .without(Feature::RealTime, "time is simulated")
            .without(Feature::SurvivesUnobservedPanics, "a panic that nobody takes fails the run")
            .run()
            .assert();
    }
}
