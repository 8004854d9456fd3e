//! Signals, in a process of their own: they reach all of it.
#![cfg(unix)]

use std::process::{self, Command};

use seaworthy_smol::{Signal, run, shutdown_signal};

fn kill(signal: &str) {
    let script = format!("kill -{signal} {}", process::id());
    assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
}

#[test]
fn a_signal_is_caught_from_the_call_on_and_so_is_the_next() {
    run(async |_| {
        let mut signal = shutdown_signal().expect("a handler");
        // Before the first poll: without the handler the test would end here.
        kill("TERM");
        assert_eq!((&mut signal).await, Signal::Terminate);
        kill("INT");
        assert_eq!(signal.await, Signal::Interrupt);
    });
}
