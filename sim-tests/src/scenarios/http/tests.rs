//! Each law goes red when something happens that it forbids, and stays green for what is right beside it.

use std::time::{Duration, Instant};

use seaworthy_core::{
    http::{Config, Ending, Phase, Retry, Stats},
    resilience::{
        breaker::{State, Why},
        budget,
    },
};

use super::{
    breakers::{Course, Step},
    laws::{
        Asked, Ledger, Told, Tried, check_body, check_health, check_reply, check_rest, check_stats,
        check_time,
    },
    *,
};
use crate::{
    engine::{self, Engine, Options},
    outcome::Verdict,
};

/// A run in which this happens.
struct MadeUp(fn(&Host));

impl Scenario for MadeUp {
    fn name(&self) -> &'static str {
        "made-up"
    }

    fn about(&self) -> &'static str {
        "a history that somebody made up"
    }

    fn storm(&self) -> Storm {
        Storm { kinds: Vec::new(), ..Storm::default() }
    }

    fn points(&self) -> &'static [&'static str] {
        Retries.points()
    }

    fn set_up(&self, stage: &mut Stage) {
        let happen = self.0;
        stage.client("client-0", move |host| async move {
            happen(&host);
            Ok(())
        });
    }
}

#[track_caller]
fn holds(happen: fn(&Host)) {
    let verdict = engine::run(&MadeUp(happen), &Options::new(Engine::Testing, 1)).outcome.verdict;
    assert_eq!(verdict, Verdict::Passed);
}

#[track_caller]
fn breaks(law: &str, happen: fn(&Host)) {
    let verdict = engine::run(&MadeUp(happen), &Options::new(Engine::Testing, 1)).outcome.verdict;
    let Verdict::Violated { law: broken, text, .. } = &verdict else { panic!("{law}: {verdict:?}") };
    assert_eq!(broken, law, "{text}");
}

const MS: Duration = Duration::from_millis(1);

fn at(ms: u32) -> Instant {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BEGAN.get_or_init(Instant::now) + MS * ms
}

fn answered(status: u16) -> Ending {
    Ending::Answered(http::StatusCode::from_u16(status).expect("a status"))
}

/// The first attempt, at 0 ms, that took 10 ms and was followed by a pause of as much.
fn first(ending: Ending) -> Tried {
    let may_have_been_sent = !matches!(ending, Ending::Failed(Phase::Connect));
    Tried {
        hop: 0,
        number: 1,
        started: at(0),
        total: 10 * MS,
        ending,
        may_have_been_sent,
        pause: Some(10 * MS),
    }
}

/// The second and last, at 20 ms.
fn second(ending: Ending) -> Tried {
    Tried { number: 2, started: at(20), pause: None, ..first(ending) }
}

const fn post(id: u64) -> Asked {
    Asked { id, may_repeat: false, has_body: true }
}

const fn put(id: u64) -> Asked {
    Asked { id, may_repeat: true, has_body: true }
}

fn ends(ledger: &Ledger, host: &Host, id: u64, tried: &[Tried], may_repeat: bool) {
    ledger.ends(host, 0, &Told { id, tried, attempts_max: 3, may_repeat });
}

/// What a caller is told of a PUT whose backends ask it to come back as request `id` is asked to.
fn told(host: &Host, id: u64, tried: &[Tried]) {
    let ledger = Ledger::default();
    while ledger.begin(false) < id {}
    tried.iter().for_each(|_| ledger.arrives(host, put(id)));
    ends(&ledger, host, id, tried, true);
}

#[test]
fn what_must_not_be_repeated_is_carried_out_once() {
    holds(|host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.executes(host, post(id));
        // A redirect made a GET of it.
        ledger.executes(host, put(id));
    });
    breaks("what must not be repeated is carried out once", |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.executes(host, post(id));
        ledger.executes(host, post(id));
    });
}

#[test]
fn what_is_said_not_to_be_sent_is_not_carried_out() {
    let law = "what is said not to be sent is not carried out";
    holds(|host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.arrives(host, put(id));
        ledger.executes(host, put(id));
        let tried = [first(Ending::Failed(Phase::FirstByte)), second(Ending::Failed(Phase::Connect))];
        ends(&ledger, host, id, &tried, true);
    });
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.arrives(host, put(id));
        ledger.executes(host, put(id));
        ends(&ledger, host, id, &[Tried { pause: None, ..first(Ending::Failed(Phase::Connect)) }], true);
    });
    // It may come to it later.
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        let tried = [first(Ending::Failed(Phase::FirstByte)), second(Ending::Failed(Phase::Connect))];
        ends(&ledger, host, id, &tried, true);
        ledger.executes(host, put(id));
        ledger.executes(host, put(id));
    });
}

#[test]
fn every_attempt_is_told() {
    let law = "every attempt is told";
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.arrives(host, put(id));
        ledger.arrives(host, put(id));
        ends(&ledger, host, id, &[Tried { pause: None, ..first(answered(200)) }], true);
    });
    // Nobody can have answered it.
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ends(&ledger, host, id, &[Tried { pause: None, ..first(answered(200)) }], true);
    });
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ends(&ledger, host, id, &[Tried { pause: None, ..first(Ending::Failed(Phase::FirstByte)) }], true);
        ledger.arrives(host, put(id));
        ledger.arrives(host, put(id));
    });
}

#[test]
fn a_request_arrives_as_it_was_sent_and_a_stream_once() {
    breaks("a request arrives as it was sent", |host| Ledger::default().arrives(host, put(1)));
    breaks("what is made while it is sent is sent once", |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(true);
        ledger.arrives(host, put(id));
        ledger.arrives(host, put(id));
    });
}

#[test]
fn what_may_have_been_carried_out_is_not_sent_again() {
    holds(|host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.arrives(host, post(id));
        let tried = [first(Ending::Failed(Phase::Connect)), second(answered(200))];
        ends(&ledger, host, id, &tried, false);
    });
    let law = "what may have been carried out is not sent again";
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.arrives(host, post(id));
        let tried = [first(Ending::Failed(Phase::FirstByte)), second(answered(200))];
        ends(&ledger, host, id, &tried, false);
    });
    breaks(law, |host| {
        let ledger = Ledger::default();
        let id = ledger.begin(false);
        ledger.arrives(host, post(id));
        ledger.arrives(host, post(id));
        ends(&ledger, host, id, &[first(answered(503)), second(answered(200))], false);
    });
}

#[test]
fn attempts_are_numbered_and_bounded_and_their_pauses_are_kept() {
    holds(|host| told(host, 1, &[first(answered(503)), second(answered(200))]));
    breaks("attempts are bounded", |host| {
        told(host, 1, &[Tried { number: 4, pause: None, ..first(answered(200)) }]);
    });
    breaks("attempts are numbered", |host| {
        told(host, 1, &[first(answered(503)), Tried { number: 3, ..second(answered(200)) }]);
    });
    breaks("attempts are numbered", |host| {
        told(host, 1, &[Tried { pause: None, ..first(answered(503)) }, second(answered(200))]);
    });
    breaks("a pause is kept", |host| {
        told(host, 1, &[first(answered(503)), Tried { started: at(19), ..second(answered(200)) }]);
    });
}

#[test]
fn retry_after_is_kept() {
    // Request 5 is asked to wait for a second, and request 9 for an hour.
    holds(|host| {
        let (pause, started) = (Some(1000 * MS), at(1010));
        let tried = [Tried { pause, ..first(answered(429)) }, Tried { started, ..second(answered(200)) }];
        told(host, 5, &tried);
    });
    breaks("Retry-After is kept", |host| told(host, 5, &[first(answered(429)), second(answered(200))]));
    breaks("who asks for more than one waits is not asked again", |host| {
        let hour = 3_600_000;
        let (pause, started) = (Some(hour * MS), at(hour + 10));
        let tried = [Tried { pause, ..first(answered(503)) }, Tried { started, ..second(answered(200)) }];
        told(host, 9, &tried);
    });
}

#[test]
fn a_reply_belongs_to_its_request_and_a_success_was_carried_out() {
    holds(|host| check_reply(host, 7, Some(7), true, 1));
    breaks("a reply belongs to its request", |host| check_reply(host, 7, Some(8), false, 0));
    breaks("a reply belongs to its request", |host| check_reply(host, 7, None, false, 0));
    breaks("a success was carried out", |host| check_reply(host, 7, Some(7), true, 0));
}

#[test]
fn the_bytes_of_a_body_are_right_and_it_is_whole_or_an_error() {
    holds(|host| {
        check_body(host, 1, b"bo", b"body", false);
        check_body(host, 1, b"body", b"body", true);
    });
    breaks("the bytes of a body are right", |host| check_body(host, 1, b"by", b"body", false));
    breaks("the bytes of a body are right", |host| check_body(host, 1, b"body and more", b"body", true));
    breaks("a body is whole or an error", |host| check_body(host, 1, b"bod", b"body", true));
}

#[test]
fn a_deadline_is_kept() {
    holds(|host| check_time(host, 1, 110 * MS, 100 * MS, 10 * MS));
    breaks("a deadline is kept", |host| check_time(host, 1, 111 * MS, 100 * MS, 10 * MS));
}

/// At most 2 connections to each of three hosts and 2 in each line, and one retry in ten requests, 5 at once and one a second.
fn stats_are(host: &Host, retries: u64, change: fn(&mut Stats)) {
    let budget = budget::Config { ratio: 0.1, tokens_max: 5, reserve_per_second: 1 };
    let retry = Retry { budget, ..Retry::default() };
    let config = Config { connections_per_host_max: 2, waiters_per_host_max: 2, retry, ..Config::default() };
    let mut stats = Stats::default();
    (stats.requests, stats.retries) = (100, 1000);
    change(&mut stats);
    check_stats(host, &config, &stats, retries, Duration::from_secs(10));
}

#[test]
fn connections_lines_and_retries_are_bounded_at_any_time() {
    // 3 * (5 + 10 * 1) + 0.1 * 100.
    holds(|host| stats_are(host, 55, |stats| (stats.in_use, stats.idle, stats.waiting) = (4, 2, 6)));
    breaks("a retry budget is held", |host| stats_are(host, 56, |_| ()));
    breaks("retries are counted", |host| stats_are(host, 10, |stats| stats.retries = 9));
    breaks("connections to a host are bounded", |host| stats_are(host, 0, |stats| stats.in_use = 7));
    breaks("the line for a connection is bounded", |host| stats_are(host, 0, |stats| stats.waiting = 7));
}

#[test]
fn all_is_well_when_backends_are_and_nothing_is_left_behind() {
    holds(|host| check_health(host, 200, 198, 2));
    breaks("nearly all succeed when backends are well", |host| check_health(host, 200, 197, 0));
    breaks("hardly anything is sent again then", |host| check_health(host, 200, 200, 3));
    holds(|host| check_rest(host, &Stats::default()));
    let law = "no connection leaks";
    breaks(law, |host| stats_at_rest(host, |stats| stats.in_use = 1));
    breaks(law, |host| stats_at_rest(host, |stats| stats.waiting = 1));
    breaks("what is idle for too long is closed", |host| stats_at_rest(host, |stats| stats.idle = 1));
}

fn stats_at_rest(host: &Host, change: fn(&mut Stats)) {
    let mut stats = Stats::default();
    change(&mut stats);
    check_rest(host, &stats);
}

/// It opens at 0 ms for 100 ms.
fn opens() -> Step {
    let why = Why::Failures { failures: 3, calls: 3 };
    let open_for = Some(100 * MS);
    Step { generation: 1, from: State::Closed, to: State::Open, why, at: at(0), open_for }
}

fn half_opens(ms: u32) -> Step {
    let why = Why::OpenFor(100 * MS);
    Step { generation: 2, from: State::Open, to: State::HalfOpen, why, at: at(ms), open_for: None }
}

fn closes() -> Step {
    let why = Why::ProbesSucceeded(1);
    Step { generation: 3, from: State::HalfOpen, to: State::Closed, why, at: at(200), open_for: None }
}

fn goes(host: &Host, steps: &[Step]) -> Course {
    let mut course = Course::default();
    steps.iter().for_each(|step| course.step(host, *step));
    course
}

#[test]
fn a_breaker_goes_from_state_to_state_as_it_should() {
    let law = "a breaker goes from state to state as it should";
    holds(|host| drop(goes(host, &[opens(), half_opens(100), closes()])));
    breaks(law, |host| drop(goes(host, &[half_opens(100)])));
    breaks(law, |host| drop(goes(host, &[opens(), closes()])));
    breaks(law, |host| drop(goes(host, &[Step { why: Why::ProbeFailed, ..opens() }])));
    breaks(law, |host| drop(goes(host, &[opens(), Step { generation: 3, ..half_opens(100) }])));
    breaks("a breaker is open for as long as it says", |host| drop(goes(host, &[opens(), half_opens(99)])));
}

#[test]
fn an_open_breaker_lets_nothing_through() {
    holds(|host| {
        let course = goes(host, &[opens()]);
        course.check(host, &Tried { started: at(0), ..first(answered(200)) });
        course.check(host, &Tried { started: at(100), ..first(answered(200)) });
    });
    breaks("an open breaker lets nothing through", |host| {
        goes(host, &[opens()]).check(host, &Tried { started: at(50), ..first(answered(200)) });
    });
}
