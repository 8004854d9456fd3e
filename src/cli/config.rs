use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Failure, host::Kind};

/// The config file: what the flags and the environment leave open.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) runtime: Option<Kind>,
    pub(crate) tour: Tour,
}

/// The section of `seaworthy tour`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tour {
    pub(crate) dir: Option<PathBuf>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) json: Option<bool>,
}

impl File {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            let what = format!("the config file `{}` cannot be read", path.display());
            Failure::usage(
                what,
                error,
                "name a readable TOML file, or leave out --config and SEAWORTHY_CONFIG",
            )
        })?;
        toml::from_str(&text).map_err(|error| {
            let what = format!("the config file `{}` is refused", path.display());
            Failure::usage(what, error, "correct it; `seaworthy tour --help` shows the keys")
        })
    }
}
