//! What the seam costs: the same through `Rt` and on the bare runtime.

pub(crate) mod echo;
pub(crate) mod spawn;
pub(crate) mod testing;
pub(crate) mod timers;
