use std::time::Duration;

use super::{Hedge, Policy};
use crate::{
    ConfigError,
    limit::{Bulkhead, RateLimiter, bulkhead, rate},
    resilience::{Budget, CircuitBreaker, Retry, breaker, budget, retry},
    rt::{Rt, TaskName},
};

/// A whole [`Policy`] as plain data, as it comes from a file: what is missing is not there. Checked once, when it is made.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::{Policy, policy::Config};
///
/// let config: Config = serde_json::from_str(r#"{
///     "deadline": "2s",
///     "retry": { "attempts_max": 4, "backoff": { "initial": "50ms" } },
///     "budget": { "ratio": 0.2 },
///     "breaker": { "failure_percent": 30 },
///     "limiter": { "quota": { "tokens": 100, "period": "1s" } }
/// }"#).unwrap();
/// let policy = Policy::from_config(&rt, "payments", config).unwrap();
/// assert_eq!(policy.call(|_| async { Ok::<_, ()>("paid") }).await.unwrap(), "paid");
/// # });
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// The time limit of a call; more than zero. Default: none.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub deadline: Option<Duration>,
    /// How to try again. Default: not at all.
    pub retry: Option<retry::Config>,
    /// How many retries and hedges there may be in all; of use only with one of them. Default: no bound.
    pub budget: Option<budget::Config>,
    /// When to make a second attempt beside one that takes long; earlier than `attempt_timeout` and `deadline`. Default:
    /// never.
    pub hedge: Option<Hedge>,
    /// When to stop calling. Default: never.
    pub breaker: Option<breaker::Config>,
    /// How many attempts may be under way at once. Default: no bound.
    pub bulkhead: Option<bulkhead::Config>,
    /// How many attempts may begin per second. Default: no bound.
    pub limiter: Option<rate::Config>,
    /// The time limit of an attempt; more than zero and less than `deadline`. Default: none.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text::option"))]
    pub attempt_timeout: Option<Duration>,
}

impl Policy {
    /// A policy with parts of its own, as `config` says.
    ///
    /// # Errors
    ///
    /// If `config` is out of range, by field; that of a part is named as the part names it.
    pub fn from_config(rt: &Rt, name: impl Into<TaskName>, config: Config) -> Result<Self, ConfigError> {
        let Config { deadline, retry, budget, hedge, breaker, bulkhead, limiter, attempt_timeout } = config;
        positive("resilience::policy::Config::deadline", deadline)?;
        positive("resilience::policy::Config::attempt_timeout", attempt_timeout)?;
        let (limit, whose) = match (attempt_timeout, deadline) {
            (Some(attempt), Some(call)) if attempt >= call => {
                let field = "resilience::policy::Config::attempt_timeout";
                return Err(ConfigError::new(field, format_args!("{attempt:?}"), "less than `deadline`"));
            }
            (Some(attempt), _) => (Some(attempt), "more than zero and less than `attempt_timeout`"),
            (None, Some(call)) => (Some(call), "more than zero and less than `deadline`"),
            (None, None) => (None, "more than zero"),
        };
        if let Some(hedge) = hedge {
            hedge.check(limit, whose)?;
        }
        if budget.is_some() && retry.is_none() && hedge.is_none() {
            let allowed = "nothing without `retry` or `hedge`, which it bounds";
            return Err(ConfigError::new("resilience::policy::Config::budget", "set", allowed));
        }
        let mut policy = Self::new(rt, name);
        let layers = &mut policy.layers;
        if let Some(config) = retry {
            layers.retry = Retry::new(rt, config)?;
        }
        layers.retry.budget = budget.map(|config| Budget::new(rt, config)).transpose()?;
        let named = layers.name.clone();
        layers.breaker = breaker.map(|config| CircuitBreaker::new(rt, named, config)).transpose()?;
        layers.bulkhead = bulkhead.map(|config| Bulkhead::new(rt, config)).transpose()?;
        layers.limiter = limiter.map(|config| RateLimiter::with_config(rt, config)).transpose()?;
        (layers.deadline, layers.attempt_timeout) = (deadline, attempt_timeout);
        Ok(match hedge {
            Some(hedge) => policy.hedge(hedge),
            None => policy,
        })
    }
}

fn positive(field: &'static str, limit: Option<Duration>) -> Result<(), ConfigError> {
    if limit.is_some_and(|limit| limit.is_zero()) {
        return Err(ConfigError::new(field, "0s", "more than zero; without a limit, nothing"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limit::Quota, resilience::policy::Layer, testing::run};

    #[test]
    fn every_part_of_a_config_is_put_to_work() {
        run(1, |rt| async move {
            let second = Duration::from_secs(1);
            let part = |config| Policy::from_config(&rt, "backend", config).unwrap();
            let never = || std::future::pending::<Result<(), ()>>();
            let layer = async |config| part(config).call(|_| never()).await.unwrap_err().layer();
            let config = Config { deadline: Some(second), ..Config::default() };
            assert_eq!(layer(config.clone()).await, Layer::Deadline);
            let timed = Config { attempt_timeout: Some(second), ..Config::default() };
            assert_eq!(layer(timed).await, Layer::AttemptTimeout);
            let limited = Config { limiter: Some(Quota::paused().into()), ..config.clone() };
            assert_eq!(layer(limited).await, Layer::Limiter);
            let bulkhead = bulkhead::Config { permits: 1, waiters_max: 0, ..Default::default() };
            let full = part(Config {
                bulkhead: Some(bulkhead),
                hedge: Some(Hedge { delay: second / 2, hedges_max: 1 }),
                ..config
            });
            let error = full.call(|_| never()).await.unwrap_err();
            assert_eq!(
                (error.layer(), error.ledger.records().len(), full.stats().hedges),
                (Layer::Deadline, 2, 1)
            );
            let window = breaker::Window::Consecutive { failures: 1 };
            let breaker = breaker::Config { window, ..breaker::Config::default() };
            let budget = budget::Config { ratio: 0.0, tokens_max: 1, reserve_per_second: 0 };
            let retry = retry::Config { attempts_max: 9, ..retry::Config::default() };
            let config = Config { retry: Some(retry), budget: Some(budget), ..Config::default() };
            let retried = part(config).call(|_| async { Err::<(), _>(()) }).await.unwrap_err();
            assert_eq!((retried.ledger.attempts(), retried.stop), (2, retry::Stop::Budget));
            let broken = part(Config { breaker: Some(breaker), ..Config::default() });
            broken.call(|_| async { Err::<(), _>(()) }).await.unwrap_err();
            assert_eq!(broken.call(|_| never()).await.unwrap_err().layer(), Layer::Breaker);
        });
    }

    #[test]
    fn nonsense_is_refused_by_field() {
        run(1, |rt| async move {
            let refused = |config| Policy::from_config(&rt, "backend", config).expect_err("nonsense").field;
            let zero = Some(Duration::ZERO);
            let field = refused(Config { deadline: zero, ..Config::default() });
            assert_eq!(field, "resilience::policy::Config::deadline");
            let field = refused(Config { attempt_timeout: zero, ..Config::default() });
            assert_eq!(field, "resilience::policy::Config::attempt_timeout");
            let second = Some(Duration::from_secs(1));
            for deadline in [second, second.map(|limit| limit / 2)] {
                let field = refused(Config { deadline, attempt_timeout: second, ..Config::default() });
                assert_eq!(field, "resilience::policy::Config::attempt_timeout");
            }
            let hedge = |millis| Some(Hedge { delay: Duration::from_millis(millis), hedges_max: 1 });
            for (hedge, deadline, attempt_timeout) in
                [(hedge(0), None, None), (hedge(1000), second, None), (hedge(1000), None, second)]
            {
                let field = refused(Config { hedge, deadline, attempt_timeout, ..Config::default() });
                assert_eq!(field, "resilience::policy::Hedge::delay");
            }
            let none = Some(Hedge { hedges_max: 0, delay: Duration::ZERO });
            assert!(
                Policy::from_config(&rt, "unhedged", Config { hedge: none, ..Config::default() }).is_ok()
            );
            let good = Config { hedge: hedge(999), attempt_timeout: second, ..Config::default() };
            assert!(Policy::from_config(&rt, "hedged", good).is_ok());
            let field = refused(Config { budget: Some(budget::Config::default()), ..Config::default() });
            assert_eq!(field, "resilience::policy::Config::budget");
            let retry = retry::Config { attempts_max: 0, ..retry::Config::default() };
            let field = refused(Config { retry: Some(retry), ..Config::default() });
            assert_eq!(field, "resilience::retry::Config::attempts_max");
        });
    }
}
