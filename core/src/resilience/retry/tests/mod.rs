//! The laws of retries, each with a test that goes red when it is broken.

mod budget;
mod dropping;
mod first_success;
mod machine;
mod nested;
mod pauses;
mod stopping;

use super::super::tests::{Count, SECOND, retry, steady};
