//! What the simulation has found, each as small as it can be.

use super::*;
use crate::{
    resilience::breaker,
    time::{Backoff, Jitter},
};

#[test]
fn what_an_earlier_attempt_may_have_done_is_not_forgotten_by_a_later_one() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::hang()).await;
        let breaker = breaker::Config {
            window: breaker::Window::Consecutive { failures: 1 },
            open_for: Backoff {
                initial: secs(60),
                max: secs(60),
                jitter: Jitter::None,
                ..Default::default()
            },
            ..Default::default()
        };
        let timeouts = Timeouts { first_byte: Some(secs(1)), ..Timeouts::default() };
        let client = client(&rt, Config { breaker: Some(breaker), timeouts, ..config() });
        let error = client.put(server.url("/")).body("a").send().await.unwrap_err();
        // The second attempt was never sent, but the first one was.
        assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{error:?}");
        assert!(error.may_have_been_sent(), "{error:?}");
        let sent = error.report().attempts().iter().map(|attempt| attempt.may_have_been_sent);
        assert_eq!(sent.collect::<Vec<_>>(), [true, false], "{error:?}");
    });
}
