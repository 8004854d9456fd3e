use std::{
    sync::Arc,
    task::{Wake, Waker},
};

struct Meddling<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Meddling<F> {
    fn wake(self: Arc<Self>) {
        self.0();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Meddling<F> {
    fn drop(&mut self) {
        self.0();
    }
}

/// A waker that does `meddle` when it is woken, and when the last of it is dropped.
pub(crate) fn meddling(meddle: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Meddling(meddle)))
}

struct Grumpy;

impl Wake for Grumpy {
    fn wake(self: Arc<Self>) {
        panic!("let me sleep");
    }
}

/// A waker that panics when it is woken.
pub(crate) fn grumpy() -> Waker {
    Waker::from(Arc::new(Grumpy))
}
