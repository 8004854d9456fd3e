use std::fmt;

/// How a runtime did, case by case. Its `Display` is a readable table.
#[derive(Clone, Debug)]
#[must_use = "a report says nothing unless it is looked at; `assert` panics if a case failed"]
pub struct Report {
    pub(super) runtime: String,
    pub(super) cases: Vec<CaseReport>,
}

/// How one case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseReport {
    /// What the case is about, such as `timers`.
    pub area: &'static str,
    /// The law it checks, which is the name for [`Suite::only`](super::Suite::only).
    pub name: String,
    /// Whether the law holds.
    pub outcome: Outcome,
}

/// Whether a law holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It does.
    Passed,
    /// It was not checked, for this reason.
    Skipped(String),
    /// It does not: what was found instead.
    Failed(String),
}

impl Report {
    /// Every case that was chosen, in the order they ran.
    pub fn cases(&self) -> &[CaseReport] {
        &self.cases
    }

    /// The names of the cases that failed.
    pub fn failed(&self) -> Vec<&str> {
        let failed = self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed(_)));
        failed.map(|case| case.name.as_str()).collect()
    }

    /// Whether no case failed.
    pub fn is_success(&self) -> bool {
        self.failed().is_empty()
    }

    /// For tests.
    ///
    /// # Panics
    ///
    /// With the whole table, if a case failed.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.is_success(), "{self}");
    }

    fn count(&self, which: fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| which(&case.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed(_)));
        write!(f, "conformance of {}: {passed} passed, {skipped} skipped, {failed} failed", self.runtime)?;
        let mut area = "";
        for case in &self.cases {
            if case.area != area {
                area = case.area;
                write!(f, "\n{area}")?;
            }
            match &case.outcome {
                Outcome::Passed => write!(f, "\n  ok       {}", case.name)?,
                Outcome::Skipped(reason) => write!(f, "\n  skipped  {}: {reason}", case.name)?,
                Outcome::Failed(found) => write!(f, "\n  FAILED   {}: {found}", case.name)?,
            }
        }
        Ok(())
    }
}
