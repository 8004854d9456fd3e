//! What may cross and be shared between threads. Whoever takes that from a public type breaks its users' builds; here it
//! breaks ours first.

use std::cell::Cell;

use crate::{rt, stream, task, time, wait};

/// What a task may return: it may be sent, and need not be shared.
type Value = Cell<u8>;

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
