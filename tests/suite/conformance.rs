//! Every binding passes the conformance suite, and what it lacks is declared here.

use seaworthy::rt::conformance::{Body, Feature, Suite};

#[cfg(feature = "tokio")]
fn on_tokio(flavor: seaworthy::tokio::Flavor) {
    let launch = |body: Body| {
        let config = seaworthy::tokio::Config { flavor, ..Default::default() };
        seaworthy::tokio::run_with(config, body).expect("it starts");
    };
    Suite::new(format!("tokio, {flavor:?}"), launch).run().assert();
}

#[cfg(feature = "tokio")]
#[test]
fn tokio_multi_thread() {
    on_tokio(seaworthy::tokio::Flavor::MultiThread);
}

#[cfg(feature = "tokio")]
#[test]
fn tokio_current_thread() {
    on_tokio(seaworthy::tokio::Flavor::CurrentThread);
}

#[cfg(feature = "smol")]
#[test]
fn smol() {
    Suite::new("smol", |body: Body| seaworthy::smol::run(body)).run().assert();
}

#[cfg(feature = "smol")]
#[test]
fn smol_on_one_thread() {
    let launch = |body: Body| {
        let config = seaworthy::smol::Config { worker_threads: Some(1), ..Default::default() };
        seaworthy::smol::run_with(config, body).expect("it starts");
    };
    Suite::new("smol on one thread", launch).run().assert();
}

#[test]
fn testing() {
    for seed in 0..4 {
        Suite::new(format!("testing, seed {seed}"), |body: Body| seaworthy::testing::run(seed, body))
            .without(Feature::RealTime, "time is virtual")
            .without(Feature::BlockingThreads, "jobs run in place, in seeded order")
            .without(Feature::ForeignThreads, "other threads have no seed")
            .without(Feature::SurvivesUnobservedPanics, "a panic that nobody takes fails the test")
            .run()
            .assert();
    }
}

#[test]
fn the_page_on_runtimes_names_every_law() {
    let page = include_str!("../../docs/runtimes.md");
    for name in Suite::names() {
        assert!(page.contains(&format!("`{name}`")), "{name} is missing in docs/runtimes.md");
    }
}
