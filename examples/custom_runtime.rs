//! Binds one more runtime: tasks on a small executor over `async-task`, time and sockets by `async-io`, blocking jobs by
//! `blocking`.
//!
//! It is meant to be copied. `main` holds it to the conformance suite:
//!
//! ```sh
//! cargo run --example custom_runtime --features testing
//! ```
//!
//! Unix sockets are left out to keep it short, and `main` says so to the suite.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind, IoSlice},
    mem,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    num::NonZero,
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    task::{Context, Poll, ready},
    thread,
    time::{Duration, Instant, SystemTime},
};

use async_io::Async;
use async_task::Runnable;
use futures::{AsyncRead, AsyncWrite};
use parking_lot::{Condvar, Mutex, MutexGuard};
use seaworthy::rt::{
    Address, BoxConnection, BoxFuture, BoxListener, Connection, Listener, Net, Rt, Runtime, Timer,
    conformance::{Body, Feature, Suite},
};

fn main() -> ExitCode {
    let report = Suite::new("the custom runtime", |body: Body| run(body))
        .without(Feature::UnixSockets, "left out of the example")
        .run();
    println!("{report}");
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `body` on this thread and its tasks on one thread per core, and returns when all tasks have been dropped.
fn run<F: Future>(body: impl FnOnce(Rt) -> F) -> F::Output {
    let executor = Arc::new(Executor::default());
    let runtime = CustomRuntime { executor: Arc::clone(&executor), net: AsyncIoNet };
    thread::scope(|threads| {
        for _ in 0..thread::available_parallelism().map_or(2, NonZero::get) {
            threads.spawn(|| executor.work());
        }
        // Also when the body panics: the scope waits for its threads either way.
        let _end = EndOnDrop(&executor);
        async_io::block_on(body(Rt::new(runtime)))
    })
}

// The executor: one queue of tasks that can go on, and a list of all that live, so that they can be dropped at the end.
// Tasks hold the `Rt`, which holds the executor, which lists them: a cycle that `end` breaks.

#[derive(Default)]
struct Executor {
    tasks: Mutex<Tasks>,
    changed: Condvar,
}

#[derive(Default)]
struct Tasks {
    ready: VecDeque<Runnable>,
    living: BTreeMap<u64, async_task::Task<()>>,
    spawned: u64,
    ended: bool,
}

impl Executor {
    fn spawn(self: &Arc<Self>, future: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock();
        if tasks.ended {
            drop(tasks);
            // Dropped without the lock: a destructor may spawn again.
            return drop(future);
        }
        let number = tasks.spawned;
        tasks.spawned += 1;
        let (on_end, on_wake) = (Arc::clone(self), Arc::clone(self));
        let tracked = async move {
            future.await;
            if let Some(this) = on_end.tasks.lock().living.remove(&number) {
                this.detach();
            }
        };
        let (runnable, task) = async_task::spawn(tracked, move |runnable| {
            on_wake.tasks.lock().ready.push_back(runnable);
            on_wake.changed.notify_one();
        });
        tasks.living.insert(number, task);
        drop(tasks);
        runnable.schedule();
    }

    /// Polls tasks until the runtime has ended and none is left to poll.
    fn work(&self) {
        let mut tasks = self.tasks.lock();
        loop {
            if let Some(runnable) = tasks.ready.pop_front() {
                MutexGuard::unlocked(&mut tasks, || runnable.run());
            } else if tasks.ended {
                return;
            } else {
                self.changed.wait(&mut tasks);
            }
        }
    }

    fn end(&self) {
        let mut tasks = self.tasks.lock();
        tasks.ended = true;
        let living = mem::take(&mut tasks.living);
        drop(tasks);
        // Dropping a handle cancels its task: it comes into the queue once more, and whoever takes it out drops it. The
        // threads may have found the queue empty and left by now, so this one stays until it is.
        drop(living);
        self.changed.notify_all();
        self.work();
    }
}

struct EndOnDrop<'a>(&'a Executor);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

// The runtime.

struct CustomRuntime {
    executor: Arc<Executor>,
    net: AsyncIoNet,
}

impl fmt::Debug for CustomRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomRuntime").field("tasks", &self.executor.tasks.lock().living.len()).finish()
    }
}

impl Runtime for CustomRuntime {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        self.executor.spawn(future);
    }

    fn spawn_blocking(&self, _name: &'static str, job: Box<dyn FnOnce() + Send>) {
        blocking::unblock(job).detach();
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn timer(&self, at: Instant) -> Pin<Box<dyn Timer>> {
        Box::pin(AsyncIoTimer(async_io::Timer::at(at)))
    }

    fn random_u64(&self) -> u64 {
        // Its keys are random for each process and another each time.
        RandomState::new().hash_one(0)
    }

    fn net(&self) -> &dyn Net {
        &self.net
    }
}

struct AsyncIoTimer(async_io::Timer);

impl Future for AsyncIoTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Timer for AsyncIoTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0.set_at(at);
    }
}

// The network.

struct AsyncIoNet;

impl Net for AsyncIoNet {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        let to = to.tcp().ok_or_else(only_tcp);
        Box::pin(async move { TcpConnection::boxed(Async::<TcpStream>::connect(to?).await?) })
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let on = on.tcp().ok_or_else(only_tcp);
        Box::pin(async move { Ok(Box::new(Async::<TcpListener>::bind(on?).map(Accepting)?) as BoxListener) })
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(blocking::unblock(move || (host, port).to_socket_addrs().map(Iterator::collect)))
    }
}

fn only_tcp() -> io::Error {
    ErrorKind::Unsupported.into()
}

struct Accepting(Async<TcpListener>);

impl Listener for Accepting {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
                Ok((stream, peer)) => {
                    let connection = Async::new(stream).and_then(TcpConnection::boxed);
                    return Poll::Ready(connection.map(|connection| (connection, peer.into())));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.get_ref().local_addr().map(Address::from)
    }
}

struct TcpConnection(Async<TcpStream>);

impl TcpConnection {
    fn boxed(stream: Async<TcpStream>) -> io::Result<BoxConnection> {
        stream.get_ref().set_nodelay(true)?;
        Ok(Box::new(Self(stream)))
    }
}

impl Connection for TcpConnection {
    fn peer_addr(&self) -> io::Result<Address> {
        self.0.get_ref().peer_addr().map(Address::from)
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.get_ref().local_addr().map(Address::from)
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.0.get_ref().set_nodelay(on)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn abort(self: Box<Self>) {
        // To close a socket that lingers for no time is to reset it. If that fails, it closes as usual.
        let _ = socket2::SockRef::from(self.0.get_ref()).set_linger(Some(Duration::ZERO));
    }
}

impl AsyncRead for TcpConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    // Without this line each slice would be a write of its own.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // `Async` would only flush. Closed already, or the peer is gone: there is nothing left to close.
        Poll::Ready(match self.0.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
            closed => closed,
        })
    }
}
