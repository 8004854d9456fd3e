//! The laws of batches, each with a test that goes red when it is broken.

mod bounds;
mod clock;
mod dropping;
mod ending;
mod machine;
mod user_code;

use super::Batch;
use crate::stream::script::SECOND;

fn by_count(items_max: usize) -> Batch {
    Batch { items_max, wait_max: SECOND, ..Batch::default() }
}
