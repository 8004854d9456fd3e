//! Streams: generators, merging, sharing, batches, and concurrent mapping.
//!
//! | for | there is |
//! |---|---|
//! | a stream out of an async function | [`generate`], [`try_generate`] |
//! | many streams as one | [`merge()`], [`Merge`] |
//! | one stream for several readers | [`tee()`], [`Tee`] |
//! | items in batches, by count, bytes and time | [`batches`](RtStreamExt::batches), [`try_batches`](RtStreamExt::try_batches) |
//! | tasks that work on the items, a few at once | [`map_concurrent`](RtStreamExt::map_concurrent) |
//! | a time limit for each item | [`timeout_each`](RtStreamExt::timeout_each) |
//! | the latest item now and then | [`sample`](RtStreamExt::sample) |
//! | so many items a second | [`RateLimiter::throttle`](crate::limit::RateLimiter::throttle) |
//!
//! But for `map_concurrent` they run in the task that reads them: no channel and no task is between a source and its
//! reader. They let other tasks run once in 128 polls or 1,024 items that had no need to wait.
//!
//! # Laws
//!
//! 1. [`merge()`]: a source is polled when it is new, when it was woken, and after it gave an item, however many there are.
//! 2. [`merge()`]: a source gives at most [`turn_items_max`](Merge::turn_items_max) items in a row. Then every other that was
//!    woken before has a turn.
//! 3. [`merge()`]: items of a source come in order, each once. A source that ends is named, and so is one that panics; both are
//!    removed, and the others go on. A late wake of a source that is gone harms nobody.
//! 4. [`merge()`]: inserting a source, and removing the last, wakes whoever waits.
//! 5. [`generate`]: one item is in flight; [`send`](Out::send) returns when it was taken. An item that is not taken comes back to
//!    its sender, or is dropped with the send.
//! 6. [`tee()`]: every reader gets every item, in order, or is told how many it missed. At most
//!    [`lag_max`](tee::Config::lag_max) items are kept. No reader depends on another one being polled, but for this: with
//!    [`OnLag::Wait`](tee::OnLag::Wait), the default, the fastest waits for the slowest once that lags as far as it may.
//! 7. A batch is never empty. Its clock starts at its first item; it is handed over at `items_max`, `bytes_max` or `wait_max`,
//!    whichever comes first, also when the source is always ready. An item larger than `bytes_max` goes alone.
//! 8. End and error of a source flush what is collected, in order, before they are told.
//! 9. [`map_concurrent`](RtStreamExt::map_concurrent): tasks go on while the reader does something else; a panic is the
//!    failure of its item alone.
//! 10. A dropped `next` loses nothing. Configured sizes allocate nothing ahead.
//!
//! # Events
//!
//! A source that panics is also a [`tracing`] event at the level of a warning: `seaworthy.stream.panicked`.

mod batches;
mod ext;
mod generate;
mod map_concurrent;
mod merge;
mod pace;
mod panics;
mod sample;
#[cfg(test)]
mod script;
pub mod tee;
mod timeout_each;
mod timer;

pub use batches::{Batch, BatchStats, Batches, Size, TryBatches, Uncounted};
pub use ext::RtStreamExt;
pub use futures::stream::BoxStream;
pub use generate::{Generate, Out, Sending, Sent, TryGenerate, generate, try_generate};
pub use map_concurrent::{Concurrency, MapConcurrent, MapStats, Order};
pub use merge::{Event, Items, Merge, MergeStats, merge};
pub use sample::{Sample, SampleStats};
pub use tee::{Tee, TeeError, TeeStats, tee};
pub use timeout_each::TimeoutEach;
