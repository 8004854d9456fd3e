//! Starting a process, waiting for it, killing it; whatever way it ends is an outcome.

use std::{
    collections::VecDeque,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};

use super::{
    Shown,
    child::{Answer, COMMAND, Heard, Keep, Request, Trail, hear},
    stop::Stop,
};
use crate::{
    digest::Fingerprint,
    outcome::{Outcome, Verdict},
};

/// How much of what a process says is kept for people.
const LAST_WORDS_BYTES: usize = 4 << 10;

/// The most that a process may write to stdout: one that writes without end is killed.
const STDOUT_BYTES_MAX: usize = 256 << 20;

/// How much is kept of what a process says whose last events are wanted.
const TAIL_BYTES: usize = 16 << 20;

/// A process that is kept waiting for a processor is given that time again; in all at most so many times its limit.
const LIMITS_MAX: u32 = 10;

/// How to run a seed in a process of its own.
#[derive(Clone, Debug)]
pub(crate) struct Runner<'a> {
    program: PathBuf,
    /// After so much real time a process is killed.
    limit: Duration,
    stop: &'a Stop,
    canary: Option<String>,
}

/// What a process said, and how it ended.
#[derive(Debug)]
enum Ended {
    Answered { answer: Answer, said: String, trail: Trail },
    Died { text: String, trail: Trail },
    TimedOut { said: String, trail: Trail },
    Stopped,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) shown: Shown,
    /// What it said for people.
    pub(crate) said: String,
    /// When it was heard last, from its start.
    pub(crate) heard: Duration,
}

impl<'a> Runner<'a> {
    /// Runs this very program, even if it is built anew meanwhile.
    pub(crate) fn new(limit: Duration, stop: &'a Stop) -> io::Result<Self> {
        let itself = PathBuf::from("/proc/self/exe");
        let program = if itself.exists() { itself } else { std::env::current_exe()? };
        Ok(Self { program, limit, stop, canary: super::child::canary() })
    }

    /// Switches a planted bug on in the children.
    pub(crate) fn with_canary(&self, name: &str) -> Self {
        Self { canary: Some(name.to_owned()), ..self.clone() }
    }

    /// Gives processes less time.
    pub(crate) fn with_limit(&self, limit: Duration) -> Self {
        Self { limit: limit.min(self.limit), ..self.clone() }
    }

    pub(crate) fn stop(&self) -> &Stop {
        self.stop
    }

    /// What came of a run; `None` if it was stopped before it ended.
    pub(crate) fn run(&self, request: &Request) -> Option<Shown> {
        self.run_until(request, None).map(|ran| ran.shown)
    }

    /// The same with what the process said besides, and stopped at `deadline`.
    pub(crate) fn run_until(&self, request: &Request, deadline: Option<Instant>) -> Option<Ran> {
        let began = Instant::now();
        let (ended, heard) = self.ask(request, deadline);
        let (verdict, said, trail) = match ended {
            Ended::Answered { answer: Answer::Ran(outcome), said, trail } => {
                let shown = Shown { outcome: *outcome, trace: trail.events, left_out: trail.left_out };
                return Some(Ran { shown, said, heard });
            }
            Ended::Answered { trail, .. } => {
                let text = "it answered something else than it was asked".to_owned();
                (Verdict::Died { text }, String::new(), trail)
            }
            Ended::Died { text, trail } => (Verdict::Died { text }, String::new(), trail),
            Ended::TimedOut { said, trail } => {
                (Verdict::TimedOut { seconds: self.limit.as_secs() }, said, trail)
            }
            Ended::Stopped => return None,
        };
        let shown = self.without_answer(request, verdict, began.elapsed(), trail);
        Some(Ran { shown, said, heard })
    }

    /// The outcome of a process that did not say it. What was drawn for it can still be found out, and where it stood is
    /// what it told last.
    fn without_answer(&self, request: &Request, verdict: Verdict, wall: Duration, trail: Trail) -> Shown {
        let Trail { events: trace, left_out } = trail;
        let (drawn, _heard) = self.ask(&request.with(request.schedule.clone(), Keep::Draw), None);
        let (options, schedule) = match drawn {
            Ended::Answered { answer: Answer::Drew { options, schedule }, .. } => (options, schedule),
            _ => Default::default(),
        };
        let outcome = Outcome {
            scenario: request.scenario.clone(),
            engine: request.engine,
            seed: request.seed,
            canary: self.canary.clone(),
            verdict,
            simulated_ms: trace.last().map_or(0, |event| event.at().as_millis() as u64),
            wall_us: wall.as_micros() as u64,
            digest: Fingerprint::default(),
            checkpoints: Vec::new(),
            events: left_out + trace.len() as u64,
            options,
            schedule,
            effects: Default::default(),
            points: Default::default(),
        };
        Shown { outcome, trace, left_out }
    }

    /// Starts a process and waits until it has ended, its time is over, or all is to stop. Also says when it was heard
    /// last.
    fn ask(&self, request: &Request, deadline: Option<Instant>) -> (Ended, Duration) {
        let mut heard = Duration::ZERO;
        let attend = |child| {
            let mut attended = Attended::new(child, request.keep);
            let ended = attended.wait(self.limit, deadline, self.stop);
            heard = attended.heard;
            ended
        };
        let ended = self.start(request).and_then(attend).unwrap_or_else(|error| Ended::Died {
            text: format!("it could not be run: {error}"),
            trail: Trail::default(),
        });
        (ended, heard)
    }

    fn start(&self, request: &Request) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg(COMMAND).arg(serde_json::to_string(request)?);
        match &self.canary {
            Some(name) => command.env(super::child::CANARY, name),
            None => command.env_remove(super::child::CANARY),
        };
        // Of the last words, a backtrace leaves nothing but itself; and to write one takes longer than a run.
        if request.keep != Keep::All {
            command.env("RUST_BACKTRACE", "0");
        }
        // A group of its own: Ctrl-C is for the parent, and what a child starts dies with it.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

/// A process that is waited for. It is killed when this is dropped.
struct Attended {
    child: Child,
    pid: Pid,
    /// Readable when the process has ended. Where there is no such thing, the end of its output has to do.
    ended: Option<OwnedFd>,
    stdout: Output,
    stderr: Output,
    is_reaped: bool,
    keep: Keep,
    began: Instant,
    /// When something was read from its stdout last, from its start.
    heard: Duration,
}

/// One stream of what a process says; `None` when it has ended.
struct Output {
    stream: Option<Box<dyn Stream>>,
    /// The last bytes, at most so many.
    bytes: VecDeque<u8>,
    bytes_max: usize,
    /// There were more.
    is_cut: bool,
}

trait Stream: Read + AsFd {}
impl<T: Read + AsFd> Stream for T {}

/// What a wait was for.
enum Woken {
    Ended,
    OutOfTime,
    Stopped,
}

impl Attended {
    fn new(mut child: Child, keep: Keep) -> Self {
        let pid = Pid::from_child(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stdout_max = if keep == Keep::Tail { TAIL_BYTES } else { STDOUT_BYTES_MAX };
        Self {
            child,
            pid,
            ended: ended(pid),
            stdout: Output::new(stdout.map(|stdout| Box::new(stdout) as _), stdout_max),
            stderr: Output::new(stderr.map(|stderr| Box::new(stderr) as _), LAST_WORDS_BYTES),
            is_reaped: false,
            keep,
            began: Instant::now(),
            heard: Duration::ZERO,
        }
    }

    fn wait(&mut self, limit: Duration, deadline: Option<Instant>, stop: &Stop) -> io::Result<Ended> {
        let mut limit_at = self.began + limit;
        loop {
            let until = deadline.map_or(limit_at, |deadline| deadline.min(limit_at));
            match self.listen(until, stop)? {
                Woken::Ended => {
                    let status = self.child.wait()?;
                    self.is_reaped = true;
                    return Ok(self.judge(status));
                }
                Woken::OutOfTime if until == limit_at => {
                    // A busy machine is not the run's fault. One that hangs does not wait for a processor, or runs.
                    let waited = waited_for_processor(self.pid).min(limit * (LIMITS_MAX - 1));
                    let later = self.began + limit + waited;
                    if later <= Instant::now() {
                        self.kill();
                        let trail = hear(&self.stdout.text()).trail(self.keep.events_max());
                        return Ok(Ended::TimedOut { said: self.last_words(), trail });
                    }
                    limit_at = later;
                }
                Woken::OutOfTime | Woken::Stopped => return Ok(Ended::Stopped),
            }
        }
    }

    /// Whether it has said more than anyone can want.
    fn says_too_much(&self) -> bool {
        self.stdout.is_cut && self.keep != Keep::Tail
    }

    /// Takes in what the process says until it has ended.
    fn listen(&mut self, until: Instant, stop: &Stop) -> io::Result<Woken> {
        loop {
            let mut readable = Vec::with_capacity(4);
            let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
            for output in [&self.stdout, &self.stderr] {
                if let Some(stream) = &output.stream {
                    readable.push(fds.len());
                    fds.push(PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN));
                }
            }
            let ended = self.ended.as_ref().map(|ended| {
                fds.push(PollFd::new(ended, PollFlags::IN));
                fds.len() - 1
            });
            if ended.is_none() && readable.is_empty() {
                return Ok(Woken::Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) => return Ok(Woken::OutOfTime),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let is_ready = |index: usize| !fds[index].revents().is_empty();
            let (is_stopped, has_ended) = (is_ready(0), ended.is_some_and(is_ready));
            let outputs = [&self.stdout, &self.stderr];
            let mut indices = readable.into_iter();
            let ready = outputs.map(|output| output.stream.is_some() && indices.next().is_some_and(is_ready));
            if ready[0] {
                self.heard = self.began.elapsed();
            }
            for (output, is_ready) in [&mut self.stdout, &mut self.stderr].into_iter().zip(ready) {
                if is_ready {
                    output.read()?;
                }
            }
            if is_stopped {
                return Ok(Woken::Stopped);
            }
            if self.says_too_much() {
                self.kill();
                return Ok(Woken::Ended);
            }
            // What it wrote before it ended is read first.
            if has_ended && !ready.contains(&true) {
                return Ok(Woken::Ended);
            }
        }
    }

    /// The process, and what it started.
    fn kill(&mut self) {
        let _gone = kill_process_group(self.pid, Signal::KILL);
        let _gone = self.child.kill();
    }

    fn judge(&mut self, status: ExitStatus) -> Ended {
        let stdout = self.stdout.text();
        let heard = hear(&stdout);
        if self.says_too_much() {
            return self.died(status, "it said too much", &heard);
        }
        match heard.answers[..] {
            [_] if !status.success() => self.died(status, "it had answered before", &heard),
            [answer] => match serde_json::from_str(answer) {
                Ok(answer) => {
                    let said = [heard.rest.as_str(), self.stderr.text().trim_end()].join("\n");
                    let trail = heard.trail(self.keep.events_max());
                    Ended::Answered { answer, said: said.trim().to_owned(), trail }
                }
                Err(error) => self.died(status, &format!("its answer makes no sense: {error}"), &heard),
            },
            [] => self.died(status, "without an answer", &heard),
            _ => self.died(status, "with more than one answer", &heard),
        }
    }

    fn died(&mut self, status: ExitStatus, how: &str, heard: &Heard<'_>) -> Ended {
        let trail = heard.trail(self.keep.events_max());
        let said = self.last_words();
        let said =
            if said.is_empty() { "it said nothing".to_owned() } else { format!("its last words:\n{said}") };
        Ended::Died { text: format!("{status}, {how}; {said}"), trail }
    }

    /// What it said last, for people: stderr if there is any.
    fn last_words(&mut self) -> String {
        let stderr = self.stderr.text();
        if !stderr.trim().is_empty() {
            return stderr.trim().to_owned();
        }
        let stdout = self.stdout.text();
        let heard = hear(&stdout).rest;
        let cut = heard.len().saturating_sub(LAST_WORDS_BYTES);
        heard.get(heard.ceil_char_boundary(cut)..).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            let _status = self.child.wait();
        }
    }
}

impl Output {
    fn new(stream: Option<Box<dyn Stream>>, bytes_max: usize) -> Self {
        Self { stream, bytes: VecDeque::new(), bytes_max, is_cut: false }
    }

    /// Takes in what there is; does not wait if there is some.
    fn read(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut chunk = [0; 64 << 10];
        match stream.read(&mut chunk) {
            Ok(0) => self.stream = None,
            Ok(count) => {
                self.bytes.extend(&chunk[..count]);
                let spare = self.bytes.len().saturating_sub(self.bytes_max);
                self.is_cut |= spare > 0;
                self.bytes.drain(..spare);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes.make_contiguous()).into_owned()
    }
}

/// How long the first thread of a process, which runs the seed, was ready and no processor was free. Nothing is known of it
/// but on Linux.
fn waited_for_processor(pid: Pid) -> Duration {
    let path = format!("/proc/{}/schedstat", pid.as_raw_nonzero());
    // Nanoseconds on a processor, nanoseconds in line for one, and how often.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let waited = text.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok());
    waited.map_or(Duration::ZERO, Duration::from_nanos)
}

#[cfg(target_os = "linux")]
fn ended(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn ended(_pid: Pid) -> Option<OwnedFd> {
    None
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
