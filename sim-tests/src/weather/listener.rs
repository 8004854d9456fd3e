use std::{
    io,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::FutureExt;
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Listener, Sleep};

use super::{
    connection::HostConnection,
    host::{Acceptor, bit},
    runtime::HostRuntime,
    strike,
    wire::Side,
};
use crate::fault::FaultKind;

const HOLDS_ACCEPTS: u64 = bit(FaultKind::AcceptStall) | bit(FaultKind::AcceptError);

/// How often at most accepting fails. A server that tries again at once must not keep time from passing.
const ERROR_EVERY: Duration = Duration::from_millis(50);

/// A listening socket of a host, with the weather around it.
pub(super) struct HostListener {
    runtime: HostRuntime,
    local: Option<Address>,
    /// Accepted, and not handed out while a fault forbids it: only so it is known that the fault made a difference.
    waiting: Option<(BoxConnection, Address)>,
    /// When accepting may fail again.
    again: Option<Sleep>,
    seat: Seat,
}

struct Seat {
    runtime: HostRuntime,
    number: u64,
    acceptor: Arc<Acceptor>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.runtime.host.remove_acceptor(self.number);
    }
}

impl HostListener {
    pub(super) fn new(runtime: HostRuntime, inner: BoxListener) -> Self {
        let local = inner.local_addr().ok();
        let (number, acceptor) = runtime.host.add_acceptor(inner);
        let seat = Seat { runtime: runtime.clone(), number, acceptor };
        Self { runtime, local, waiting: None, again: None, seat }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let acceptor = &self.seat.acceptor;
        // Registered first, looked then: an end in between is not missed, nor a fault that comes and goes.
        acceptor.waker.register(cx.waker());
        // Taken out while it is polled: that runs code of others, and not under the lock.
        let inner = acceptor.inner.lock().take();
        let Some(mut inner) = inner.filter(|_| !self.runtime.host.is_over(self.runtime.life)) else {
            return Poll::Ready(self.runtime.check_alive().and(Err(io::ErrorKind::NotConnected.into())));
        };
        let accepted = inner.poll_accept(cx);
        *acceptor.inner.lock() = Some(inner);
        accepted
    }

    /// The next connection while a fault is under way that keeps it from the host.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.seat.acceptor.waker.register(cx.waker());
        let is_new = self.waiting.is_none();
        if is_new {
            match ready!(self.poll_inner(cx)) {
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
            None => ready!(self.poll_inner(cx))?,
        };
        let (connection, peer) = accepted;
        let connection = HostConnection::wrap(self.runtime.clone(), connection, Side::Server)?;
        Poll::Ready(Ok((connection, peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.local.clone().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}
