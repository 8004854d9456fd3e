//! Code of strangers, for the tests of all components: it panics, and it comes back from where it is called.

mod events;
mod wakers;

pub(crate) use events::EveryText;
pub(crate) use wakers::{grumpy, meddling};
