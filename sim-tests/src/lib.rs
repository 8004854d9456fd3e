//! Seaworthy inside turmoil.
