//! What the crates must do together.

mod conformance;
mod dependencies;
