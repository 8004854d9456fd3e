use std::{io, time::Duration};

use tokio::runtime::{Builder, Runtime};

/// How [`run_with`](crate::run_with) sets its runtime up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// Whether tasks run on several threads or on the caller's alone. Default: [`Flavor::MultiThread`].
    pub flavor: Flavor,
    /// How many threads run tasks, beside the caller's, which runs the root future. Default: `None`, one for each core.
    ///
    /// At least 1, and not to be set with [`Flavor::CurrentThread`].
    pub worker_threads: Option<usize>,
    /// How many threads there may be for blocking jobs; further jobs wait. Default: 512. At least 1.
    ///
    /// A thread is started when a job finds none idle, and ends after 10 s without one.
    pub blocking_threads_max: usize,
    /// How long the end waits for blocking jobs that are still running. Default: 5 s.
    ///
    /// A running job cannot be stopped. One that is stuck, on the keyboard for instance, holds up the end of the program
    /// for this long and is then left behind.
    #[cfg_attr(feature = "serde", serde(with = "seaworthy_core::time::text"))]
    pub shutdown_timeout: Duration,
}

/// Which of tokio's schedulers runs the tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Flavor {
    /// Worker threads that take work from each other.
    #[default]
    MultiThread,
    /// The thread that calls [`run_with`](crate::run_with), between the polls of the root future.
    CurrentThread,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            flavor: Flavor::default(),
            worker_threads: None,
            blocking_threads_max: 512,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

impl Config {
    pub(crate) fn build(&self) -> io::Result<Runtime> {
        self.check().map_err(|text| io::Error::new(io::ErrorKind::InvalidInput, text))?;
        let mut builder = match self.flavor {
            Flavor::MultiThread => Builder::new_multi_thread(),
            Flavor::CurrentThread => Builder::new_current_thread(),
        };
        if let Some(threads) = self.worker_threads {
            builder.worker_threads(threads);
        }
        builder.max_blocking_threads(self.blocking_threads_max).enable_all().build()
    }

    fn check(&self) -> Result<(), &'static str> {
        match (self.worker_threads, self.flavor) {
            (Some(0), _) => {
                Err("`worker_threads` is 0: it must be at least 1, or None for one for each core")
            }
            (Some(_), Flavor::CurrentThread) => {
                Err("`worker_threads` is set, but `flavor` is CurrentThread, which has none: set it to None")
            }
            _ if self.blocking_threads_max == 0 => Err("`blocking_threads_max` is 0: it must be at least 1"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal(config: Config) -> String {
        let error = config.build().expect_err("a bad config");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        error.to_string()
    }

    #[test]
    fn a_bad_config_is_refused_by_the_name_of_its_field() {
        let threads = Config { worker_threads: Some(0), ..Config::default() };
        assert!(refusal(threads).contains("`worker_threads` is 0"));
        let flavor = Config { flavor: Flavor::CurrentThread, worker_threads: Some(2), ..Config::default() };
        assert!(refusal(flavor).contains("`flavor` is CurrentThread"));
        let blocking = Config { blocking_threads_max: 0, ..Config::default() };
        assert!(refusal(blocking).contains("`blocking_threads_max` is 0"));
    }
}
