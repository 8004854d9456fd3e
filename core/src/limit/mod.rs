//! How much at once and how much per second: rate limiters and bulkheads.
