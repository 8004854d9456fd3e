use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use seaworthy_core::rt::Signal;
use tokio::runtime::Handle;

/// Catches Ctrl-C and, on Unix, `SIGTERM`, from this call on.
///
/// The process is not ended by them any more, for the rest of its life: from now on it is the program that ends itself.
/// Await the future again (`(&mut signal).await`) to be told of the next one, say to give up waiting at a second Ctrl-C.
///
/// # Errors
///
/// If the caller is not on a tokio runtime with an I/O driver's thread, or the system refuses the handler.
///
/// # Panics
///
/// If the runtime was built without its I/O driver.
///
/// # Examples
///
/// ```no_run
/// seaworthy_tokio::run(async |rt| {
///     let signal = seaworthy_tokio::shutdown_signal()?;
///     let service = rt.spawn("service", std::future::pending::<()>());
///     println!("ending: {}", signal.await);
///     let _ended = service.cancel().await;
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub fn shutdown_signal() -> io::Result<ShutdownSignal> {
    Handle::try_current().map_err(io::Error::other)?;
    Signals::install().map(ShutdownSignal)
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
        self.0.poll(cx)
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        // `None` would be the end of the listener's stream, which has none.
        if let Poll::Ready(Some(())) = self.interrupt.poll_recv(cx) {
            return Poll::Ready(Signal::Interrupt);
        }
        if let Poll::Ready(Some(())) = self.terminate.poll_recv(cx) {
            return Poll::Ready(Signal::Terminate);
        }
        Poll::Pending
    }
}

#[cfg(windows)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        match self.interrupt.poll_recv(cx) {
            Poll::Ready(Some(())) => Poll::Ready(Signal::Interrupt),
            _ => Poll::Pending,
        }
    }
}
