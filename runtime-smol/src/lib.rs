//! The smol binding of Seaworthy.
