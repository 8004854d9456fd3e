use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use parking_lot::Mutex;

use super::{CircuitBreaker, Config};
use crate::{
    ConfigError,
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
    breakers_max: usize,
    breakers: Mutex<BTreeMap<TaskName, CircuitBreaker>>,
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
        if !(1..=1_000_000).contains(&breakers_max) {
            return Err(ConfigError::new(
                "resilience::breaker::Breakers::breakers_max",
                breakers_max,
                "1 to 1000000",
            ));
        }
        let inner = Inner { rt: rt.clone(), config, breakers_max, breakers: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The breaker of that name, made now if there is none.
    ///
    /// # Errors
    ///
    /// If there is none and there are as many as may be.
    pub fn get(&self, name: impl Into<TaskName>) -> Result<CircuitBreaker, TooManyBreakers> {
        let name = name.into();
        if let Some(breaker) = self.inner.breakers.lock().get(&name) {
            return Ok(breaker.clone());
        }
        // Made without the lock: it asks the runtime. If another was quicker, it is dropped, also without the lock.
        let made = CircuitBreaker::new(&self.inner.rt, name.clone(), self.inner.config.clone());
        let made = made.expect("the config was checked with the set");
        let mut breakers = self.inner.breakers.lock();
        if let Some(breaker) = breakers.get(&name) {
            return Ok(breaker.clone());
        }
        if breakers.len() >= self.inner.breakers_max {
            return Err(TooManyBreakers { name, breakers_max: self.inner.breakers_max });
        }
        breakers.insert(name, made.clone());
        Ok(made)
    }

    /// Puts a breaker with a config of its own under its name, and returns the one that was there.
    ///
    /// # Errors
    ///
    /// If there was none and there are as many as may be.
    pub fn insert(&self, breaker: CircuitBreaker) -> Result<Option<CircuitBreaker>, TooManyBreakers> {
        let name = breaker.name().clone();
        let breakers_max = self.inner.breakers_max;
        let mut breakers = self.inner.breakers.lock();
        if breakers.len() >= breakers_max && !breakers.contains_key(&name) {
            return Err(TooManyBreakers { name, breakers_max });
        }
        Ok(breakers.insert(name, breaker))
    }

    /// Takes the breaker of that name out. Who has a clone of it keeps it.
    pub fn remove(&self, name: &str) -> Option<CircuitBreaker> {
        self.inner.breakers.lock().remove(name)
    }

    /// Whether there is room for those of `names` that are not there yet.
    pub(in crate::resilience) fn room_for<'a>(
        &self,
        names: impl IntoIterator<Item = &'a TaskName>,
    ) -> Result<(), TooManyBreakers> {
        let breakers_max = self.inner.breakers_max;
        let breakers = self.inner.breakers.lock();
        let mut new = BTreeSet::new();
        for name in names {
            if !breakers.contains_key(name) && new.insert(name) && breakers.len() + new.len() > breakers_max {
                return Err(TooManyBreakers { name: name.clone(), breakers_max });
            }
        }
        Ok(())
    }

    /// All there are, by name.
    pub fn all(&self) -> Vec<CircuitBreaker> {
        self.inner.breakers.lock().values().cloned().collect()
    }
}

/// With how many there are: to show each is to ask it, which must not be done under the lock.
impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let breakers = self.inner.breakers.lock().len();
        f.debug_struct("Breakers")
            .field("breakers", &breakers)
            .field("breakers_max", &self.inner.breakers_max)
            .finish_non_exhaustive()
    }
}
