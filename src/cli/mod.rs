//! From the command line to an exit code: 0 done, 1 the work failed, 2 usage, 130 ended by Ctrl-C.

mod args;
mod config;
mod exit;
mod fetch;
mod host;
mod log;
mod screen;
mod tour;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use self::{
    args::{Args, Command},
    config::File,
    exit::{Exit, Failure},
    screen::Screen,
};

pub(crate) fn main() -> ExitCode {
    // A usage error ends here, with clap's own text and exit code 2.
    let args = Args::parse();
    let exit = run(args).unwrap_or_else(|failure| {
        failure.print();
        failure.exit
    });
    exit.into()
}

fn run(args: Args) -> Result<Exit, Failure> {
    let file = args.common.config.as_deref().map_or_else(|| Ok(File::default()), File::read)?;
    match args.command {
        Command::Tour(tour) => {
            if tour.list {
                return print(&tour::list());
            }
            let runtime = host::choose(args.common.runtime.or(file.runtime))?;
            let options = tour::Options::new(tour, file.tour, runtime)?;
            let screen = Screen::new(args.common.quiet, options.json);
            log::start(args.common.verbose, tour::STAGED, &screen);
            host::run(runtime, async |rt, signals| tour::run(&rt, signals, options, &screen).await)
        }
        Command::Fetch(flags) => {
            let runtime = host::choose(args.common.runtime.or(file.runtime))?;
            // A list without files is for programs.
            let is_json = flags.json || flags.output.is_none();
            let options = fetch::Options::new(flags)?;
            let screen = Screen::new(args.common.quiet, is_json);
            log::start(args.common.verbose, &[], &screen);
            host::run(runtime, async |rt, signals| fetch::run(&rt, signals, options, &screen).await)
        }
        Command::Completions { shell } => print(&completions(shell)),
    }
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "seaworthy", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Prints text that is the whole result of a command.
fn print(text: &str) -> Result<Exit, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Exit::Done),
        // The reader has seen enough: `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::output(&error)),
    }
}
