//! The laws of tasks, each with a test that goes red when it is broken.

mod laws;
mod machine;
mod queue;
mod storm;
