//! The runner, as a program of its own with scenarios that go wrong in every way there is.
//!
//! This program is both: with a command line of the runner it is the runner, which calls it again for each seed; with
//! one of a test it calls itself as the runner, and looks at what that says.

#[cfg(unix)]
mod laws;
#[cfg(unix)]
mod stage;
#[cfg(unix)]
mod suite;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    let commands = ["run", "replay", "soak", "list", "canaries", "child"];
    let first = std::env::args().nth(1).unwrap_or_default();
    if commands.contains(&first.as_str()) {
        return seaworthy_sim::main(suite::SUITE);
    }
    stage::run(laws::ALL)
}

#[cfg(not(unix))]
fn main() {}
