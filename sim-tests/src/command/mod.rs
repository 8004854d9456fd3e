//! From the command line to an exit code: 0 all laws held, 1 something failed, 2 usage, 130 Ctrl-C.

mod args;
mod canaries;
mod list;
mod replay;
mod run;
mod screen;
mod text;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

use clap::Parser;

use self::args::{Command, Line, Processes};
use crate::{
    scenario::Scenario,
    sweep::{child, process::Runner, stop::Stop},
};

/// The whole command line of a simulation, for scenarios of your own: `sim run`, `replay`, `soak`, `list`, `canaries`.
///
/// Each seed runs in a process of its own, which is this very program called again; so call this first thing in `main`
/// and do nothing else there.
///
/// Returns 0 if all laws held, 1 if one was broken or something that must be reached was not, 2 for a wrong command line
/// and 130 after Ctrl-C.
///
/// # Examples
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use seaworthy_sim::{fault::Storm, scenario::{Scenario, Stage}};
///
/// struct Mine;
///
/// impl Scenario for Mine {
///     fn name(&self) -> &'static str {
///         "mine"
///     }
///     fn about(&self) -> &'static str {
///         "what my service stands"
///     }
///     fn storm(&self) -> Storm {
///         Storm::default()
///     }
///     fn set_up(&self, stage: &mut Stage) {
///         stage.client("client", async |_host| Ok(()));
///     }
/// }
///
/// fn main() -> ExitCode {
///     seaworthy_sim::main(&[&Mine])
/// }
/// ```
pub fn main(suite: &[&dyn Scenario]) -> ExitCode {
    main_in("", suite)
}

/// The same for a program that is also started without cargo, and from other folders: `package` is where it finds its
/// `regressions`. Give it `env!("CARGO_MANIFEST_DIR")`.
///
/// With [`main`] they are looked for in the package under `cargo run`, and else in the current folder.
pub fn main_in(package: impl AsRef<Path>, suite: &[&dyn Scenario]) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let [_, command, request] = &arguments[..]
        && command == child::COMMAND
    {
        return child::serve(suite, &request.to_string_lossy());
    }
    // A usage error ends here, with clap's own text and exit code 2.
    let mut line = Line::parse_from(arguments);
    let folder = regressions(package.as_ref());
    if let Some(how) = line.command.how() {
        how.regressions.get_or_insert_with(|| folder.clone());
    }
    let exit = check(suite).and_then(|()| match line.command {
        Command::Run(args) => run::run(suite, args),
        Command::Soak(args) => run::soak(suite, args),
        Command::Replay(args) => replay::replay(suite, args),
        Command::List(args) => list::list(suite, &args.scenarios, &folder),
        Command::Canaries(args) => canaries::canaries(suite, args),
    });
    match exit {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(Usage(text)) => {
            eprintln!("error: {text}");
            ExitCode::from(2)
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Passed = 0,
    Failed = 1,
    Interrupted = 130,
}

/// What cannot be done, and why.
#[derive(Debug)]
struct Usage(String);

impl From<String> for Usage {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A suite in which names can be told apart.
fn check(suite: &[&dyn Scenario]) -> Result<(), Usage> {
    for (index, scenario) in suite.iter().enumerate() {
        let name = scenario.name();
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(Usage(format!(
                "`{name}` is no name for a scenario: use letters, digits and hyphens"
            )));
        }
        if suite[..index].iter().any(|other| other.name() == name) {
            return Err(Usage(format!("there are two scenarios `{name}`")));
        }
    }
    Ok(())
}

/// The scenarios of these names; all of them without any.
fn choose<'a>(suite: &[&'a dyn Scenario], names: &[String]) -> Result<Vec<&'a dyn Scenario>, Usage> {
    if suite.is_empty() {
        return Err(Usage("there is no scenario in this program".to_owned()));
    }
    if let Some(unknown) = names.iter().find(|name| suite.iter().all(|scenario| scenario.name() != **name)) {
        let known: Vec<_> = suite.iter().map(|scenario| scenario.name()).collect();
        return Err(Usage(format!("there is no scenario `{unknown}`; there are {}", known.join(", "))));
    }
    let is_chosen =
        |scenario: &&&dyn Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name());
    Ok(suite.iter().filter(is_chosen).copied().collect())
}

/// How this program is called, in the words of its user: `just`, or its path.
fn called() -> String {
    let by_variable = std::env::var("SEAWORTHY_SIM_COMMAND").ok().filter(|command| !command.is_empty());
    by_variable.or_else(|| std::env::args().next()).unwrap_or_else(|| "sim".to_owned())
}

/// The folder of schedules that once failed, if the command line names none.
fn regressions(package: &Path) -> PathBuf {
    // Built elsewhere, it may be gone.
    let package = Some(package.to_path_buf()).filter(|package| package.is_dir());
    let package = package.or_else(|| std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from));
    package.unwrap_or_default().join("regressions")
}

/// A canary that is asked for and cannot be switched on would prove what is not so.
fn check_canary(scenarios: &[&dyn Scenario]) -> Result<Option<String>, Usage> {
    let Some(asked) = std::env::var(child::CANARY).ok().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    if !cfg!(seaworthy_canary) {
        let text = format!(
            "{}={asked} is set, and this program was built without planted bugs: unset it, or build with \
             RUSTFLAGS=\"--cfg seaworthy_canary\" (`just canary {asked} ..`)",
            child::CANARY
        );
        return Err(Usage(text));
    }
    let known: Vec<_> = scenarios.iter().flat_map(|scenario| scenario.canaries()).copied().collect();
    match known.contains(&asked.as_str()) {
        true => Ok(Some(asked)),
        false => Err(Usage(format!(
            "there is no canary `{asked}` in these scenarios; there are {}",
            known.join(", ")
        ))),
    }
}

impl Processes {
    fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }

    fn runner<'a>(&self, stop: &'a Stop) -> Result<Runner<'a>, Usage> {
        Runner::new(self.seed_timeout, stop)
            .map_err(|error| Usage(format!("this program cannot find itself: {error}")))
    }
}

fn on_signals() -> Result<Stop, Usage> {
    Stop::on_signals().map_err(|error| Usage(format!("signals cannot be waited for: {error}")))
}

/// Prints; a reader who has seen enough is no failure.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _enough = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn write_file(path: &Path, text: &str) -> Result<(), Usage> {
    std::fs::write(path, text)
        .map_err(|error| Usage(format!("{} cannot be written: {error}", path.display())))
}
