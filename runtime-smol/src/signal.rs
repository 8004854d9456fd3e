use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_signal::Signals;
use futures::Stream;
use seaworthy_core::rt::Signal;

#[cfg(unix)]
const CAUGHT: [async_signal::Signal; 2] = [async_signal::Signal::Int, async_signal::Signal::Term];
#[cfg(not(unix))]
const CAUGHT: [async_signal::Signal; 1] = [async_signal::Signal::Int];

/// Catches Ctrl-C and, on Unix, `SIGTERM`, from this call on.
///
/// The process is not ended by them any more, for the rest of its life: from now on it is the program that ends itself.
/// Await the future again (`(&mut signal).await`) to be told of the next one, say to give up waiting at a second Ctrl-C.
///
/// # Errors
///
/// If the system refuses the handler.
///
/// # Examples
///
/// ```no_run
/// seaworthy_smol::run(async |rt| {
///     let signal = seaworthy_smol::shutdown_signal()?;
///     let service = rt.spawn("service", std::future::pending::<()>());
///     println!("ending: {}", signal.await);
///     let _ended = service.cancel().await;
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub fn shutdown_signal() -> io::Result<ShutdownSignal> {
    Signals::new(CAUGHT).map(ShutdownSignal)
}

/// Ends with the next signal that asks the process to end, by [`shutdown_signal`]. It can be awaited again.
///
/// # Cancel safety
///
/// A signal that came before a poll is kept for it. Dropping the future changes nothing; the signals stay caught.
#[derive(Debug)]
#[must_use = "the signals are caught already; somebody has to wait for them"]
pub struct ShutdownSignal(Signals);

impl Future for ShutdownSignal {
    type Output = Signal;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Signal> {
        match ready!(Pin::new(&mut self.0).poll_next(cx)) {
            Some(Ok(async_signal::Signal::Int)) => Poll::Ready(Signal::Interrupt),
            Some(Ok(async_signal::Signal::Term)) => Poll::Ready(Signal::Terminate),
            // No other signal was asked for, the stream has no end, and a pipe of our own does not break.
            _ => Poll::Pending,
        }
    }
}
