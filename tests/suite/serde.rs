//! Every config is read from text as people write it.

use std::{fmt, time::Duration};

use seaworthy::{limit, pool, task, time};
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

    let backoff: time::Backoff = read(r#"{ "initial": "50ms", "jitter": "equal" }"#);
    let expected = time::Backoff {
        initial: Duration::from_millis(50),
        jitter: time::Jitter::Equal,
        ..time::Backoff::default()
    };
    assert_eq!(backoff, expected);

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
    let limit: limit::rate::Config =
        read(r#"{ "quota": { "tokens": 100, "period": "1m", "burst": 5 }, "catch_up_max": "2ms" }"#);
    let (quota, catch_up_max) = (limit::Quota::per_minute(100).burst(5), Duration::from_millis(2));
    assert_eq!(limit, limit::rate::Config { quota, catch_up_max, ..limit::rate::Config::default() });
    let keyed: limit::keyed::Config = read(r#"{ "keys_max": 9, "idle_after": "1h" }"#);
    let idle_after = Duration::from_secs(3600);
    assert_eq!(keyed, limit::keyed::Config { keys_max: 9, idle_after, ..limit::keyed::Config::default() });
    let bulkhead: limit::bulkhead::Config = read(r#"{ "permits": 3 }"#);
    assert_eq!(bulkhead, limit::bulkhead::Config { permits: 3, ..limit::bulkhead::Config::default() });

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
