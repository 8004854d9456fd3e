use std::{io, num::NonZero, thread::available_parallelism, time::Duration};

/// How [`run_with`](crate::run_with) sets its runtime up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How many threads run tasks, the caller's among them. Default: `None`, one for each core. At least 1.
    pub worker_threads: Option<usize>,
    /// How long the end waits for blocking jobs that are still running. Default: 5 s.
    ///
    /// A running job cannot be stopped. One that is stuck, on the keyboard for instance, holds up the end of the program
    /// for this long and is then left behind.
    #[cfg_attr(feature = "serde", serde(with = "seaworthy_core::time::text"))]
    pub shutdown_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { worker_threads: None, shutdown_timeout: Duration::from_secs(5) }
    }
}

impl Config {
    pub(crate) fn threads(self) -> io::Result<usize> {
        match self.worker_threads {
            Some(0) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "`worker_threads` is 0: it must be at least 1, or None for one for each core",
            )),
            Some(threads) => Ok(threads),
            None => Ok(available_parallelism().map_or(1, NonZero::get)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_config_is_refused_by_the_name_of_its_field() {
        let config = Config { worker_threads: Some(0), ..Config::default() };
        let error = config.threads().expect_err("no threads");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("`worker_threads` is 0"));
    }
}
