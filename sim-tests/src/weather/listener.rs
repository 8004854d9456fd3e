use std::{
    io,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{FutureExt, task::AtomicWaker};
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Listener, Sleep};

use super::{connection::HostConnection, host::bit, runtime::HostRuntime, strike, wire::Side};
use crate::fault::FaultKind;

const HOLDS_ACCEPTS: u64 = bit(FaultKind::AcceptStall) | bit(FaultKind::AcceptError);

/// How often at most accepting fails. A server that tries again at once must not keep time from passing.
const ERROR_EVERY: Duration = Duration::from_millis(50);

/// A listening socket of a host, with the weather around it.
pub(super) struct HostListener {
    runtime: HostRuntime,
    inner: BoxListener,
    /// Accepted, and not handed out while a fault forbids it: only so it is known that the fault made a difference.
    waiting: Option<(BoxConnection, Address)>,
    /// When accepting may fail again.
    again: Option<Sleep>,
    seat: Seat,
}

struct Seat {
    runtime: HostRuntime,
    number: u64,
    waker: Arc<AtomicWaker>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.runtime.host.remove_acceptor(self.number);
    }
}

impl HostListener {
    pub(super) fn new(runtime: HostRuntime, inner: BoxListener) -> Self {
        let (number, waker) = runtime.host.add_acceptor();
        let seat = Seat { runtime: runtime.clone(), number, waker };
        Self { runtime, inner, waiting: None, again: None, seat }
    }

    /// The next connection while a fault is under way that keeps it from the host.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.seat.waker.register(cx.waker());
        let is_new = self.waiting.is_none();
        if is_new {
            match ready!(self.inner.poll_accept(cx)) {
                Ok(accepted) => self.waiting = Some(accepted),
                Err(error) => return Poll::Ready(error),
            }
        }
        let HostRuntime { sim, host, inner, .. } = &self.runtime;
        if let Some(stall) = host.fault(FaultKind::AcceptStall) {
            if is_new {
                strike(sim, stall.index);
            }
            return Poll::Pending;
        }
        if let Some(again) = &mut self.again {
            ready!(again.poll_unpin(cx));
        }
        let Some(fault) = host.fault(FaultKind::AcceptError) else { return Poll::Pending };
        strike(sim, fault.index);
        self.again = Some(inner.sleep(ERROR_EVERY));
        Poll::Ready(io::Error::other("too many open files"))
    }
}

impl Listener for HostListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        if self.runtime.host.kinds() & HOLDS_ACCEPTS != 0 {
            return self.poll_held(cx).map(Err);
        }
        let accepted = match self.waiting.take() {
            Some(accepted) => accepted,
            None => match self.inner.poll_accept(cx) {
                Poll::Ready(accepted) => accepted?,
                Poll::Pending => {
                    // For when a fault begins and is over again while nobody comes by.
                    self.seat.waker.register(cx.waker());
                    return Poll::Pending;
                }
            },
        };
        let (connection, peer) = accepted;
        let connection = HostConnection::wrap(self.runtime.clone(), connection, Side::Server)?;
        Poll::Ready(Ok((connection, peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.inner.local_addr()
    }
}
