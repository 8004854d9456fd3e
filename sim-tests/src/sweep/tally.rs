//! From outcomes to the rows of a summary, and what is missing there.

use super::{Count, Row};
use crate::{engine::Engine, outcome::Outcome, scenario::Scenario};

/// A scenario on an engine, before any run.
pub(crate) fn row(scenario: &dyn Scenario, engine: Engine) -> Row {
    let faults = scenario.storm().kinds_on(engine).into_iter().map(|kind| (kind, Count::default())).collect();
    let points = scenario.points().iter().map(|point| ((*point).to_owned(), Count::default())).collect();
    Row {
        scenario: scenario.name().to_owned(),
        about: scenario.about().to_owned(),
        engine: Some(engine),
        faults,
        points,
        ..Row::default()
    }
}

impl Row {
    /// A seed was run, and this came of it.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.failed += u64::from(!outcome.verdict.is_pass());
        self.simulated_ms += outcome.simulated_ms;
        self.wall_us += outcome.wall_us;
        self.events += outcome.events;
        for fault in &outcome.schedule.faults {
            self.faults.entry(fault.kind).or_default().drawn += 1;
        }
        for (kind, effects) in &outcome.effects {
            self.faults.entry(*kind).or_default().effects += effects;
        }
        for (point, times) in &outcome.points {
            let count = self.points.entry(point.clone()).or_default();
            count.drawn += u64::from(*times > 0);
            count.effects += times;
        }
    }
}

/// Says what is missing in each row, and whether that is a failure.
///
/// A kind of fault must have an effect on each engine that can carry it out. A point may be within reach on one engine
/// only, so it is looked for on all of them together; and only if all engines of the scenario were run, each with seeds
/// enough. Where that is not so, a point that was not reached is only to be seen in its count.
pub(crate) fn cover(rows: &mut [Row], suite: &[&dyn Scenario]) {
    for scenario in suite {
        let is_mine = |row: &&mut Row| row.scenario == scenario.name();
        let needed = scenario.seeds_for_coverage();
        let mut reached = std::collections::BTreeSet::new();
        let mut covered = Vec::new();
        for row in rows.iter_mut().filter(is_mine) {
            row.is_covered = row.seeds >= needed;
            row.missing = row.faults.iter().filter(|(_, count)| count.effects == 0).map(inert).collect();
            let points = row.points.iter().filter(|(_, count)| count.effects > 0);
            reached.extend(points.map(|(point, _)| point.clone()));
            covered.extend(row.engine.filter(|_| row.is_covered));
        }
        let all_engines = scenario.engines().iter().all(|engine| covered.contains(engine));
        for row in rows.iter_mut().filter(is_mine).filter(|row| all_engines || !row.is_covered) {
            let missing = scenario.points().iter().filter(|point| !reached.contains(**point));
            row.missing.extend(missing.map(|point| format!("point `{point}` was not reached on any engine")));
        }
    }
}

fn inert((kind, count): (&crate::fault::FaultKind, &Count)) -> String {
    match count.drawn {
        0 => format!("fault `{kind}` was never drawn"),
        drawn => format!("fault `{kind}` had no effect in {drawn} tries"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Options,
        fault::{FaultKind, Storm},
        scenario::Stage,
    };

    struct Quiet;

    impl Scenario for Quiet {
        fn name(&self) -> &'static str {
            "quiet"
        }
        fn about(&self) -> &'static str {
            "nothing happens"
        }
        fn storm(&self) -> Storm {
            Storm { kinds: vec![FaultKind::Hold, FaultKind::Reset], ..Storm::default() }
        }
        fn points(&self) -> &'static [&'static str] {
            &["here", "there"]
        }
        fn seeds_for_coverage(&self) -> u64 {
            2
        }
        fn set_up(&self, stage: &mut Stage) {
            let engine = stage.sim().engine();
            stage.client("client", move |host| async move {
                crate::sometimes!(host, engine == Engine::Testing, "here");
                Ok(())
            });
        }
    }

    fn rows(seeds: u64, engines: &[Engine]) -> Vec<Row> {
        let mut rows: Vec<_> = engines.iter().map(|engine| row(&Quiet, *engine)).collect();
        for row in &mut rows {
            let engine = row.engine.expect("it has one");
            for seed in 0..seeds {
                row.add(&crate::engine::run(&Quiet, &Options::new(engine, seed)).outcome);
            }
        }
        cover(&mut rows, &[&Quiet]);
        rows
    }

    #[test]
    fn a_point_counts_for_all_engines_together_and_a_kind_for_each_that_has_it() {
        let rows = rows(2, Engine::ALL);
        assert!(rows.iter().all(|row| row.is_covered && row.failed == 0));
        let missing = |row: &Row| row.missing.join("; ");
        assert!(!missing(&rows[0]).contains("`here`") && !missing(&rows[1]).contains("`here`"));
        assert!(missing(&rows[0]).contains("point `there`") && missing(&rows[1]).contains("point `there`"));
        assert!(missing(&rows[0]).contains("`reset`") && !missing(&rows[0]).contains("`hold`"));
        assert!(missing(&rows[1]).contains("`reset`") && missing(&rows[1]).contains("`hold`"));
    }

    #[test]
    fn points_are_not_held_against_one_engine_alone() {
        let rows = rows(2, &[Engine::Turmoil]);
        assert!(rows[0].is_covered && !rows[0].missing.join("; ").contains("point"));
    }

    #[test]
    fn few_seeds_only_report_what_is_missing() {
        let rows = rows(1, Engine::ALL);
        assert!(rows.iter().all(|row| !row.is_covered && !row.missing.is_empty()));
    }
}
