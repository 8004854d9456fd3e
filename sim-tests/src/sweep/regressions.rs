//! Schedules that once failed, one in a file, run first in each sweep.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::seeds;
use crate::{engine::Engine, fault::Schedule, outcome::Outcome};

/// A schedule that once failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Regression {
    pub(crate) scenario: String,
    pub(crate) engine: Engine,
    #[serde(with = "text")]
    pub(crate) seed: u64,
    /// What failed then: a law, or a kind of end.
    pub(crate) failed: String,
    pub(crate) schedule: Schedule,
}

impl Regression {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            scenario: outcome.scenario.clone(),
            engine: outcome.engine,
            seed: outcome.seed,
            failed: outcome.verdict.signature().to_owned(),
            schedule: outcome.schedule.clone(),
        }
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}-{}.json", self.scenario, self.engine, seeds::show(self.seed))
    }

    /// Writes it to its file in `folder`, which is made.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(self.file_name());
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }
}

/// All that are in `folder`, in the order of their names. A folder that is not there has none.
pub(crate) fn read(folder: &Path) -> Result<Vec<(PathBuf, Regression)>, String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("regressions cannot be read from {}: {error}", folder.display())),
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.into_iter().map(|path| parse(&path).map(|regression| (path, regression))).collect()
}

/// The schedule in a file: a regression, or faults alone.
pub(crate) fn read_schedule(path: &Path) -> Result<Schedule, String> {
    let text = text_of(path)?;
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text)
            .map_err(|error| format!("{} is no schedule: {error}", path.display()));
    }
    parse(path).map(|regression| regression.schedule)
}

fn parse(path: &Path) -> Result<Regression, String> {
    serde_json::from_str(&text_of(path)?)
        .map_err(|error| format!("{} is no regression: {error}", path.display()))
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// A seed as people write it.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::sweep::seeds;

    pub(super) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&seeds::show(*seed))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        seeds::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultKind};

    fn regression() -> Regression {
        let fault = Fault { at_ms: 1, lasts_ms: 2, kind: FaultKind::Bandwidth, on: "a".into(), size: 3 };
        Regression {
            scenario: "chat".into(),
            engine: Engine::Turmoil,
            seed: 0x1f3a,
            failed: "a law".into(),
            schedule: Schedule::new(vec![fault]),
        }
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("made");
        assert!(read(&inside).unwrap().is_empty());
        let path = regression().write(&inside).unwrap();
        assert!(path.ends_with("chat-turmoil-0x1f3a.json"));
        let kept = read(&inside).unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].1.seed, &kept[0].1.schedule), (0x1f3a, &regression().schedule));
        assert_eq!(read_schedule(&path).unwrap(), regression().schedule);
    }

    #[test]
    fn a_schedule_may_be_faults_alone_and_what_is_wrong_with_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.json");
        fs::write(&path, serde_json::to_string(&regression().schedule).unwrap()).unwrap();
        assert_eq!(read_schedule(&path).unwrap(), regression().schedule);
        fs::write(&path, "{}").unwrap();
        assert!(read(folder.path()).unwrap_err().contains("one.json"));
        assert!(read_schedule(&folder.path().join("none.json")).unwrap_err().contains("none.json"));
    }
}
