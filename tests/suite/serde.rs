//! Every config is read from text as people write it.

use std::{fmt, time::Duration};

use seaworthy::{
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

    let batch: stream::Batch = read(r#"{ "items_max": 7, "wait_max": "2s 500ms" }"#);
    let wait_max = Duration::from_millis(2500);
    assert_eq!(batch, stream::Batch { items_max: 7, wait_max, ..stream::Batch::default() });
    let batch: stream::Batch = read(r#"{ "bytes_max": 65536 }"#);
    assert_eq!(batch.bytes_max, Some(65_536));

    let concurrency: stream::Concurrency = read(r#"{ "tasks_max": 3, "order": "as_completed" }"#);
    let order = stream::Order::AsCompleted;
    assert_eq!(concurrency, stream::Concurrency { tasks_max: 3, order, ..stream::Concurrency::default() });

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
