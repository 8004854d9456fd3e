//! Every config is read from text as people write it.

use std::{fmt, time::Duration};

use seaworthy::{
    limit, pool, resilience,
    resilience::breaker,
    stream::{self, tee},
    task, time,
};
use serde::{Serialize, de::DeserializeOwned};

/// Reads `text`, and reads again what that is written as.
fn read<T: DeserializeOwned + Serialize + PartialEq + fmt::Debug>(text: &str) -> T {
    let value: T = serde_json::from_str(text).expect(text);
    let written = serde_json::to_string(&value).expect("it can be written");
    assert_eq!(serde_json::from_str::<T>(&written).expect("it can be read again"), value);
    value
}

#[test]
fn durations_are_text_and_missing_fields_keep_their_defaults() {
    let config: task::Config = read(
        r#"{ "concurrency": 3, "order": { "ageing": { "step": "1m 30s" } }, "on_failure": "cancel_all" }"#,
    );
    let order = task::Order::Ageing { step: Duration::from_secs(90) };
    let on_failure = task::OnFailure::CancelAll;
    assert_eq!(config, task::Config { concurrency: 3, order, on_failure, ..task::Config::default() });

    let config: tee::Config = read(r#"{ "lag_max": 8, "on_lag": "skip" }"#);
    assert_eq!(config, tee::Config { lag_max: 8, on_lag: tee::OnLag::Skip });

    let backoff: time::Backoff = read(r#"{ "initial": "50ms", "jitter": "equal" }"#);
    let expected = time::Backoff {
        initial: Duration::from_millis(50),
        jitter: time::Jitter::Equal,
        ..time::Backoff::default()
    };
    assert_eq!(backoff, expected);

    let policy: resilience::policy::Config = read(
        r#"{
            "deadline": "2s", "retry": { "attempts_max": 5, "retry_after_max": "1m", "nested": "multiply" },
            "budget": { "ratio": 0.2 }, "hedge": { "delay": "150ms" }, "attempt_timeout": null
        }"#,
    );
    let retry = resilience::retry::Config {
        attempts_max: 5,
        retry_after_max: Duration::from_secs(60),
        nested: resilience::retry::Nested::Multiply,
        ..resilience::retry::Config::default()
    };
    let budget = resilience::budget::Config { ratio: 0.2, ..resilience::budget::Config::default() };
    let hedge = resilience::policy::Hedge { delay: Duration::from_millis(150), hedges_max: 1 };
    let expected = resilience::policy::Config {
        deadline: Some(Duration::from_secs(2)),
        retry: Some(retry),
        budget: Some(budget),
        hedge: Some(hedge),
        ..resilience::policy::Config::default()
    };
    assert_eq!(policy, expected);

    let in_flight: resilience::budget::InFlight = read(r#"{ "retries_min": 7 }"#);
    let expected = resilience::budget::InFlight { retries_min: 7, ..resilience::budget::InFlight::default() };
    assert_eq!(in_flight, expected);

    let config: resilience::orchestrator::Config = read(r#"{ "mode": { "quorum": 3 }, "tasks_max": 9 }"#);
    let mode = resilience::orchestrator::Mode::Quorum(3);
    let expected = resilience::orchestrator::Config {
        mode,
        tasks_max: 9,
        ..resilience::orchestrator::Config::default()
    };
    assert_eq!(config, expected);
    let breaker: breaker::Config = read(
        r#"{ "window": { "time": { "span": "10s", "buckets": 5 } }, "slow_call_after": "2s", "probes": 3 }"#,
    );
    let window = breaker::Window::Time { span: Duration::from_secs(10), buckets: 5 };
    let slow_call_after = Some(Duration::from_secs(2));
    assert_eq!(breaker, breaker::Config { window, slow_call_after, probes: 3, ..breaker::Config::default() });
    let limit: limit::rate::Config =
        read(r#"{ "quota": { "tokens": 100, "period": "1m", "burst": 5 }, "catch_up_max": "2ms" }"#);
    let (quota, catch_up_max) = (limit::Quota::per_minute(100).burst(5), Duration::from_millis(2));
    assert_eq!(limit, limit::rate::Config { quota, catch_up_max, ..limit::rate::Config::default() });
    let keyed: limit::keyed::Config = read(r#"{ "keys_max": 9, "idle_after": "1h" }"#);
    let idle_after = Duration::from_secs(3600);
    assert_eq!(keyed, limit::keyed::Config { keys_max: 9, idle_after, ..limit::keyed::Config::default() });
    let bulkhead: limit::bulkhead::Config = read(r#"{ "permits": 3 }"#);
    assert_eq!(bulkhead, limit::bulkhead::Config { permits: 3, ..limit::bulkhead::Config::default() });
    let batch: stream::Batch = read(r#"{ "items_max": 7, "wait_max": "2s 500ms" }"#);
    let wait_max = Duration::from_millis(2500);
    assert_eq!(batch, stream::Batch { items_max: 7, wait_max, ..stream::Batch::default() });
    let batch: stream::Batch = read(r#"{ "bytes_max": 65536 }"#);
    assert_eq!(batch.bytes_max, Some(65_536));

    let concurrency: stream::Concurrency = read(r#"{ "tasks_max": 3, "order": "as_completed" }"#);
    let order = stream::Order::AsCompleted;
    assert_eq!(concurrency, stream::Concurrency { tasks_max: 3, order, ..stream::Concurrency::default() });
    let config: pool::Config = read(
        r#"{ "max": 3, "acquire_timeout": "2s", "idle_timeout": null, "order": "fifo", "lifetime_jitter_percent": 0,
             "check": { "after_idle": "1m" }, "connect_backoff": { "initial": "1s" } }"#,
    );
    let expected = pool::Config {
        max: 3,
        acquire_timeout: Some(Duration::from_secs(2)),
        idle_timeout: None,
        order: pool::Order::Fifo,
        lifetime_jitter_percent: 0,
        check: pool::Check::AfterIdle(Duration::from_secs(60)),
        connect_backoff: time::Backoff { initial: Duration::from_secs(1), ..time::Backoff::default() },
        ..pool::Config::default()
    };
    assert_eq!(config, expected);

    #[cfg(feature = "tokio")]
    {
        use seaworthy::tokio::{Config, Flavor};
        let config: Config = read(r#"{ "flavor": "current_thread", "shutdown_timeout": "500ms" }"#);
        let shutdown_timeout = Duration::from_millis(500);
        assert_eq!(config, Config { flavor: Flavor::CurrentThread, shutdown_timeout, ..Config::default() });
    }
    #[cfg(feature = "smol")]
    {
        use seaworthy::smol::Config;
        let config: Config = read(r#"{ "worker_threads": 2 }"#);
        assert_eq!(config, Config { worker_threads: Some(2), ..Config::default() });
    }
}

#[test]
fn nonsense_is_refused_with_what_is_wrong() {
    let refused = |text| serde_json::from_str::<time::Backoff>(text).expect_err(text).to_string();
    assert!(refused(r#"{ "initial": "5 parsecs" }"#).contains("`5 parsecs` is no duration like `500ms`"));
    assert!(refused(r#"{ "intial": "5s" }"#).contains("unknown field `intial`"));
}
