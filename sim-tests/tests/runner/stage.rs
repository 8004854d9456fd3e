//! The tests of a program that has a `main` of its own, told as the usual harness tells them.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, ExitCode, Output, Stdio},
};

use seaworthy_sim::sweep::Summary;

/// A test, by its name.
pub(crate) type Law = (&'static str, fn());

/// Runs those whose names contain the words of the command line.
pub(crate) fn run(laws: &[Law]) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        laws.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let (mut passed, mut failed) = (0, 0);
    println!("\nrunning {} tests", laws.iter().filter(|(name, _)| is_chosen(name)).count());
    for (name, law) in laws.iter().filter(|(name, _)| is_chosen(name)) {
        let held = catch_unwind(AssertUnwindSafe(law)).is_ok();
        println!("test {name} ... {}", if held { "ok" } else { "FAILED" });
        *(if held { &mut passed } else { &mut failed }) += 1;
    }
    let filtered = laws.len() - passed - failed;
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered} filtered out\n"
    );
    ExitCode::from(u8::from(failed > 0))
}

/// What the runner said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command line of the runner.
pub(crate) fn command(line: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program is somewhere"));
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command
        .env("SEAWORTHY_SIM_COMMAND", "just")
        .env_remove("SEAWORTHY_CANARY")
        .env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Calls the runner.
pub(crate) fn sim(line: &str) -> Said {
    said(command(line).output().expect("this program can be run"))
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Calls the runner and reads the summary that it leaves.
pub(crate) fn sweep(line: &str) -> (Said, Summary) {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("summary.json");
    let said = sim(&format!("{line} --no-regressions --json {}", path.display()));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {}", said.stderr));
    let summary =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {}", said.stderr));
    (said, summary)
}
