//! What a process is asked to do, and how it answers: one JSON argument, one line of JSON.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Shown;
use crate::{
    engine::{self, Engine, Options},
    event::Event,
    fault::Schedule,
    outcome::Outcome,
    scenario::Scenario,
};

/// The hidden command under which a process is a child.
pub(crate) const COMMAND: &str = "child";

/// The variable that names the planted bug to switch on.
pub(crate) const CANARY: &str = "SEAWORTHY_CANARY";

/// What the line with the answer begins with. Whatever else is said on stdout is the scenario's.
const MARK: &str = "@seaworthy-sim-1 ";

/// What a line with an event begins with; its number follows, and the event.
const EVENT: &str = "@seaworthy-sim-event-1 ";

/// The memory that a run may have: one that takes more and more ends by itself, and takes nobody with it.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

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
    Ran(Box<Outcome>),
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

/// What stdout holds besides the answer and the events is for people.
#[derive(Default)]
pub(crate) struct Heard<'a> {
    pub(crate) answers: Vec<&'a str>,
    events: Vec<&'a str>,
    pub(crate) rest: String,
}

/// What happened, as far as it was told and kept.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) events: Vec<Event>,
    /// How many there were before those.
    pub(crate) left_out: u64,
}

/// Takes apart what a child wrote to stdout.
pub(crate) fn hear(stdout: &str) -> Heard<'_> {
    let mut heard = Heard::default();
    let mut rest = Vec::new();
    for line in stdout.lines().filter(|line| !line.is_empty()) {
        if let Some(answer) = line.strip_prefix(MARK) {
            heard.answers.push(answer);
        } else if let Some(event) = line.strip_prefix(EVENT) {
            heard.events.push(event);
        } else {
            rest.push(line);
        }
    }
    heard.rest = rest.join("\n");
    heard
}

impl Heard<'_> {
    /// The events, at most the last so many.
    pub(crate) fn trail(&self, events_max: usize) -> Trail {
        let mut trail = Trail::default();
        for line in &self.events[self.events.len().saturating_sub(events_max)..] {
            // Half a line is what a process has written that died over it.
            let Some((number, event)) = line.split_once(' ') else { continue };
            let (Ok(number), Ok(event)) = (number.parse(), serde_json::from_str(event)) else { continue };
            if trail.events.is_empty() {
                trail.left_out = number;
            }
            trail.events.push(event);
        }
        trail
    }
}

impl Keep {
    /// How many events are kept.
    pub(crate) fn events_max(self) -> usize {
        match self {
            Self::Nothing | Self::Draw => 0,
            Self::Tail => Shown::EVENTS_MAX,
            Self::All => usize::MAX,
        }
    }
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
    let most = Some(MEMORY_BYTES_MAX);
    // Where there is no such limit, a run is as good without.
    let _limited = setrlimit(Resource::As, Rlimit { current: most, maximum: most });
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
    let options = Options { schedule, ..Options::new(engine, seed) };
    if keep == Keep::Draw {
        let (options, schedule) = engine::draw_only(scenario, &options);
        return Answer::Drew { options, schedule };
    }
    let mut outcome = match keep.events_max() {
        0 => engine::run(scenario, &options).outcome,
        _ => engine::run_telling(scenario, &options, Box::new(tell())),
    };
    outcome.canary = canary();
    Answer::Ran(Box::new(outcome))
}

/// Says what happens when it happens.
fn tell() -> impl FnMut(&Event) {
    let mut number = 0_u64;
    move |event| {
        let mut line = format!("\n{EVENT}{number} ").into_bytes();
        number += 1;
        if serde_json::to_writer(&mut line, event).is_ok() {
            line.push(b'\n');
            let _gone = io::stdout().lock().write_all(&line);
        }
    }
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
    fn the_last_events_are_heard_and_half_a_line_is_no_harm() {
        let event = |number: u64| {
            let event = Event { at_ns: number, host: String::new(), what: crate::event::What::Boot };
            format!("\n{EVENT}{number} {}\n", serde_json::to_string(&event).unwrap())
        };
        let text =
            [event(5), "and this".to_owned(), event(6), event(7), format!("\n{EVENT}8 {{\"at")].concat();
        let heard = hear(&text);
        assert_eq!(heard.rest, "and this");
        let trail = heard.trail(usize::MAX);
        assert_eq!((trail.events.len(), trail.left_out), (3, 5));
        let trail = heard.trail(2);
        assert_eq!((trail.events.len(), trail.left_out, trail.events[0].at_ns), (1, 7, 7));
    }

    #[test]
    fn a_request_survives_its_way() {
        let request = Request::new("a", Engine::Turmoil, u64::MAX).with(Some(Schedule::default()), Keep::All);
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap().seed, u64::MAX);
    }
}
