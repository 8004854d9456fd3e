//! Streams: generators, merging, sharing, batches, and concurrent mapping.
//!
//! | for | there is |
//! |---|---|
//! | a stream out of an async function | [`generate`], [`try_generate`] |
//! | many streams as one | [`merge()`], [`Merge`] |
//! | one stream for several readers | [`tee()`], [`Tee`] |
//! | items in batches, by count, bytes and time | [`RtStreamExt::batches`], [`Batches`] |
//! | the newest item at a beat, a limit of time for each | [`RtStreamExt::sample`], [`RtStreamExt::timeout_each`] |
//! | work on several items at once, in tasks | [`RtStreamExt::map_concurrent`], [`MapConcurrent`] |
//!
//! All but the last run in the task that reads them: no channel and no task is between a source and its reader. The first three
//! are `Unpin`, and all let other tasks run now and then if a source never needs to wait.
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
//!    [`lag_max`](tee::Config::lag_max) items are kept. No reader depends on another one being polled.
//! 7. [`batches`](RtStreamExt::batches): a batch is never empty, and goes when it is full by count or bytes, or when its first
//!    item has waited long enough, whichever comes first. End and error hand over what is collected, in order, before they
//!    are told.
//! 8. A dropped `next` loses nothing.
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
