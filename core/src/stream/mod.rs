//! Streams: generators, merging, batches, and concurrent mapping.
