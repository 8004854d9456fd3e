//! So much per second.

pub(crate) mod quota;
pub(crate) mod try_acquire;
