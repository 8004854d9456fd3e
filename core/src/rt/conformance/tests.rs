//! The suite finds each fault, and only where it is.

use std::collections::BTreeSet;

use super::{
    Body, Feature, Outcome, Suite,
    broken::{Broken, Fault},
    pair::panic_quietly,
};
use crate::testing;

fn suite(fault: Fault) -> Suite<'static> {
    let launch = move |body: Body| testing::run(3, |rt| body(Broken::around(&rt, fault)));
    Suite::new(format!("{fault:?}"), launch)
        .without(Feature::RealTime, "time is virtual")
        .without(Feature::BlockingThreads, "jobs run in place")
        .without(Feature::ForeignThreads, "other threads have no seed")
        .without(Feature::SurvivesUnobservedPanics, "such a panic fails the run")
}

#[track_caller]
fn assert_found(fault: Fault, laws: &[&str]) {
    let report = suite(fault).run();
    assert_eq!(report.failed(), laws, "{report}");
}

#[test]
fn a_good_runtime_passes() {
    assert_found(Fault::None, &[]);
}

macro_rules! each_fault_breaks_its_laws {
    ($($test:ident: $fault:ident => [$($law:ident),* $(,)?];)*) => {
        $(#[test]
        fn $test() {
            assert_found(Fault::$fault, &[$(stringify!($law)),*]);
        })*
    };
}

each_fault_breaks_its_laws! {
    early_timers: EarlyTimers => [
        a_timer_is_never_early,
        the_timers_of_many_tasks_all_end,
        a_timer_can_be_moved_earlier,
        a_timer_can_be_moved_later,
        a_timer_can_be_used_again_after_it_ended,
        a_moved_timer_wakes_its_task_without_another_poll,
        a_hundred_thousand_timers_are_made_polled_and_dropped,
        a_background_timer_ends_like_any_other,
        an_interval_ticks_at_once_and_then_on_the_beat,
        a_burst_makes_up_for_missed_ticks,
        a_skip_stays_on_the_beat,
        a_delay_counts_from_the_late_tick,
    ];
    lazy_resets: LazyResets => [
        a_moved_timer_wakes_its_task_without_another_poll,
        a_timer_serves_the_task_that_polled_it_last,
    ];
    one_shot_timers: OneShotTimers => [
        a_timer_can_be_used_again_after_it_ended,
    ];
    overflowing_timers: OverflowingTimers => [
        a_timer_in_the_far_future_does_not_overflow,
    ];
    leaked_tasks: LeakedTasks => [
        every_destructor_has_run,
        tasks_that_wait_for_each_other_end,
        tasks_that_never_had_a_turn_end,
        what_a_destructor_spawns_is_dropped,
        a_task_spawned_after_the_end_is_dropped_at_once,
        a_waker_that_outlives_its_runtime_does_no_harm,
    ];
    lost_jobs: LostJobs => [
        a_blocking_job_gives_its_value,
        a_panic_in_a_blocking_job_comes_back,
        a_thousand_blocking_jobs_all_run,
        a_blocking_job_can_spawn_a_task,
        a_cancelled_blocking_job_runs_now_or_never,
        now_never_goes_back,
    ];
    clock_goes_back: ClockGoesBack => [
        now_never_goes_back,
    ];
    constant_random: ConstantRandom => [
        random_bits_are_random,
    ];
    resolves_anything: ResolvesAnything => [
        a_name_that_cannot_exist_is_an_error,
    ];
    first_slice_only: FirstSliceOnly => [
        a_vectored_write_takes_more_than_its_first_slice,
    ];
    lost_slices: LostSlices => [
        vectored_writes_arrive_intact_and_in_order,
    ];
    overwriting_reads: OverwritingReads => [
        poll_read_into_agrees_with_poll_read,
    ];
    closes_both: ClosesBoth => [
        two_hundred_ends_are_open_at_once,
        sixty_four_mebibytes_are_echoed_intact,
        one_direction_can_end_before_the_other,
        a_unix_socket_ends_one_direction_before_the_other,
    ];
    closes_nothing: ClosesNothing => [
        two_hundred_ends_are_open_at_once,
        a_dropped_listener_frees_its_port,
        sixty_four_mebibytes_are_echoed_intact,
        a_writer_waits_for_its_reader,
        vectored_writes_arrive_intact_and_in_order,
        poll_read_into_agrees_with_poll_read,
        one_direction_can_end_before_the_other,
        closing_twice_is_fine,
        nothing_can_be_written_after_a_close,
        a_unix_socket_carries_bytes,
        a_unix_socket_ends_one_direction_before_the_other,
    ];
    one_close_only: OneCloseOnly => [
        closing_twice_is_fine,
        a_unix_socket_ends_one_direction_before_the_other,
    ];
    gentle_aborts: GentleAborts => [
        an_abort_reaches_a_waiting_reader_as_a_reset,
    ];
    no_backpressure: NoBackpressure => [
        a_writer_waits_for_its_reader,
        what_was_written_before_the_drop_arrives,
    ];
    deaf_writers: DeafWriters => [
        a_dropped_peer_wakes_a_blocked_writer,
        an_abort_reaches_a_blocked_writer,
    ];
    wrong_peer: WrongPeer => [
        both_ends_know_each_others_address,
    ];
    leaked_listeners: LeakedListeners => [
        a_port_without_a_listener_refuses,
        a_dropped_listener_frees_its_port,
        a_unix_listener_takes_its_path_and_gives_it_back,
    ];
}

#[test]
fn a_run_that_returns_early_is_found() {
    let report = Suite::new("nothing", |body: Body| drop(body)).only("a_task_gives_its_value").run();
    let Outcome::Failed(found) = &report.cases()[0].outcome else { panic!("{report}") };
    assert_eq!(found, "the run returned before its body had ended");
}

#[test]
fn a_run_that_panics_is_found() {
    let launch = |body: Body| {
        testing::run(3, body);
        panic_quietly("on the way out");
    };
    let report = Suite::new("panics", launch).only("a_task_gives_its_value").run();
    let Outcome::Failed(found) = &report.cases()[0].outcome else { panic!("{report}") };
    assert_eq!(found, "the run panicked: on the way out");
}

#[test]
fn a_name_that_no_case_has_fails() {
    let report = suite(Fault::None).only("a_task_gives_its_value").only("a_tsk_gives_its_value").run();
    assert_eq!(report.failed(), ["a_tsk_gives_its_value"]);
    assert_eq!(report.cases().len(), 2);
}

#[test]
fn the_report_is_a_table() {
    let report = suite(Fault::EarlyTimers)
        .only("a_task_gives_its_value")
        .only("a_timer_is_never_early")
        .only("busy_tasks_starve_no_timer")
        .run();
    assert_eq!(
        report.to_string(),
        "conformance of EarlyTimers: 1 passed, 1 skipped, 1 failed\n\
         tasks\n  ok       a_task_gives_its_value\n\
         timers\n  FAILED   a_timer_is_never_early: the timer ended 1ns early\n\
         foreign threads\n  skipped  busy_tasks_starve_no_timer: no time that passes by itself: time is virtual"
    );
}

#[test]
fn no_two_cases_share_a_name() {
    let names: Vec<_> = Suite::names().collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
}
