use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{
    Table,
    machine::{self, Machine},
};

/// What came of one bench: `results/<bench>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    bench: String,
    machine: Machine,
    /// The versions of those that matter.
    versions: BTreeMap<String, String>,
    tables: Vec<Table>,
}

impl Results {
    /// `peers` are the packages whose versions matter.
    pub(crate) fn new(bench: &str, peers: &[&str], machine: &Machine, tables: Vec<Table>) -> Self {
        let (bench, machine) = (bench.to_owned(), machine.clone());
        Self { bench, machine, versions: machine::versions(peers), tables }
    }

    /// Writes its file, and `RESULTS.md` from the files of all.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let folder = here().join("results");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", self.bench.replace('/', ".")));
        fs::write(&file, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        refresh(&folder)
    }
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn refresh(folder: &Path) -> anyhow::Result<()> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let mut text = INTRODUCTION.to_owned();
    for file in files {
        let results: Results = serde_json::from_str(&fs::read_to_string(&file)?)
            .with_context(|| format!("cannot understand {}", file.display()))?;
        text += &results.to_string();
    }
    Ok(fs::write(here().join("RESULTS.md"), text)?)
}

const INTRODUCTION: &str = "\
# Results

Written by `just bench`; the figures behind it are in `results/`. Ours (in bold) and its peers run in one process, in
alternating rounds, on the same work. A ratio is taken within each round, to the best peer, and its median is shown: it
counts, an absolute figure does not, for machines are shared and noisy. An entrant in parentheses does less than the
others and is there to compare with. What loses stays in the table and says so.
";

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> =
            self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        writeln!(f, "\n## {}\n", self.bench)?;
        writeln!(f, "{}.\nPeers: {}.", self.machine, versions.join(", "))?;
        self.tables.iter().try_for_each(|table| write!(f, "\n{table}"))
    }
}
