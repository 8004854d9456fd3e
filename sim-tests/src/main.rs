//! `sim`: Seaworthy's own scenarios, run over many seeds. `sim --help` says how.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    seaworthy_sim::main_in(env!("CARGO_MANIFEST_DIR"), seaworthy_sim::scenarios::ALL)
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("the runner needs processes as Unix has them");
    ExitCode::from(2)
}
