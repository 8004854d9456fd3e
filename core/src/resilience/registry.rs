//! Values by name, bounded: what sets of breakers and of budgets have in common.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use crate::{ConfigError, rt::TaskName};

/// At most so many values, each under a name of its own. Values are shared: each is a handle that is cloned.
#[derive(Debug)]
pub(super) struct Registry<V> {
    values_max: usize,
    values: Mutex<BTreeMap<TaskName, V>>,
}

/// There are as many as may be, and none of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) name: TaskName,
    pub(super) values_max: usize,
}

impl<V: Clone> Registry<V> {
    /// An empty one for at most `values_max`, which is what `field` says.
    pub(super) fn new(field: &'static str, values_max: usize) -> Result<Self, ConfigError> {
        if !(1..=1_000_000).contains(&values_max) {
            return Err(ConfigError::new(field, values_max, "1 to 1000000"));
        }
        Ok(Self { values_max, values: Mutex::default() })
    }

    /// The value of that name, or what `make` makes.
    ///
    /// It is made without the lock, for it asks the runtime. If another was quicker, it is dropped, also without the lock.
    pub(super) fn get_or_make(
        &self,
        name: TaskName,
        make: impl FnOnce(TaskName) -> Result<V, ConfigError>,
    ) -> Result<V, Full> {
        if let Some(value) = self.values.lock().get(&name) {
            return Ok(value.clone());
        }
        let made = make(name.clone()).expect("the config was checked with the set");
        let mut values = self.values.lock();
        if let Some(value) = values.get(&name) {
            return Ok(value.clone());
        }
        self.has_room(&values, &name)?;
        values.insert(name, made.clone());
        Ok(made)
    }

    /// Puts a value under that name, and returns the one that was there.
    pub(super) fn insert(&self, name: TaskName, value: V) -> Result<Option<V>, Full> {
        let mut values = self.values.lock();
        if !values.contains_key(&name) {
            self.has_room(&values, &name)?;
        }
        Ok(values.insert(name, value))
    }

    pub(super) fn remove(&self, name: &str) -> Option<V> {
        self.values.lock().remove(name)
    }

    /// Whether there is room for those of `names` that are not there yet.
    pub(super) fn room_for<'a>(&self, names: impl IntoIterator<Item = &'a TaskName>) -> Result<(), Full> {
        let values_max = self.values_max;
        let values = self.values.lock();
        let mut new = BTreeSet::new();
        for name in names {
            if !values.contains_key(name) && new.insert(name) && values.len() + new.len() > values_max {
                return Err(Full { name: name.clone(), values_max });
            }
        }
        Ok(())
    }

    /// All there are, by name.
    pub(super) fn all(&self) -> Vec<(TaskName, V)> {
        self.values.lock().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// How many there are, and may be. To show each is to ask it, which must not be done under the lock.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.values.lock().len(), self.values_max)
    }

    fn has_room(&self, values: &BTreeMap<TaskName, V>, name: &TaskName) -> Result<(), Full> {
        let values_max = self.values_max;
        if values.len() < values_max { Ok(()) } else { Err(Full { name: name.clone(), values_max }) }
    }
}
