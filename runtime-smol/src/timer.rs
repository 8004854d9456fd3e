use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use seaworthy_core::rt::Timer;

pub(crate) struct SmolTimer(async_io::Timer);

impl SmolTimer {
    pub(crate) fn new(at: Instant) -> Self {
        Self(async_io::Timer::at(at))
    }
}

impl Future for SmolTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Timer for SmolTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0.set_at(at);
    }
}
