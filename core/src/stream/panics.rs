use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs code of a user. What it said, if it panicked.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(message)
}

/// What a panic said.
pub(super) fn message(payload: Box<dyn Any + Send>) -> String {
    let panic = crate::rt::Panic::new("", payload);
    let message = panic.message();
    // A payload may panic once more when it is dropped.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    message
}
