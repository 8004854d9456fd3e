//! What the runner promises.

use std::{
    io::Read,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use seaworthy_sim::{
    engine::Engine,
    event::What,
    fault::FaultKind,
    outcome::Verdict,
    sweep::{Shown, Summary},
};

use crate::stage::{Law, command, said, sim, sweep};

macro_rules! laws {
    ($($name:ident,)+) => {
        /// All of them.
        pub(crate) const ALL: &[Law] = &[$((stringify!($name), $name)),+];
    };
}

laws! {
    a_sweep_of_what_is_well_passes_and_its_summary_is_complete,
    a_broken_law_is_shrunk_kept_and_repeated_by_one_command,
    whatever_way_a_run_ends_it_is_reported_as_that,
    a_run_that_dies_or_hangs_leaves_where_it_stood,
    a_killed_child_is_reported_as_killed,
    what_hangs_is_shrunk_without_waiting_for_the_watchdog,
    a_busy_machine_is_not_the_fault_of_a_run,
    two_panics_are_two_failures,
    an_answer_that_another_might_have_written_is_none,
    what_a_scenario_prints_besides_is_no_harm,
    runs_that_differ_are_found_and_where_they_part,
    a_run_that_differs_by_a_fault_is_shrunk_to_that_fault,
    what_is_missing_fails_a_sweep_with_seeds_enough_only,
    what_makes_no_sense_is_a_usage_error_that_says_what_would,
    nothing_is_written_that_was_not_asked_for_and_a_pipe_gets_no_cursor_codes,
    ctrl_c_stops_the_children_and_shows_what_was_run,
    a_second_ctrl_c_ends_it_at_once,
    a_parent_that_is_killed_leaves_no_child_behind,
    a_time_is_kept,
    a_replay_is_the_run_of_the_sweep_and_repeats_itself,
    planted_bugs_need_a_build_that_has_them,
    the_list_names_all_there_is,
    regressions_are_found_from_any_folder_and_those_of_others_are_skipped_aloud,
    what_cannot_be_shrunk_is_kept_as_it_is,
}

fn a_sweep_of_what_is_well_passes_and_its_summary_is_complete() {
    let (said, summary) = sweep("run well --seeds 40 --jobs 3");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(summary.is_pass() && summary.broken.is_empty() && !summary.is_interrupted);
    assert_eq!((summary.jobs, summary.rows.len()), (3, 2));
    for row in &summary.rows {
        assert_eq!((row.seeds, row.failed, row.repeated), (40, 0, 2));
        assert!(row.is_covered && row.missing.is_empty());
        assert!(row.simulated_ms > 40 * 9_000 && row.wall_us > 0 && row.events > 0);
        let count = row.faults[&FaultKind::SlowReply];
        assert!(count.drawn > 0 && count.effects > 0 && row.points["a reply was slow"].drawn > 0);
    }
    let sample = summary.sample.expect("something to look at");
    assert_eq!(sample.outcome.events, sample.trace.len() as u64 + sample.left_out);
    assert!(sample.outcome.verdict.is_pass());
}

fn a_broken_law_is_shrunk_kept_and_repeated_by_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let regressions = folder.path().join("kept").display().to_string();
    let run = format!("run violates --seeds 12 --regressions {regressions}");
    let broken = sim(&format!("{run} --keep"));
    assert_eq!(broken.code, Some(1), "{}", broken.stdout);
    for part in
        ["slow or panicking, not both", "options: patience", "just replay violates 0x", "least schedule"]
    {
        assert!(broken.stdout.contains(part), "{part} in {}", broken.stdout);
    }
    let kept: Vec<_> = std::fs::read_dir(&regressions).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "one for each way to fail");
    let text = std::fs::read_to_string(&kept[0]).unwrap();
    let regression: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(regression["failed"], "slow or panicking, not both");
    let faults = regression["schedule"].as_array().unwrap();
    let kinds: Vec<_> = faults.iter().map(|fault| fault["kind"].as_str().unwrap()).collect();
    assert!(kinds.len() == 2 && kinds.contains(&"panic") && kinds.contains(&"slow-reply"), "{kinds:?}");
    // The command that was printed, word for word.
    let replay = broken.stdout.lines().find_map(|line| line.strip_prefix("kept: just ")).unwrap();
    let again = sim(replay);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stdout.contains("twice the same") && again.stdout.contains("!! slow or panicking"));
    // It is run first, and enough to fail a sweep in which the seeds are well.
    let json = folder.path().join("later.json");
    let later =
        sim(&format!("run violates --seeds 3..4 --regressions {regressions} --json {}", json.display()));
    assert_eq!(later.code, Some(1), "{}", later.stdout);
    assert!(
        later.stdout.contains("it is back") && later.stdout.contains("1 regressions"),
        "{}",
        later.stdout
    );
    assert!(later.stdout.contains("--schedule"), "{}", later.stdout);
    let summary: Summary = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let row = &summary.rows[0];
    assert_eq!((row.seeds, row.regressions, row.failed), (1, 1, 1), "it counts, and the seed does not");
}

fn whatever_way_a_run_ends_it_is_reported_as_that() {
    let names = "panics deadlocks livelocks aborts exits";
    let (said, summary) = sweep(&format!("run {names} --seeds 1 --shrink-time 0s"));
    assert_eq!(said.code, Some(1));
    assert!(summary.rows.iter().all(|row| (row.seeds, row.failed) == (1, 1)));
    let verdict = |name: &str| {
        let mut all = summary.broken.iter().map(|broken| &broken.run.outcome);
        all.find(|outcome| outcome.scenario == name).expect("it is reported").verdict.clone()
    };
    assert!(matches!(verdict("panics"), Verdict::Panicked { text } if text.contains("on purpose")));
    assert!(matches!(verdict("deadlocks"), Verdict::Stuck { text } if text.contains("deadlock")));
    assert!(matches!(verdict("livelocks"), Verdict::Stuck { text } if text.contains("livelock")));
    let Verdict::Died { text } = verdict("aborts") else { panic!("it aborted") };
    assert!(
        text.contains("signal: 6") && text.contains("the last straw") && text.len() < 5000,
        "{}",
        text.len()
    );
    assert!(matches!(verdict("exits"), Verdict::Died { text } if text.contains("without an answer")));
    let died = summary.broken.iter().find(|broken| broken.run.outcome.scenario == "aborts").unwrap();
    assert!(died.run.outcome.options.contains_key("patience"), "what was drawn for the dead is known");
    let (said, summary) = sweep("run spins --seeds 1 --seed-timeout 2s --shrink-time 0s");
    assert_eq!(said.code, Some(1));
    assert_eq!(summary.broken[0].run.outcome.verdict, Verdict::TimedOut { seconds: 2 });
}

/// The last event is the one before the end.
fn stood_on_the_brink(run: &Shown) {
    let last = run.trace.last().map(|event| &event.what);
    let brink = matches!(last, Some(What::Note { text }) if text == "on the brink");
    assert!(brink, "{}: {last:?}", run.outcome.scenario);
    assert_eq!(run.outcome.events, run.trace.len() as u64 + run.left_out);
}

fn a_run_that_dies_or_hangs_leaves_where_it_stood() {
    let (said, summary) = sweep("run aborts overflows hoards --seeds 1 --shrink-time 0s");
    assert_eq!((said.code, summary.broken.len()), (Some(1), 3));
    for broken in &summary.broken {
        stood_on_the_brink(&broken.run);
        let Verdict::Died { text } = &broken.run.outcome.verdict else { panic!("it died") };
        let says = match &*broken.run.outcome.scenario {
            "hoards" => "memory allocation of",
            "overflows" => "overflowed its stack",
            _ => "the last straw",
        };
        assert!(text.contains(says), "{text}");
    }
    assert!(said.stdout.contains("on the brink"), "{}", said.stdout);
    let (_said, summary) = sweep("run spins --seeds 1 --seed-timeout 1s --shrink-time 0s");
    stood_on_the_brink(&summary.broken[0].run);
    let replay = sim("replay aborts 0");
    assert!(replay.code == Some(1) && replay.stdout.contains("on the brink"), "{}", replay.stdout);
}

fn a_killed_child_is_reported_as_killed() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("summary.json");
    let mut line = command(&format!(
        "run spins --seeds 1 --seed-timeout 3s --shrink-time 0s --no-regressions --json {}",
        json.display()
    ));
    let runner = line.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("a child", || !children(runner.id()).is_empty());
    let child = Pid::from_raw(children(runner.id())[0] as i32).unwrap();
    kill_process(child, Signal::KILL).unwrap();
    let said = said(runner.wait_with_output().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    let summary: Summary = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let broken = &summary.broken[0];
    let Verdict::Died { text } = &broken.run.outcome.verdict else { panic!("it was killed") };
    assert!(text.contains("signal: 9"), "{text}");
    // What killed it was not in the run.
    assert!(
        broken.notes.iter().any(|note| note.contains("run again it ended otherwise")),
        "{:?}",
        broken.notes
    );
}

fn what_hangs_is_shrunk_without_waiting_for_the_watchdog() {
    let (_said, summary) = sweep("run hangs --seeds 4 --seed-timeout 4s");
    let broken = summary.broken.iter().find(|broken| broken.shrunk.is_some()).expect("one is shrunk");
    assert!(matches!(broken.run.outcome.verdict, Verdict::TimedOut { .. }));
    let faults = &broken.run.outcome.schedule.faults;
    assert!(faults.len() == 1 && faults[0].kind == FaultKind::SlowReply, "{faults:?}");
    stood_on_the_brink(&broken.run);
}

fn a_busy_machine_is_not_the_fault_of_a_run() {
    if std::fs::read_to_string("/proc/self/schedstat").is_err() {
        return;
    }
    let cores = thread::available_parallelism().unwrap().get();
    let (seeds, jobs) = (3 * cores, 3 * cores);
    let (said, summary) = sweep(&format!(
        "run burns --seeds 1..{} --jobs {jobs} --seed-timeout 1s --shrink-time 0s",
        seeds + 1
    ));
    assert_eq!(said.code, Some(1));
    // Each had a third of a processor, and a second of it.
    assert!(summary.wall_ms > 1700, "{}", summary.wall_ms);
    assert_eq!(summary.broken[0].run.outcome.verdict, Verdict::TimedOut { seconds: 1 });
}

fn two_panics_are_two_failures() {
    let (said, summary) = sweep("run panics-two-ways --seeds 12");
    let shrunk: Vec<_> = summary.broken.iter().filter(|broken| broken.shrunk.is_some()).collect();
    assert_eq!(shrunk.len(), 2, "{}", said.stdout);
    for broken in shrunk {
        let Verdict::Panicked { text } = &broken.run.outcome.verdict else { panic!("it panicked") };
        let kind = if text.contains("one way") { FaultKind::Panic } else { FaultKind::SlowReply };
        let faults = &broken.run.outcome.schedule.faults;
        assert!(faults.len() == 1 && faults[0].kind == kind, "{text}: {faults:?}");
    }
    // Of two faults that panic alone, the one that did is left.
    let folder = tempfile::tempdir().unwrap();
    let (schedule, json) = (folder.path().join("both.json"), folder.path().join("summary"));
    let fault = |kind| {
        format!(r#"{{"at_ms": 1000, "lasts_ms": 5000, "kind": "{kind}", "on": "client", "size": 100}}"#)
    };
    std::fs::write(&schedule, format!("[{}, {}]", fault("slow-reply"), fault("panic"))).unwrap();
    let (schedule, file) = (schedule.display(), json.display());
    let said = sim(&format!("replay panics-two-ways 1 --schedule {schedule} --shrink --json {file}"));
    let summary: Summary = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let outcome = &summary.broken[0].run.outcome;
    assert!(outcome.verdict.to_string().contains("one way"), "{}", said.stdout);
    assert_eq!(
        outcome.schedule.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(),
        [FaultKind::Panic]
    );
}

fn an_answer_that_another_might_have_written_is_none() {
    let (said, summary) = sweep("run forges forges-and-exits answers-and-fails --seeds 1 --shrink-time 0s");
    assert_eq!(said.code, Some(1));
    let verdict = |index: usize| &summary.broken[index].run.outcome.verdict;
    assert!(matches!(verdict(0), Verdict::Died { text } if text.contains("more than one")), "{}", verdict(0));
    assert!(
        matches!(verdict(1), Verdict::Died { text } if text.contains("makes no sense")),
        "{}",
        verdict(1)
    );
    assert!(
        matches!(verdict(2), Verdict::Died { text } if text.contains("answered before")),
        "{}",
        verdict(2)
    );
}

fn what_a_scenario_prints_besides_is_no_harm() {
    let (said, summary) = sweep("run chats --seeds 3");
    assert!(said.code == Some(0) && summary.is_pass(), "{}", said.stdout);
    let replay = sim("replay chats 1");
    assert!(replay.code == Some(0) && replay.stdout.contains("no newline"), "{}", replay.stdout);
    let bad = sim("run leaves-badly --seeds 1");
    assert_eq!(bad.code, Some(1), "{}", bad.stdout);
    assert!(bad.stdout.contains("SIGABRT"), "{}", bad.stdout);
}

fn runs_that_differ_are_found_and_where_they_part() {
    let (said, summary) = sweep("run diverges --seeds 5");
    assert_eq!(said.code, Some(1));
    assert_eq!((summary.rows[0].failed, summary.rows[0].repeated), (1, 0), "the first of twenty runs twice");
    let Verdict::Diverged { text } = &summary.broken[0].run.outcome.verdict else { panic!("it differs") };
    assert!(text.contains("first in second 3"), "{text}");
    assert!(text.contains("both:") && text.contains("one:") && text.contains("other:"), "{text}");
    let replay = sim("replay diverges 0");
    assert!(replay.code == Some(1) && replay.stdout.contains("two runs of this seed differ"));
}

fn a_run_that_differs_by_a_fault_is_shrunk_to_that_fault() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().display();
    let mut found = None;
    for seed in 0..20 {
        // The first seed of a sweep is run twice.
        let run = format!("run diverges-when-slow --seeds {seed}..{} --keep --regressions {kept}", seed + 1);
        let json = folder.path().join("summary");
        let said = sim(&format!("{run} --json {}", json.display()));
        let summary: Summary = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
        found = summary.broken.into_iter().find(|broken| broken.shrunk.is_some());
        if found.is_some() {
            assert!(said.stdout.contains("kept: "), "{}", said.stdout);
            break;
        }
    }
    let broken = found.expect("one is shrunk");
    let Verdict::Diverged { text } = &broken.run.outcome.verdict else { panic!("it differs") };
    assert!(text.contains("process"), "{text}");
    let faults = &broken.run.outcome.schedule.faults;
    assert!(faults.len() == 1 && faults[0].kind == FaultKind::SlowReply, "{faults:?}");
    let last = broken.run.trace.last().map(|event| &event.what);
    assert!(matches!(last, Some(What::Note { text }) if text.starts_with("process")), "{last:?}");
    // As a regression it is run twice too.
    let later =
        sim(&format!("run diverges-when-slow --seeds 1000..1001 --shrink-time 0s --regressions {kept}"));
    assert!(later.code == Some(1) && later.stdout.contains("it is back"), "{}", later.stdout);
}

fn what_is_missing_fails_a_sweep_with_seeds_enough_only() {
    let (said, summary) = sweep("run inert --seeds 30");
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(summary.broken.is_empty() && summary.rows[0].is_covered && !summary.is_pass());
    assert!(said.stdout.contains("MISSING") && said.stdout.contains("the moon"), "{}", said.stdout);
    let (said, summary) = sweep("run inert --seeds 29");
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    assert!(!summary.rows[0].is_covered && said.stdout.contains("not yet, in 29 seeds"), "{}", said.stdout);
}

fn what_makes_no_sense_is_a_usage_error_that_says_what_would() {
    for (line, says) in [
        ("run --seeds 100..50", "50..100"),
        ("run --seeds 5..5", "no seed in it"),
        ("run --seeds 0", "0 seeds"),
        ("run well --jobs 0", "0 jobs"),
        ("run nothing", "there are well, violates"),
        ("run well --time 0s", "no time"),
        ("run well --engine tokio", "`testing` and `turmoil`"),
        ("run violates --engine turmoil", "none of these scenarios runs on turmoil"),
        ("run well --seeds 1 --json /nowhere/at/all.json", "/nowhere/at/all.json"),
        ("replay well", "SEED"),
        ("replay well 0xg", "no seed like"),
        ("replay violates 1 --engine turmoil", "does not run on turmoil"),
        ("replay well 1 --schedule /nowhere.json", "/nowhere.json"),
        ("child nonsense", "for the runner itself"),
    ] {
        let said = sim(line);
        assert_eq!(said.code, Some(2), "{line}: {}", said.stdout);
        assert!(said.stderr.contains(says), "{line}: {}", said.stderr);
    }
}

fn nothing_is_written_that_was_not_asked_for_and_a_pipe_gets_no_cursor_codes() {
    let folder = tempfile::tempdir().unwrap();
    let run = command("run violates --seeds 8").current_dir(folder.path()).output().unwrap();
    let run = said(run);
    assert_eq!(run.code, Some(1));
    assert!(!run.stdout.contains('\x1b') && run.stdout.contains("with --keep"), "{}", run.stdout);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let run = command("run violates --seeds 8 --report r.html").current_dir(folder.path()).output().unwrap();
    assert_eq!(said(run).code, Some(1));
    assert!(std::fs::read_to_string(folder.path().join("r.html")).unwrap().contains("slow or panicking"));
}

fn ctrl_c_stops_the_children_and_shows_what_was_run() {
    let mut line = command("run spins well --jobs 2 --time 600s");
    let mut runner = line.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut begun = [0; 5];
    runner.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    wait_for("children", || !children(runner.id()).is_empty());
    let began = Instant::now();
    kill_process(Pid::from_child(&runner), Signal::INT).unwrap();
    let said = said(runner.wait_with_output().unwrap());
    assert!(began.elapsed() < Duration::from_secs(30), "the run of a minute was not waited for");
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    assert!(said.stdout.contains("interrupted") && said.stdout.contains("0 failed"), "{}", said.stdout);
}

fn a_second_ctrl_c_ends_it_at_once() {
    // It cannot go on: what it says is not read.
    let mut line = command("replay gossips 1 --trace");
    let mut runner = line.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = runner.stdout.take().unwrap();
    wait_for("words", || rustix::io::ioctl_fionread(&stdout).unwrap() >= 60 << 10);
    let pid = Pid::from_child(&runner);
    let is_pending = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", runner.id())).unwrap_or_default();
        let pending = status.lines().filter(|line| line.starts_with("ShdPnd") || line.starts_with("SigPnd"));
        pending.into_iter().any(|line| !line.ends_with("\t0000000000000000"))
    };
    kill_process(pid, Signal::INT).unwrap();
    wait_for("a signal that is taken", || !is_pending());
    thread::sleep(Duration::from_millis(50));
    assert!(is_running(runner.id()), "the first asks it to stop");
    kill_process(pid, Signal::INT).unwrap();
    wait_for("its end", || !is_running(runner.id()));
    assert_eq!(runner.wait().unwrap().code(), Some(130));
    drop(stdout);
}

fn a_parent_that_is_killed_leaves_no_child_behind() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut line = command("run spins --jobs 2 --seeds 2");
    let mut runner = line.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("children", || children(runner.id()).len() == 2);
    let orphans = children(runner.id());
    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_for("the end of all children", || orphans.iter().all(|pid| !is_running(*pid)));
}

fn a_time_is_kept() {
    let began = Instant::now();
    let (said, summary) = sweep("run well --time 2s");
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    assert!(summary.rows.iter().all(|row| row.seeds >= 1));
    assert!(summary.wall_ms >= 2000 && began.elapsed() >= Duration::from_secs(2));
    let soak = sim("soak 1s well");
    assert_eq!(soak.code, Some(0), "{}", soak.stdout);
}

fn a_replay_is_the_run_of_the_sweep_and_repeats_itself() {
    let (_said, summary) = sweep("run well --seeds 7..8 --engine turmoil");
    let digest = summary.sample.expect("it went well").outcome.digest.to_string();
    let replay = sim("replay well 0x7 --engine turmoil --trace");
    assert_eq!(replay.code, Some(0), "{}", replay.stderr);
    assert!(replay.stdout.contains(&digest) && replay.stdout.contains("twice the same"), "{}", replay.stdout);
    assert!(replay.stdout.contains("turn false") && !replay.stdout.contains("more events"));
    let short = sim("replay well 7");
    assert!(short.stdout.contains("more events: --trace"), "{}", short.stdout);
    assert!(short.stdout.contains(Engine::Testing.name()));
}

fn planted_bugs_need_a_build_that_has_them() {
    let run = command("run well --seeds 1").env("SEAWORTHY_CANARY", "a-planted-bug").output().unwrap();
    let (run, canaries) = (said(run), sim("canaries well"));
    if cfg!(seaworthy_canary) {
        return assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    assert!(run.code == Some(2) && run.stderr.contains("--cfg seaworthy_canary"), "{}", run.stderr);
    assert!(canaries.code == Some(2) && canaries.stderr.contains("just canaries"), "{}", canaries.stderr);
}

fn the_list_names_all_there_is() {
    let list = sim("list well inert");
    assert_eq!(list.code, Some(0));
    for part in
        ["well", "inert", "testing, turmoil", "slow-reply", "\"the moon\"", "a-planted-bug", "2 scenarios"]
    {
        assert!(list.stdout.contains(part), "{part} in {}", list.stdout);
    }
    assert!(!list.stdout.contains("violates"));
}

fn regressions_are_found_from_any_folder_and_those_of_others_are_skipped_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let sim_itself = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(arguments.split_whitespace()).current_dir(folder.path());
        said(command.env_remove("CARGO_MANIFEST_DIR").env_remove("SEAWORTHY_CANARY").output().unwrap())
    };
    let list = sim_itself("list tasks");
    let there = format!(" regressions in {}/regressions", env!("CARGO_MANIFEST_DIR"));
    assert!(list.stdout.contains(&there), "{}", list.stdout);
    let other =
        r#"{"scenario": "violates", "engine": "testing", "seed": "0x1", "failed": "x", "schedule": []}"#;
    std::fs::write(folder.path().join("other.json"), other).unwrap();
    let run = sim_itself(&format!(
        "run tasks --engine testing --seeds 1 --regressions {}",
        folder.path().display()
    ));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("skipped: ") && run.stderr.contains("`violates`"), "{}", run.stderr);
}

fn what_cannot_be_shrunk_is_kept_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().display();
    let run = sim(&format!("run panics --seeds 3 --shrink-time 0s --keep --regressions {kept}"));
    assert!(run.code == Some(1) && run.stdout.contains("kept: "), "{}", run.stdout);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = sim(&format!("run panics --seeds 50..51 --shrink-time 0s --regressions {kept}"));
    assert!(again.stdout.contains("it is back"), "{}", again.stdout);
}

/// The children of a process.
fn children(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let mut all: Vec<_> = tasks.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    // Those that other threads started.
    for entry in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path().join("children")).unwrap_or_default();
        all.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "no {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
