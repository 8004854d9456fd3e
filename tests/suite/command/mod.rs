//! The command `seaworthy`, as its users meet it.

mod ending;
mod fetch;
mod files;
mod tour;
mod usage;

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// The runtimes that are built in.
const RUNTIMES: &[&str] = &[
    #[cfg(feature = "tokio")]
    "tokio",
    #[cfg(feature = "smol")]
    "smol",
];

/// The command with nothing from this process's environment that could change it, and a place of its own for temporary
/// files: what is left there afterwards was left behind.
fn seaworthy(own: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
    let ours = |name: &OsStr| name.to_string_lossy().starts_with("SEAWORTHY_") || name == "RUST_LOG";
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.env("TMPDIR", own.path());
    command
}

/// Runs it to its end: exit code, standard output, standard error.
fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> (i32, String, String) {
    let own = temporary();
    let output = seaworthy(&own).args(args).output().expect("it starts");
    assert!(is_empty(&own), "it left something behind");
    ended(&output)
}

fn ended(output: &Output) -> (i32, String, String) {
    let text =
        |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the output is UTF-8, whatever names are");
    let code = output.status.code().expect("it ended by itself");
    (code, text(&output.stdout), text(&output.stderr))
}

/// A folder of its own, in memory if the system keeps any there.
fn temporary() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a temporary folder")
}

fn is_empty(folder: &TempDir) -> bool {
    folder.path().read_dir().expect("a folder").next().is_none()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}
