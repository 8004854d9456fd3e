//! Many seeds, each in a process of its own, and what comes of them together.

mod summary;

pub use summary::{Broken, Count, Row, Shown, Summary};
