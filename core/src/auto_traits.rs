//! What may cross and be shared between threads. Whoever takes that from a public type breaks its users' builds; here it
//! breaks ours first.

use std::cell::Cell;

use crate::{limit, pool, resilience, resilience::breaker, rt, stream, task, time, wait};

/// What a task may return: it may be sent, and need not be shared.
type Value = Cell<u8>;

/// A manager of connections that need not be shared.
struct Dial;

#[derive(Debug, thiserror::Error)]
#[error("failed")]
struct Failed;

impl pool::Manager for Dial {
    type Connection = Value;
    type Error = Failed;

    async fn connect(&self) -> Result<Value, Failed> {
        Err(Failed)
    }

    fn is_broken(&self, _connection: &mut Value) -> bool {
        false
    }
}

const fn shared<T: Send + Sync + Unpin + 'static>() {}
const fn sent<T: Send + Unpin + 'static>() {}

const _: () = {
    shared::<rt::Rt>();
    shared::<rt::Task<Value>>();
    shared::<rt::Cancel<Value>>();
    shared::<rt::Shield<Value>>();
    shared::<rt::Scope>();
    shared::<rt::CancelToken>();
    shared::<rt::Cancelled>();
    shared::<rt::Sleep>();
    shared::<rt::Interval>();
    shared::<rt::Rng>();
    shared::<rt::JoinError>();
    shared::<rt::Endpoint>();
    sent::<rt::BoxConnection>();
    sent::<rt::BoxListener>();

    shared::<pool::Pool<Dial>>();
    sent::<pool::Get<'static, Dial>>();
    sent::<pool::Lease<Dial>>();
    shared::<pool::AcquireError<Failed>>();

    shared::<task::TaskManager>();
    shared::<task::Submitter>();
    shared::<task::Job<Value>>();
    shared::<task::CancelJob<Value>>();
    shared::<task::Events>();
    shared::<task::Reservation<'static>>();
    shared::<task::Report>();
    shared::<task::PriorityQueue<Value>>();
    shared::<task::Pop<'static, Value>>();
    shared::<wait::WaitQueue<u8>>();

    shared::<breaker::CircuitBreaker>();
    shared::<breaker::Breakers>();
    shared::<breaker::Permit<'static>>();
    shared::<breaker::OwnedPermit>();
    shared::<breaker::Events>();
    shared::<breaker::Rejected>();
    sent::<breaker::Call<'static, Value, fn()>>();

    shared::<limit::Bulkhead>();
    shared::<limit::Permit>();
    shared::<limit::RateLimiter>();
    shared::<limit::KeyedRateLimiter<String>>();
    shared::<limit::Acquiring>();
    sent::<limit::Throttle<futures::stream::Empty<Value>>>();
    shared::<limit::AcquireError>();
    shared::<limit::bulkhead::Acquiring>();
    shared::<limit::bulkhead::AcquireError>();

    shared::<resilience::Retry>();
    shared::<resilience::Attempt>();
    shared::<resilience::Budget>();
    shared::<resilience::budget::Budgets>();
    shared::<resilience::budget::Call<'static>>();
    shared::<resilience::budget::Permit<'static>>();
    sent::<resilience::retry::RetryError<Value>>();
    shared::<resilience::Policy>();
    sent::<resilience::PolicyError<Value>>();
    shared::<resilience::Orchestrator>();
    sent::<resilience::orchestrator::Plan<Value, Value>>();
    sent::<resilience::orchestrator::Report<Value, Value>>();
    shared::<stream::Merge<u8, rt::Task<Value>>>();
    shared::<stream::Items<u8, rt::Task<Value>>>();
    shared::<stream::Out<Value>>();
    sent::<stream::Sending<'static, Value>>();
    sent::<stream::Generate<'static, Value>>();
    sent::<stream::TryGenerate<'static, Value, Value>>();
    shared::<stream::Tee<stream::Generate<'static, u8>>>();
    shared::<stream::Batches<futures::stream::Iter<std::vec::IntoIter<u8>>>>();
    shared::<stream::TryBatches<futures::stream::Iter<std::vec::IntoIter<Result<u8, u8>>>>>();
    shared::<stream::TimeoutEach<futures::stream::Iter<std::vec::IntoIter<u8>>>>();
    shared::<stream::Sample<futures::stream::Iter<std::vec::IntoIter<u8>>>>();
    shared::<stream::MapConcurrent<Value>>();

    shared::<time::Deadline>();
    shared::<time::Phase>();
    shared::<time::DeadlineExceeded>();
    shared::<time::Delays>();
};

/// Futures of generic functions, which the compiler would only check at their users'.
#[expect(dead_code, reason = "it need only compile")]
fn futures_are_sent(retry: &resilience::Retry, policy: &resilience::Policy, runs: &resilience::Orchestrator) {
    fn is_sent<F: Future + Send>(_: F) {}
    is_sent(retry.run(|_| async { Ok::<_, Value>(Value::new(1)) }));
    is_sent(policy.call(|_| async { Ok::<_, Value>(Value::new(1)) }));
    is_sent(
        policy
            .clone()
            .hedge(resilience::policy::Hedge::default())
            .call(|_| async { Ok::<_, Value>(Value::new(1)) }),
    );
    is_sent(runs.run(resilience::orchestrator::Plan::<Value, Value>::new()));
}
