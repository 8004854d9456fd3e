use std::collections::BTreeMap;

use seaworthy_core::rt::Rng;
use serde_json::Value;

use super::*;
use crate::{
    digest::Fingerprint,
    engine::Engine,
    event::Event,
    fault::{Fault, Schedule},
    outcome::{Outcome, Verdict},
    sweep::{Broken, Count, Row},
};

const HOSTILE: &str = "</script><script>document.title='owned'</script><!-- <img src=x onerror=alert(1)> \"'`&\u{2028}\u{1b}[31m";

/// A run as the engines leave it, with what they cannot be asked for: any number of events, hosts and faults.
struct Made {
    scenario: &'static str,
    seed: u64,
    servers: Vec<String>,
    clients: Vec<String>,
    events: usize,
    faults: u64,
    verdict: Verdict,
}

impl Made {
    fn new(scenario: &'static str, events: usize) -> Self {
        let names = |name: &str, count| (1..=count).map(|number| format!("{name}-{number}")).collect();
        let (servers, clients) = (names("backend", 3), names("client", 3));
        Self { scenario, seed: 0x1f3a, servers, clients, events, faults: 9, verdict: Verdict::Passed }
    }

    fn violated(mut self, law: &str, text: &str) -> Self {
        let host = self.clients[0].clone();
        self.verdict = Verdict::Violated { law: law.to_owned(), text: text.to_owned(), host, at_ms: 31_482 };
        self
    }

    fn shown(&self) -> Shown {
        let mut rng = Rng::from_seed(self.seed).fork("report", self.events as u64);
        let end_ms = if let Verdict::Violated { at_ms, .. } = self.verdict { at_ms } else { 60_000 };
        let schedule = self.schedule(&mut rng);
        let mut trace = self.frame(&schedule, end_ms);
        let mut effects = BTreeMap::new();
        // Bursts of a request and its reply, and a note now and then.
        while trace.len() < self.events + self.events / 10 {
            let burst = rng.below(end_ms * 1_000_000);
            for _ in 0..=rng.below(12) {
                let at_ns = burst + rng.below(400_000_000);
                self.exchange(&mut rng, at_ns, &schedule, &mut trace, &mut effects);
            }
        }
        trace.retain(|event| event.at_ns <= end_ms * 1_000_000);
        trace.sort_by_key(|event| event.at_ns);
        trace.truncate(self.events.saturating_sub(1));
        if let Verdict::Violated { law, text, host, at_ms } = &self.verdict {
            let what = What::Violated { law: law.clone(), text: text.clone() };
            trace.push(Event { at_ns: at_ms * 1_000_000, host: host.clone(), what });
        }
        let outcome = Outcome {
            scenario: self.scenario.to_owned(),
            engine: Engine::Turmoil,
            seed: self.seed,
            canary: None,
            verdict: self.verdict.clone(),
            simulated_ms: end_ms,
            wall_us: 48_210,
            digest: Fingerprint(0x9e37_79b9_7f4a_7c15),
            checkpoints: vec![Fingerprint(1), Fingerprint(u64::MAX)],
            events: trace.len() as u64,
            options: [
                ("connections max", "4"),
                ("clients", "3"),
                ("attempts", "5"),
                ("queue", "newest first"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            schedule,
            effects,
            points: BTreeMap::new(),
        };
        Shown { outcome, trace, left_out: 0 }
    }

    fn schedule(&self, rng: &mut Rng) -> Schedule {
        let storm = crate::fault::Storm {
            kinds: FaultKind::ALL.to_vec(),
            faults_max: self.faults.max(1),
            ..crate::fault::Storm::default()
        };
        if self.faults == 0 {
            return Schedule::default();
        }
        let hosts = [self.servers.clone(), self.clients[..1].to_vec()].concat();
        let mut faults = vec![
            Fault {
                at_ms: 8_000,
                lasts_ms: 4_200,
                kind: FaultKind::Crash,
                on: self.servers[0].clone(),
                size: 0,
            },
            Fault {
                at_ms: 29_900,
                lasts_ms: 0,
                kind: FaultKind::Reset,
                on: self.servers[0].clone(),
                size: 0,
            },
        ];
        while faults.len() < self.faults as usize {
            faults.extend(Schedule::draw(rng, &storm, Engine::Turmoil, |_| hosts.clone()).faults);
        }
        faults.truncate(self.faults as usize);
        Schedule::new(faults)
    }

    /// What is there whatever the messages are.
    fn frame(&self, schedule: &Schedule, end_ms: u64) -> Vec<Event> {
        let event =
            |at_ms: u64, host: &str, what| Event { at_ns: at_ms * 1_000_000, host: host.to_owned(), what };
        let mut trace = Vec::new();
        if self.events == 0 {
            return trace;
        }
        trace.extend(self.servers.iter().chain(&self.clients).map(|host| event(0, host, What::Boot)));
        for (fault, one) in schedule.faults.iter().enumerate() {
            trace.push(event(one.at_ms, &one.on, What::FaultBegan { fault, text: one.to_string() }));
            trace.push(event(one.at_ms + one.lasts_ms, &one.on, What::FaultEnded { fault }));
            if one.kind == FaultKind::Crash {
                trace.push(event(one.at_ms, &one.on, What::Down));
                trace.push(event(one.at_ms + one.lasts_ms, &one.on, What::Boot));
            }
        }
        trace.push(event(40_000.min(end_ms + 1), "", What::Healed));
        trace
    }

    fn exchange(
        &self,
        rng: &mut Rng,
        at_ns: u64,
        schedule: &Schedule,
        trace: &mut Vec<Event>,
        effects: &mut BTreeMap<FaultKind, u64>,
    ) {
        let client = &self.clients[rng.index(self.clients.len())];
        let server = &self.servers[rng.index(self.servers.len())];
        let at_ms = at_ns / 1_000_000;
        let under = schedule.faults.iter().enumerate().filter(|(_, fault)| {
            fault.on == *server && fault.at_ms <= at_ms && at_ms <= fault.at_ms + fault.lasts_ms
        });
        let mut add = |at_ns, host: &String, what| trace.push(Event { at_ns, host: host.clone(), what });
        let (sent, reply) = (40 + rng.below(400), 200 + rng.below(9_000));
        let mut latency = || 1_000_000 + rng.below(30_000_000);
        let (there, back) = (at_ns + latency(), at_ns + latency() + 40_000_000);
        if at_ns.is_multiple_of(5) {
            add(at_ns - 1, client, What::Connected { to: server.clone() });
        }
        add(at_ns, client, What::Sent { to: server.clone(), bytes: sent });
        if let Some((fault, one)) = under.into_iter().next() {
            *effects.entry(one.kind).or_default() += 1;
            return add(there, server, What::FaultStruck { fault, kind: one.kind.name().to_owned() });
        }
        add(there, server, What::Received { from: client.clone(), bytes: sent });
        add(there + 9_000_000, server, What::Sent { to: client.clone(), bytes: reply });
        add(back, client, What::Received { from: server.clone(), bytes: reply });
        if at_ns.is_multiple_of(7) {
            add(back + 3_000, client, What::Received { from: server.clone(), bytes: 0 });
        }
        if at_ns.is_multiple_of(11) {
            let text = format!(
                "GET /orders/{} gave {}",
                at_ns % 977,
                if at_ns.is_multiple_of(3) { 503 } else { 200 }
            );
            add(back + 5_000, client, What::Note { text });
        }
    }
}

fn row(scenario: &str, about: &str, engine: Engine, seeds: u64) -> Row {
    let mut rng = Rng::from_seed(seeds).fork(scenario, 0);
    let mut faults = BTreeMap::new();
    for kind in FaultKind::ALL {
        if rng.chance(2, 3) {
            let drawn = 1 + rng.below(seeds * 2);
            faults.insert(*kind, Count { drawn, effects: rng.below(drawn * 40) });
        }
    }
    let points = [
        "a lease was handed over",
        "a caller gave up while it waited",
        "the breaker opened",
        "a retry succeeded",
    ];
    let points = points.map(|point| {
        let drawn = 1 + rng.below(seeds);
        (point.to_owned(), Count { drawn, effects: drawn * 3 })
    });
    Row {
        scenario: scenario.to_owned(),
        about: about.to_owned(),
        engine: Some(engine),
        seeds,
        failed: 0,
        repeated: seeds / 20,
        simulated_ms: seeds * 60_000,
        wall_us: seeds * 41_000,
        events: seeds * 8_211,
        faults,
        points: points.into(),
        is_covered: seeds >= 200,
        ..Row::default()
    }
}

fn passing() -> Summary {
    Summary {
        began: "2026-05-04T09:12:44Z".to_owned(),
        wall_ms: 61_240,
        jobs: 2,
        rows: vec![
            row("pool", "callers share few connections to a server that bounces", Engine::Testing, 5_212),
            row("pool", "callers share few connections to a server that bounces", Engine::Turmoil, 1_040),
            row("http-retries", "a client with retries and three backends", Engine::Turmoil, 418),
            row("limiter", "callers under a rate limit, with deadlines", Engine::Testing, 120),
        ],
        broken: Vec::new(),
        sample: Some(Made::new("http-retries", 1_000).shown()),
        ..Summary::default()
    }
}

fn failed() -> Summary {
    failed_in(1_500)
}

fn failed_in(events: usize) -> Summary {
    let mut summary = passing();
    summary.sample = None;
    summary.rows[2].failed = 4;
    summary.rows[2].faults.insert(FaultKind::DnsFailure, Count { drawn: 311, effects: 0 });
    summary.rows[2].points.insert("a reply came after its deadline".to_owned(), Count::default());
    summary.rows[2].missing = vec![
        "dns-failure had no effect".to_owned(),
        "`a reply came after its deadline` was not reached".to_owned(),
    ];
    summary.rows[3].missing = vec!["`the breaker opened` was not reached".to_owned()];
    let law = "a POST executes at most once";
    let how = "order 4711 was executed 2 times\n  by backend-1 at 29.871 s, reply lost with the connection\n  by backend-2 at 31.480 s";
    let mut few = Made::new("http-retries", 1_000).violated(law, how);
    few.faults = 2;
    let mut crowd = Made::new("chat", events);
    crowd.seed = u64::MAX;
    crowd.servers =
        (1..=4).map(|number| format!("eu-central-1b.chat-gateway-{number}.internal.example")).collect();
    crowd.clients = (1..=8).map(|number| format!("client-{number} {HOSTILE}")).collect();
    crowd.faults = 24;
    let crowd = crowd.violated("members agree", HOSTILE);
    let mut stuck = Made::new("pool", events);
    stuck.verdict = Verdict::Stuck { text: "client-2 waits for a lease since 41.2 s".to_owned() };
    let mut silent = Made::new("pool", 0);
    silent.faults = 0;
    silent.verdict =
        Verdict::Died { text: "signal 6 (SIGABRT)\nmemory allocation of 64 bytes failed".to_owned() };
    for (made, is_shrunk) in [(few, true), (crowd, true), (stuck, false), (silent, false)] {
        let run = made.shown();
        summary.broken.push(Broken {
            shrunk: is_shrunk.then(|| run.outcome.schedule.clone()),
            replay: format!("just replay {} {:#x} --engine turmoil", made.scenario, made.seed),
            run,
            notes: Vec::new(),
        });
    }
    summary
}

/// The JSON of the element with this id, as a browser finds it: up to the first end of the element.
fn embedded(page: &str, id: &str) -> Value {
    let begin = format!(r#"<script type="application/json" id="{id}">"#);
    let (_, rest) = page.split_once(&begin).expect("the element is there");
    let (json, _) = rest.split_once("</script").expect("the element ends");
    serde_json::from_str(json).expect("JSON")
}

fn value(summary: &Summary) -> Value {
    serde_json::to_value(summary).unwrap()
}

#[test]
fn a_page_carries_the_summary_it_shows() {
    for summary in [Summary::default(), passing(), failed()] {
        let page = html(&summary);
        let carried: Summary = serde_json::from_value(embedded(&page, "summary")).unwrap();
        assert!(value(&carried) == value(&summary), "they differ");
        assert_eq!(embedded(&page, "kinds").as_object().unwrap().len(), FaultKind::ALL.len());
    }
}

#[test]
fn text_of_a_run_is_never_markup() {
    let mut summary = failed();
    summary.began = HOSTILE.to_owned();
    summary.rows[0].scenario = HOSTILE.to_owned();
    summary.rows[0].about = HOSTILE.to_owned();
    summary.rows[0].missing = vec![HOSTILE.to_owned()];
    summary.rows[0].points.insert(HOSTILE.to_owned(), Count::default());
    summary.broken[0].replay = HOSTILE.to_owned();
    summary.broken[0].notes = vec![HOSTILE.to_owned()];
    let outcome = &mut summary.broken[0].run.outcome;
    outcome.canary = Some(HOSTILE.to_owned());
    outcome.scenario = HOSTILE.to_owned();
    outcome.options.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    outcome.schedule.faults[0].on = HOSTILE.to_owned();
    for verdict in [
        Verdict::Violated { law: HOSTILE.into(), text: HOSTILE.into(), host: HOSTILE.into(), at_ms: 1 },
        Verdict::Died { text: HOSTILE.into() },
    ] {
        summary.broken[0].run.outcome.verdict = verdict;
        let page = html(&summary);
        // The page's own three, and none of a text's.
        assert_eq!(page.matches("<script").count(), 3);
        assert_eq!(page.matches("</script").count(), 3);
        for mark in ["<!--", "<img", "\u{2028}", "\u{1b}"] {
            assert!(!page.contains(mark), "{mark:?} is in the page");
        }
    }
}

#[test]
fn every_element_is_closed_where_it_must_be() {
    for summary in [Summary::default(), passing(), failed()] {
        let page = html(&summary);
        let markup = page.split("<script").next().unwrap();
        for name in [
            "main", "section", "details", "summary", "div", "table", "thead", "tbody", "dl", "ol", "pre",
            "p", "header", "noscript",
        ] {
            let begun =
                markup.matches(&format!("<{name}>")).count() + markup.matches(&format!("<{name} ")).count();
            assert_eq!(begun, markup.matches(&format!("</{name}>")).count(), "<{name}>");
        }
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    }
}

#[test]
fn a_page_loads_nothing() {
    let page = html(&failed());
    for mark in ["http://", "https://", "src=\"", "url(", "@import", "fetch(", "import("] {
        assert!(!page.contains(mark), "{mark} is in the page");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_verdict_is_in_the_first_line() {
    let title = |summary: &Summary| {
        let page = html(summary);
        page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned()
    };
    assert_eq!(title(&passing()), "All laws held");
    assert_eq!(title(&failed()), "2 laws broken, 2 runs failed otherwise, coverage missing");
    assert_eq!(title(&Summary::default()), "Nothing was run", "that nothing failed is then no success");
    let mut lacking = passing();
    lacking.rows[0].missing.push("reset had no effect".to_owned());
    assert_eq!(title(&lacking), "Coverage missing");
    lacking.rows[0].is_covered = false;
    assert_eq!(title(&lacking), "All laws held", "few seeds are only told what they did not see");
    lacking.rows[0].failed = 3;
    assert_eq!(title(&lacking), "3 runs failed", "though none of them was kept");
    let stopped = |summary| title(&Summary { is_interrupted: true, ..summary });
    assert_eq!(stopped(passing()), "Interrupted; all laws held until then", "which is no success");
    assert_eq!(stopped(Summary::default()), "Interrupted before anything was run");
    assert_eq!(stopped(lacking), "3 runs failed");
    let old = Row { scenario: "pool".into(), regressions: 1, ..Row::default() };
    assert_eq!(
        title(&Summary { rows: vec![old], ..Summary::default() }),
        "All laws held",
        "of those that were run"
    );
}

#[test]
fn what_cut_a_sweep_short_and_what_was_noted_of_a_failure_is_shown() {
    let shown = |summary: &Summary| html(summary).split("<script").next().unwrap().to_owned();
    let mut summary = failed();
    let calm = shown(&summary);
    summary.is_interrupted = true;
    summary.rows[0].regressions = 3;
    summary.rows[2].is_given_up = true;
    summary.broken[0].notes = vec!["it does not repeat itself".to_owned()];
    let page = shown(&summary);
    for text in
        ["was interrupted", "and 3 regressions first", "Given up:", "<li>it does not repeat itself</li>"]
    {
        assert!(page.contains(text) && !calm.contains(text), "`{text}`");
    }
}

#[test]
fn seeds_that_failed_in_one_way_are_found_in_one_line() {
    let mut summary = failed();
    let mut again = summary.broken[0].clone();
    again.run.outcome.seed = 0xabc;
    summary.broken.insert(3, again);
    let page = html(&summary);
    let found = page.split_once("<ol class=\"found\">").unwrap().1.split_once("</ol>").unwrap().0;
    assert_eq!(found.matches("<li>").count(), 4);
    assert_eq!(found.matches("a POST executes at most once").count(), 1);
    for (index, seed) in [(0, "0x1f3a"), (3, "0xabc")] {
        assert!(found.contains(&format!("<a href=\"#run-{index}\">{seed}</a>")), "{found}");
        assert!(page.contains(&format!("id=\"run-{index}\"")));
    }
}

#[test]
fn what_is_needed_to_understand_a_failure_is_there_without_script() {
    let page = html(&failed());
    let markup = page.split("<script").next().unwrap();
    for text in [
        "a POST executes at most once",
        "order 4711 was executed 2 times",
        "at 31.482 s on client-1",
        "just replay http-retries 0x1f3a --engine turmoil",
        "connections max",
        "9e3779b97f4a7c15",
        "Shrunk schedule: the least found that still fails in this way <i>2 faults</i>",
        "All connections of the host are reset, at once.",
        "dns-failure had no effect",
        "not reached",
        "inert",
        "seed 0xffffffffffffffff",
    ] {
        assert!(markup.contains(text), "`{text}` is not in the page");
    }
}

#[test]
fn a_kind_without_effect_and_a_point_that_was_not_reached_are_marked() {
    let mut summary = Summary {
        rows: vec![Row { scenario: "pool".into(), seeds: 10, ..Row::default() }],
        ..Summary::default()
    };
    summary.rows[0].faults.insert(FaultKind::Reset, Count { drawn: 7, effects: 0 });
    summary.rows[0].faults.insert(FaultKind::Hold, Count { drawn: 7, effects: 1 });
    summary.rows[0].points.insert("there".into(), Count { drawn: 5, effects: 9 });
    summary.rows[0].points.insert("not there".into(), Count::default());
    let page = html(&summary);
    assert_eq!(page.matches("<em>inert</em>").count(), 1);
    assert_eq!(page.matches("<em>not reached</em>").count(), 1);
    assert!(page.contains("1 of 2 reached") && page.contains("50 %"));
}

#[test]
fn a_page_is_bounded_whatever_the_sweep_was() {
    let mut summary = failed();
    let mut whole = summary.broken[2].clone();
    whole.run.trace = std::iter::repeat_n(whole.run.trace, 14).flatten().collect();
    summary.broken = vec![whole; Summary::BROKEN_MAX];
    let note = What::Note { text: "x".repeat(1 << 20) };
    summary.broken[0].run.trace.push(Event { at_ns: 60_000_000_000, host: "a".into(), what: note });
    summary.broken[1].run.outcome.verdict = Verdict::Died { text: "é".repeat(4 << 20) };
    let page = html(&summary);
    assert!(page.contains(" more bytes</pre>"));
    assert!(page.len() < 20 << 20, "{} bytes", page.len());
    let carried: Summary = serde_json::from_value(embedded(&page, "summary")).unwrap();
    let (first, last) = (&carried.broken[0].run, &carried.broken[Summary::BROKEN_MAX - 1].run);
    assert!(carried.broken[1].run.outcome.verdict.to_string().len() < 9_000);
    assert_eq!(first.trace.len(), Shown::EVENTS_MAX);
    assert_eq!(last.trace.len(), EVENTS_MIN);
    let of_last = &summary.broken[Summary::BROKEN_MAX - 1].run.trace;
    assert_eq!(last.left_out as usize + last.trace.len(), of_last.len());
    assert_eq!(last.trace.last(), of_last.last(), "the end is what matters");
}
