use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    task::{Context, Poll},
};

use event_listener::Event;
use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::{ConnectionInfo, Network, connection::MemoryConnection};
use crate::{
    rt::{Address, BoxConnection, Listener},
    testing::world::World,
};

/// The connections that wait to be accepted at one address.
pub(super) struct Backlog {
    address: Address,
    queue: Mutex<Queue>,
    acceptor: AtomicWaker,
    /// A place became free, or the listener went away.
    pub(super) changed: Event,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(MemoryConnection, ConnectionInfo)>,
    is_closed: bool,
}

impl Backlog {
    pub(super) fn new(address: Address) -> Self {
        Self { address, queue: Mutex::default(), acceptor: AtomicWaker::new(), changed: Event::new() }
    }

    pub(super) fn has_room(&self, max: usize) -> bool {
        self.queue.lock().waiting.len() < max.max(1)
    }

    /// Queues a connection. Not if the listener is gone: the connection is dropped then.
    pub(super) fn push(&self, connection: MemoryConnection, info: ConnectionInfo) {
        let mut queue = self.queue.lock();
        if queue.is_closed {
            return;
        }
        queue.waiting.push_back((connection, info));
        drop(queue);
        self.acceptor.wake();
    }

    fn pop(&self) -> Option<(MemoryConnection, ConnectionInfo)> {
        let first = self.queue.lock().waiting.pop_front()?;
        self.changed.notify(1);
        Some(first)
    }

    fn close(&self) {
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        for (connection, _) in &waiting {
            connection.reset();
        }
        drop(waiting);
        self.changed.notify(usize::MAX);
    }
}

pub(super) struct MemoryListener {
    pub(super) world: Arc<World>,
    pub(super) network: Network,
    pub(super) backlog: Arc<Backlog>,
}

impl Listener for MemoryListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxConnection, Address)>> {
        let popped = self.backlog.pop().or_else(|| {
            self.backlog.acceptor.register(cx.waker());
            self.backlog.pop()
        });
        let Some((connection, info)) = popped else { return Poll::Pending };
        let connection = self.network.wrapped(Box::new(connection), &info);
        Poll::Ready(Ok((connection, info.peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.backlog.address.clone())
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        let forgotten = self.world.registry.lock().remove(&self.backlog.address, &self.backlog);
        drop(forgotten);
        self.backlog.close();
    }
}
