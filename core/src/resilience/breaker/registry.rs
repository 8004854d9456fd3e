use std::{fmt, sync::Arc};

use super::{CircuitBreaker, Config};
use crate::{
    ConfigError,
    resilience::registry::{Full, Registry},
    rt::{Rt, TaskName},
};

/// One breaker per dependency, made when it is first asked for: those who call the same thing share what they know of it.
///
/// It is bounded: names should be those of hosts or services, not of requests. Clones are the same set.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::breaker::{Breakers, Config};
///
/// let breakers = Breakers::new(&rt, Config::default(), 100).unwrap();
/// breakers.get("payments").unwrap().force_open();
/// assert!(breakers.get("payments").unwrap().check().is_err());
/// assert!(breakers.get("catalogue").unwrap().check().is_ok());
/// # });
/// ```
#[derive(Clone)]
pub struct Breakers {
    inner: Arc<Inner>,
}

struct Inner {
    rt: Rt,
    config: Config,
    breakers: Registry<CircuitBreaker>,
}

/// There are as many breakers as may be, and none of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no breaker for `{name}`: there are {breakers_max} already, as many as may be; remove some, or raise `breakers_max`"
)]
#[non_exhaustive]
pub struct TooManyBreakers {
    /// What was asked for.
    pub name: TaskName,
    /// How many there may be.
    pub breakers_max: usize,
}

impl Breakers {
    /// An empty set of at most `breakers_max` breakers (1 to 1,000,000, some KiB each), all with that config.
    ///
    /// # Errors
    ///
    /// If a field of `config`, or `breakers_max`, is out of range.
    pub fn new(rt: &Rt, config: Config, breakers_max: usize) -> Result<Self, ConfigError> {
        config.check()?;
        let breakers = Registry::new("resilience::breaker::Breakers::breakers_max", breakers_max)?;
        let inner = Inner { rt: rt.clone(), config, breakers };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The breaker of that name, made now if there is none.
    ///
    /// # Errors
    ///
    /// If there is none and there are as many as may be.
    pub fn get(&self, name: impl Into<TaskName>) -> Result<CircuitBreaker, TooManyBreakers> {
        let Inner { rt, config, breakers } = &*self.inner;
        Ok(breakers.get_or_make(name.into(), |name| CircuitBreaker::new(rt, name, config.clone()))?)
    }

    /// Puts a breaker with a config of its own under its name, and returns the one that was there.
    ///
    /// # Errors
    ///
    /// If there was none and there are as many as may be.
    pub fn insert(&self, breaker: CircuitBreaker) -> Result<Option<CircuitBreaker>, TooManyBreakers> {
        Ok(self.inner.breakers.insert(breaker.name().clone(), breaker)?)
    }

    /// Takes the breaker of that name out. Who has a clone of it keeps it.
    pub fn remove(&self, name: &str) -> Option<CircuitBreaker> {
        self.inner.breakers.remove(name)
    }

    /// Whether there is room for those of `names` that are not there yet.
    pub(in crate::resilience) fn room_for<'a>(
        &self,
        names: impl IntoIterator<Item = &'a TaskName>,
    ) -> Result<(), TooManyBreakers> {
        Ok(self.inner.breakers.room_for(names)?)
    }

    /// All there are, by name.
    pub fn all(&self) -> Vec<CircuitBreaker> {
        self.inner.breakers.all().into_iter().map(|(_, breaker)| breaker).collect()
    }
}

impl From<Full> for TooManyBreakers {
    fn from(full: Full) -> Self {
        Self { name: full.name, breakers_max: full.values_max }
    }
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (breakers, breakers_max) = self.inner.breakers.size();
        f.debug_struct("Breakers")
            .field("breakers", &breakers)
            .field("breakers_max", &breakers_max)
            .finish_non_exhaustive()
    }
}
