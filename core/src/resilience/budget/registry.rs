use std::{fmt, sync::Arc};

use super::{Budget, Config};
use crate::{
    ConfigError,
    resilience::registry::{Full, Registry},
    rt::{Rt, TaskName},
};

/// One budget per dependency, made when it is first asked for: those who call the same thing share its retries.
///
/// It is bounded: names should be those of hosts or services, not of requests. Clones are the same set.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::budget::{Budgets, Config};
///
/// let budgets = Budgets::new(&rt, Config { tokens_max: 1, ..Config::default() }, 100).unwrap();
/// budgets.get("payments").unwrap().begin().try_retry().unwrap();
/// assert!(budgets.get("payments").unwrap().begin().try_retry().is_err());
/// assert!(budgets.get("catalogue").unwrap().begin().try_retry().is_ok());
/// # });
/// ```
#[derive(Clone)]
pub struct Budgets {
    inner: Arc<Inner>,
}

struct Inner {
    rt: Rt,
    config: Config,
    budgets: Registry<Budget>,
}

/// There are as many budgets as may be, and none of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no retry budget for `{name}`: there are {budgets_max} already, as many as may be; remove some, or raise `budgets_max`"
)]
#[non_exhaustive]
pub struct TooManyBudgets {
    /// What was asked for.
    pub name: TaskName,
    /// How many there may be.
    pub budgets_max: usize,
}

impl Budgets {
    /// An empty set of at most `budgets_max` budgets of tokens (1 to 1,000,000, some 200 bytes each), all with that config.
    ///
    /// # Errors
    ///
    /// If a field of `config`, or `budgets_max`, is out of range.
    pub fn new(rt: &Rt, config: Config, budgets_max: usize) -> Result<Self, ConfigError> {
        config.check()?;
        let budgets = Registry::new("resilience::budget::Budgets::budgets_max", budgets_max)?;
        let inner = Inner { rt: rt.clone(), config, budgets };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The budget of that name, made now if there is none.
    ///
    /// # Errors
    ///
    /// If there is none and there are as many as may be.
    pub fn get(&self, name: impl Into<TaskName>) -> Result<Budget, TooManyBudgets> {
        let Inner { rt, config, budgets } = &*self.inner;
        Ok(budgets.get_or_make(name.into(), |_| Budget::new(rt, *config))?)
    }

    /// Puts a budget of another config or kind under that name, and returns the one that was there.
    ///
    /// # Errors
    ///
    /// If there was none and there are as many as may be.
    pub fn insert(
        &self,
        name: impl Into<TaskName>,
        budget: Budget,
    ) -> Result<Option<Budget>, TooManyBudgets> {
        Ok(self.inner.budgets.insert(name.into(), budget)?)
    }

    /// Takes the budget of that name out. Who has a clone of it keeps it.
    pub fn remove(&self, name: &str) -> Option<Budget> {
        self.inner.budgets.remove(name)
    }

    /// Whether there is room for those of `names` that are not there yet.
    pub(in crate::resilience) fn room_for<'a>(
        &self,
        names: impl IntoIterator<Item = &'a TaskName>,
    ) -> Result<(), TooManyBudgets> {
        Ok(self.inner.budgets.room_for(names)?)
    }

    /// All there are, by name.
    pub fn all(&self) -> Vec<(TaskName, Budget)> {
        self.inner.budgets.all()
    }
}

impl From<Full> for TooManyBudgets {
    fn from(full: Full) -> Self {
        Self { name: full.name, budgets_max: full.values_max }
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (budgets, budgets_max) = self.inner.budgets.size();
        f.debug_struct("Budgets")
            .field("budgets", &budgets)
            .field("budgets_max", &budgets_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::InFlight, *};
    use crate::testing;

    #[test]
    fn those_who_ask_for_the_same_dependency_share_a_budget() {
        testing::run(1, |rt| async move {
            let budgets = Budgets::new(&rt, Config::default(), 9).unwrap();
            drop(budgets.get("a").unwrap().begin().try_retry().unwrap());
            let granted = |name: &'static str| budgets.clone().get(name).unwrap().stats().granted;
            assert_eq!((granted("a"), granted("b")), (1, 0));
            let names: Vec<_> = budgets.all().into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["a", "b"]);
        });
    }

    #[test]
    fn a_set_of_budgets_is_bounded() {
        testing::run(1, |rt| async move {
            let budgets = Budgets::new(&rt, Config::default(), 2).unwrap();
            assert!(budgets.get("a").is_ok() && budgets.get("b").is_ok());
            let shown = "Budgets { budgets: 2, budgets_max: 2, .. }";
            assert_eq!(format!("{budgets:?}"), shown, "none of them is asked under the lock of the set");
            let error = budgets.get("c").unwrap_err();
            assert!(error.to_string().starts_with("no retry budget for `c`: there are 2 already"), "{error}");
            let own = Budget::in_flight(&rt, InFlight { retries_min: 7, ..InFlight::default() }).unwrap();
            assert_eq!(budgets.insert("c", own.clone()).unwrap_err(), error);
            assert!(budgets.insert("a", own.clone()).unwrap().is_some());
            assert_eq!(budgets.get("a").unwrap().stats().available, 7);
            assert!(budgets.remove("a").is_some() && budgets.remove("a").is_none());
            assert!(budgets.insert("c", own).unwrap().is_none());
            for budgets_max in [0, 1_000_001] {
                assert!(Budgets::new(&rt, Config::default(), budgets_max).is_err());
            }
            let config = Config { ratio: f64::NAN, ..Config::default() };
            assert_eq!(Budgets::new(&rt, config, 1).unwrap_err().field, "resilience::budget::Config::ratio");
        });
    }
}
