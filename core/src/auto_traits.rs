//! What may cross and be shared between threads. Whoever takes that from a public type breaks its users' builds; here it
//! breaks ours first.

use std::cell::Cell;

use crate::{limit, pool, rt, task, time, wait};

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

    shared::<limit::Bulkhead>();
    shared::<limit::Permit>();
    shared::<limit::RateLimiter>();
    shared::<limit::KeyedRateLimiter<String>>();
    shared::<limit::Acquiring>();
    sent::<limit::Throttle<futures::stream::Empty<Value>>>();
    shared::<limit::AcquireError>();
    shared::<limit::bulkhead::Acquiring>();
    shared::<limit::bulkhead::AcquireError>();

    shared::<time::Deadline>();
    shared::<time::Phase>();
    shared::<time::DeadlineExceeded>();
    shared::<time::Delays>();
};
