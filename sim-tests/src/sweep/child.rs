//! What a process is asked to do, and how it answers: one JSON argument, one line of JSON.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Read, Write},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};

use super::Shown;
use crate::{
    engine::{self, Engine, Options, Run},
    fault::Schedule,
    scenario::Scenario,
};

/// The hidden command under which a process is a child.
pub(crate) const COMMAND: &str = "child";

/// The variable that names the planted bug to switch on.
pub(crate) const CANARY: &str = "SEAWORTHY_CANARY";

/// What the line with the answer begins with. Whatever else is said on stdout is the scenario's.
const MARK: &str = "@seaworthy-sim-1 ";

/// What a process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) scenario: String,
    pub(crate) engine: Engine,
    pub(crate) seed: u64,
    /// `None` draws it from the seed.
    pub(crate) schedule: Option<Schedule>,
    pub(crate) keep: Keep,
}

/// How much of the trace is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Keep {
    /// Nothing.
    Nothing,
    /// The last [`Shown::EVENTS_MAX`] events.
    Tail,
    /// All of it.
    All,
    /// The run is not wanted, only what is drawn for it.
    Draw,
}

/// What a process answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Ran(Box<Shown>),
    Drew { options: BTreeMap<String, String>, schedule: Schedule },
}

impl Request {
    pub(crate) fn new(scenario: &str, engine: Engine, seed: u64) -> Self {
        Self { scenario: scenario.to_owned(), engine, seed, schedule: None, keep: Keep::Nothing }
    }

    pub(crate) fn with(&self, schedule: Option<Schedule>, keep: Keep) -> Self {
        Self { schedule, keep, ..self.clone() }
    }
}

/// What stdout holds besides the answer is for people.
pub(crate) struct Heard<'a> {
    pub(crate) answers: Vec<&'a str>,
    pub(crate) rest: Cow<'a, str>,
}

/// Takes apart what a child wrote to stdout.
pub(crate) fn hear(stdout: &str) -> Heard<'_> {
    let is_answer = |line: &&str| line.starts_with(MARK);
    let answers = stdout.lines().filter(is_answer).map(|line| &line[MARK.len()..]).collect();
    let rest: Vec<_> = stdout.lines().filter(|line| !is_answer(line) && !line.is_empty()).collect();
    Heard { answers, rest: rest.join("\n").into() }
}

/// The child's side: does what it is asked to and answers. It ends with its parent, whatever it is doing then.
pub(crate) fn serve(suite: &[&dyn Scenario], request: &str) -> ExitCode {
    let request: Request = match serde_json::from_str(request) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("`{COMMAND}` is for the runner itself, and this is no request of it: {error}");
            return ExitCode::from(2);
        }
    };
    let Some(scenario) = suite.iter().find(|scenario| scenario.name() == request.scenario) else {
        eprintln!("there is no scenario `{}`", request.scenario);
        return ExitCode::from(2);
    };
    end_with_parent();
    let answer = answer(*scenario, request);
    let mut line = format!("\n{MARK}").into_bytes();
    let written = serde_json::to_writer(&mut line, &answer).map_err(io::Error::from).and_then(|()| {
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line).and_then(|()| stdout.flush())
    });
    // Not by way of destructors: what is left of the run has nothing to say any more.
    std::process::exit(if written.is_ok() { 0 } else { 1 })
}

fn answer(scenario: &dyn Scenario, request: Request) -> Answer {
    let Request { engine, seed, schedule, keep, .. } = request;
    let trace = matches!(keep, Keep::Tail | Keep::All);
    let options = Options { schedule, trace, ..Options::new(engine, seed) };
    if keep == Keep::Draw {
        let (options, schedule) = engine::draw_only(scenario, &options);
        return Answer::Drew { options, schedule };
    }
    let Run { mut outcome, mut trace, .. } = engine::run(scenario, &options);
    outcome.canary = canary();
    let left_out = match keep {
        Keep::Tail => trace.len().saturating_sub(Shown::EVENTS_MAX),
        _ => 0,
    };
    trace.drain(..left_out);
    Answer::Ran(Box::new(Shown { outcome, trace, left_out: left_out as u64 }))
}

/// The planted bug that is switched on.
pub(crate) fn canary() -> Option<String> {
    let name = if cfg!(seaworthy_canary) { std::env::var(CANARY).ok() } else { None };
    name.filter(|name| !name.is_empty())
}

/// The parent holds the other end of stdin, so it is closed whichever way the parent ends.
fn end_with_parent() {
    let watch = || {
        let mut nothing = [0];
        while matches!(io::stdin().read(&mut nothing), Ok(1..)) {}
        std::process::exit(1);
    };
    // Without the watch a run is as good; it may only outlive its parent.
    let _watching =
        std::thread::Builder::new().name("sim.parent".to_owned()).stack_size(64 << 10).spawn(watch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_what_a_scenario_says() {
        let heard = hear("hello\n@seaworthy-sim-1 {}\nworld");
        assert_eq!(heard.answers, ["{}"]);
        assert_eq!(heard.rest, "hello\nworld");
        assert!(hear("say @seaworthy-sim-1 {}").answers.is_empty());
    }

    #[test]
    fn a_request_survives_its_way() {
        let request = Request::new("a", Engine::Turmoil, u64::MAX).with(Some(Schedule::default()), Keep::All);
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap().seed, u64::MAX);
    }
}
