//! Runtimes with one fault each, around a good one, to see that the suite finds them.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io::{self, IoSlice},
    mem::ManuallyDrop,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, ready},
    time::{Duration, Instant, SystemTime},
};

use futures::{AsyncRead, AsyncWrite};

use crate::rt::{
    Address, BoxConnection, BoxFuture, BoxListener, Connection, Listener, Net, Panic, ReadBuf, Rt, Runtime,
    Sleep, Timer,
};

/// What is wrong with a [`Broken`] runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: the wrapper itself does no harm.
    None,
    /// Timers end a little early.
    EarlyTimers,
    /// A reset timer is set anew only when it is next polled, so its task is not woken.
    LazyResets,
    /// A timer that ended stays ended.
    OneShotTimers,
    /// Adds a year to each time, to be safe.
    OverflowingTimers,
    /// Tasks that are left at the end are forgotten.
    LeakedTasks,
    /// Blocking jobs are thrown away.
    LostJobs,
    /// The clock steps back now and then.
    ClockGoesBack,
    /// Always the same random number.
    ConstantRandom,
    /// Names that do not exist are this host.
    ResolvesAnything,
    /// A vectored write is a plain write of the first slice.
    FirstSliceOnly,
    /// A vectored write says it took all slices, and took the first.
    LostSlices,
    /// A read into a buffer starts at its beginning, over what is there.
    OverwritingReads,
    /// Closing one direction ends both.
    ClosesBoth,
    /// Closing only flushes.
    ClosesNothing,
    /// A second close is an error.
    OneCloseOnly,
    /// An abort ends the connection as if all were well.
    GentleAborts,
    /// Everything written is taken at once, however much it is.
    NoBackpressure,
    /// A writer never hears that its peer is gone.
    DeafWriters,
    /// Accepting names the listener as the peer.
    WrongPeer,
    /// A dropped listener goes on listening.
    LeakedListeners,
}

pub(super) struct Broken {
    good: Rt,
    fault: Fault,
    clock_reads: AtomicU64,
    net: BrokenNet,
}

impl Broken {
    pub(super) fn around(good: &Rt, fault: Fault) -> Rt {
        let net = BrokenNet { good: good.clone(), fault };
        Rt::new(Self { good: good.clone(), fault, clock_reads: AtomicU64::new(0), net })
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl Runtime for Broken {
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        let future: BoxFuture<'static, ()> = match self.fault {
            Fault::LeakedTasks => Box::pin(Leaked(ManuallyDrop::new(future))),
            _ => future,
        };
        self.good.runtime().spawn(name, future);
    }

    fn spawn_blocking(&self, name: &'static str, job: Box<dyn FnOnce() + Send>) {
        match self.fault {
            Fault::LostJobs => drop(job),
            _ => self.good.runtime().spawn_blocking(name, job),
        }
    }

    fn now(&self) -> Instant {
        let now = self.good.now();
        let reads = self.clock_reads.fetch_add(1, Ordering::Relaxed);
        let steps_back = self.fault == Fault::ClockGoesBack && reads % 5000 == 4999;
        if steps_back { now - Duration::from_nanos(1) } else { now }
    }

    fn wall_clock(&self) -> SystemTime {
        self.good.wall_clock()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        BrokenTimer::boxed(|at| self.good.sleep_until(at), at, self.fault)
    }

    fn background_timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        BrokenTimer::boxed(|at| self.good.background_timer(at), at, self.fault)
    }

    fn random_u64(&self) -> u64 {
        match self.fault {
            Fault::ConstantRandom => 4,
            _ => self.good.runtime().random_u64(),
        }
    }

    fn net(&self) -> &dyn Net {
        &self.net
    }

    fn unobserved_panic(&self, panic: &Panic) {
        self.good.runtime().unobserved_panic(panic);
    }
}

/// A task that is dropped only if it ends by itself.
struct Leaked(ManuallyDrop<BoxFuture<'static, ()>>);

impl Future for Leaked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

struct BrokenTimer {
    good: Sleep,
    fault: Fault,
    moved_to: Option<Instant>,
    ended: bool,
}

impl BrokenTimer {
    fn boxed(make: impl FnOnce(Instant) -> Sleep, at: Instant, fault: Fault) -> Pin<Box<dyn Timer>> {
        Box::pin(Self { good: make(Self::moved(at, fault)), fault, moved_to: None, ended: false })
    }

    fn moved(at: Instant, fault: Fault) -> Instant {
        match fault {
            Fault::EarlyTimers => at - Duration::from_nanos(100),
            Fault::OverflowingTimers => {
                at + Duration::from_secs(365 * 24 * 3600) - Duration::from_secs(365 * 24 * 3600)
            }
            _ => at,
        }
    }
}

impl Future for BrokenTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.fault == Fault::OneShotTimers && self.ended {
            return Poll::Ready(());
        }
        if let Some(at) = self.moved_to.take() {
            self.good.reset(at);
        }
        ready!(Pin::new(&mut self.good).poll(cx));
        self.ended = true;
        Poll::Ready(())
    }
}

impl Timer for BrokenTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        match self.fault {
            Fault::LazyResets => self.moved_to = Some(at),
            fault => self.good.reset(Self::moved(at, fault)),
        }
    }
}

struct BrokenNet {
    good: Rt,
    fault: Fault,
}

impl Net for BrokenNet {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        let (connecting, fault) = (self.good.runtime().net().connect(to), self.fault);
        Box::pin(async move { Ok(BrokenConnection::boxed(connecting.await?, fault)) })
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let (listening, fault) = (self.good.runtime().net().listen(on), self.fault);
        Box::pin(async move {
            let good = Some(listening.await?);
            Ok(Box::new(BrokenListener { good, fault }) as BoxListener)
        })
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<std::net::SocketAddr>>> {
        let (resolving, fault) = (self.good.runtime().net().resolve(host, port), self.fault);
        Box::pin(async move {
            match resolving.await {
                Err(_) if fault == Fault::ResolvesAnything => Ok(vec![([127, 0, 0, 1], port).into()]),
                resolved => resolved,
            }
        })
    }
}

struct BrokenListener {
    // `None` only while it is dropped.
    good: Option<BoxListener>,
    fault: Fault,
}

impl Drop for BrokenListener {
    fn drop(&mut self) {
        if let Some(listener) = self.good.take().filter(|_| self.fault == Fault::LeakedListeners) {
            Box::leak(listener);
        }
    }
}

impl Listener for BrokenListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let Some(good) = &mut self.good else { return Poll::Pending };
        let (connection, peer) = ready!(good.poll_accept(cx))?;
        let peer = match self.fault {
            Fault::WrongPeer => good.local_addr()?,
            _ => peer,
        };
        Poll::Ready(Ok((BrokenConnection::boxed(connection, self.fault), peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.good.as_ref().map_or(Err(io::ErrorKind::NotConnected.into()), |good| good.local_addr())
    }
}

struct BrokenConnection {
    good: BoxConnection,
    fault: Fault,
    closed: bool,
    /// What was taken from the writer and could not be passed on.
    taken: VecDeque<u8>,
}

impl BrokenConnection {
    fn boxed(good: BoxConnection, fault: Fault) -> BoxConnection {
        Box::new(Self { good, fault, closed: false, taken: VecDeque::new() })
    }

    /// Takes all there is, and passes on what the connection takes.
    fn poll_take(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        slices.iter().for_each(|slice| self.taken.extend(&**slice));
        if let Poll::Ready(passed_on) = self.poll_pass_on(cx) {
            passed_on?;
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.taken.is_empty() {
            let written = ready!(Pin::new(&mut self.good).poll_write(cx, self.taken.as_slices().0))?;
            self.taken.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Connection for BrokenConnection {
    fn peer_addr(&self) -> io::Result<Address> {
        self.good.peer_addr()
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.good.local_addr()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.good.set_nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        self.good.is_write_vectored()
    }

    fn abort(self: Box<Self>) {
        match self.fault {
            Fault::GentleAborts => drop(self),
            _ => self.good.abort(),
        }
    }

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.fault == Fault::ClosesBoth && self.closed {
            return Poll::Ready(Ok(()));
        }
        if self.fault == Fault::OverwritingReads {
            let mut bytes = vec![0; buf.remaining()];
            let read = ready!(Pin::new(&mut self.good).poll_read(cx, &mut bytes))?;
            // Off by one: the first byte is lost.
            buf.put_slice(&bytes[read.min(1)..read]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.good).poll_read_into(cx, buf)
    }
}

impl AsyncRead for BrokenConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.fault == Fault::ClosesBoth && self.closed {
            return Poll::Ready(Ok(0));
        }
        Pin::new(&mut self.good).poll_read(cx, buf)
    }
}

impl AsyncWrite for BrokenConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.fault {
            Fault::NoBackpressure => self.poll_take(cx, &[IoSlice::new(buf)]),
            Fault::DeafWriters => match Pin::new(&mut self.good).poll_write(cx, buf) {
                Poll::Ready(Err(_)) if !self.closed => Poll::Pending,
                written => written,
            },
            _ => Pin::new(&mut self.good).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        match (self.fault, first) {
            (Fault::NoBackpressure, _) => self.poll_take(cx, slices),
            (Fault::FirstSliceOnly, Some(first)) => self.poll_write(cx, first),
            (Fault::LostSlices, Some(first)) => {
                ready!(self.poll_write(cx, first))?;
                Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
            }
            _ => Pin::new(&mut self.good).poll_write_vectored(cx, slices),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Without backpressure nobody waits for anything.
        if self.fault == Fault::NoBackpressure {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.good).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pass_on(cx))?;
        match self.fault {
            Fault::ClosesNothing => return Pin::new(&mut self.good).poll_flush(cx),
            Fault::OneCloseOnly if self.closed => {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
            _ => {}
        }
        ready!(Pin::new(&mut self.good).poll_close(cx))?;
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}
