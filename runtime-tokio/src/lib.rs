//! The tokio binding of Seaworthy.
