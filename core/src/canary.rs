//! Planted bugs, to prove that the simulation finds bugs.
//!
//! They exist in builds with `--cfg seaworthy_canary` alone. No feature switches that on, so no build of a product can by
//! accident; and even then a bug sleeps until `SEAWORTHY_CANARY` names it.

/// Whether the planted bug `name` is on. Without `--cfg seaworthy_canary` it is a constant, and the bug is not compiled.
#[cfg(not(seaworthy_canary))]
pub(crate) const fn is_on(_name: &str) -> bool {
    false
}

/// Whether the planted bug `name` is on.
#[cfg(seaworthy_canary)]
pub(crate) fn is_on(name: &str) -> bool {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("SEAWORTHY_CANARY").ok()).as_deref() == Some(name)
}
