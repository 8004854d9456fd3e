use std::{fmt, time::Duration};

use super::{AREAS, Body, Case, CaseReport, Feature, Outcome, Report};

/// The suite, set up for one runtime.
///
/// Declare what the runtime lacks with [`without`](Self::without), then [`run`](Self::run). See the
/// [module](crate::rt::conformance) for an example.
#[must_use = "nothing is checked until `run`"]
pub struct Suite<'a> {
    runtime: String,
    launch: Box<dyn Fn(Body) + 'a>,
    absent: Vec<(Feature, String)>,
    only: Vec<String>,
    limit: Duration,
}

impl<'a> Suite<'a> {
    /// The suite for the runtime that `launch` starts; `runtime` names it in the report.
    ///
    /// `launch` is called once for each case, on this thread. It starts the runtime, drives the body to its end, ends
    /// the runtime and returns.
    pub fn new(runtime: impl Into<String>, launch: impl Fn(Body) + 'a) -> Self {
        Self {
            runtime: runtime.into(),
            launch: Box::new(launch),
            absent: Vec::new(),
            only: Vec::new(),
            limit: Duration::from_secs(60),
        }
    }

    /// Declares that the runtime lacks `feature`, and why. The cases that need it are reported as skipped.
    pub fn without(mut self, feature: Feature, reason: impl Into<String>) -> Self {
        self.absent.push((feature, reason.into()));
        self
    }

    /// Runs this case only. Called again, it adds one more. A name that no case has fails.
    pub fn only(mut self, name: impl Into<String>) -> Self {
        self.only.push(name.into());
        self
    }

    /// How long one case may take, in the runtime's time, before it counts as hanging; 60 s unless set.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The names of all cases, in the order they run.
    pub fn names() -> impl Iterator<Item = &'static str> {
        AREAS.iter().flat_map(|(_, cases)| *cases).map(|case| case.name)
    }

    /// Runs the cases one after the other.
    pub fn run(self) -> Report {
        let mut cases = Vec::new();
        for (area, laws) in AREAS {
            for case in laws.iter().filter(|case| self.chosen(case.name)) {
                cases.push(CaseReport { area, name: case.name.to_owned(), outcome: self.check(case) });
            }
        }
        let unknown = self.only.iter().filter(|only| !Self::names().any(|name| name == **only));
        cases.extend(unknown.map(|name| CaseReport {
            area: "unknown",
            name: name.clone(),
            outcome: Outcome::Failed("there is no case of this name".to_owned()),
        }));
        Report { runtime: self.runtime, cases }
    }

    fn chosen(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    fn check(&self, case: &Case) -> Outcome {
        if let Some(reason) = case.needs.iter().find_map(|feature| self.missing(*feature)) {
            return Outcome::Skipped(reason);
        }
        match case.launch(&self.launch, self.limit) {
            Ok(()) => Outcome::Passed,
            Err(found) => Outcome::Failed(found),
        }
    }

    fn missing(&self, feature: Feature) -> Option<String> {
        let declared = self.absent.iter().find(|(absent, _)| *absent == feature);
        declared
            .map(|(_, reason)| format!("no {feature}: {reason}"))
            .or_else(|| feature.missing_on_this_host().map(str::to_owned))
    }
}

impl fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runtime, absent, only, limit, .. } = self;
        f.debug_struct("Suite")
            .field("runtime", runtime)
            .field("absent", absent)
            .field("only", only)
            .field("limit", limit)
            .finish_non_exhaustive()
    }
}
