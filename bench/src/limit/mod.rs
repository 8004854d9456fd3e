//! So much per second.

pub(crate) mod try_acquire;
