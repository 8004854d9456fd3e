use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::{
    http::{connect::StreamPlace, wire::Outgoing},
    rt::Panic,
};

/// The right to one stream, held by a place and by the body that is sent on it: so it is free again when both are gone.
pub(in crate::http) struct Ticket {
    is_left: AtomicBool,
    upload: AtomicWaker,
    /// Why the body could not be made.
    failure: Mutex<Option<io::Error>>,
    _stream: StreamPlace,
}

impl Ticket {
    pub(in crate::http) fn new(stream: StreamPlace) -> Self {
        Self {
            is_left: AtomicBool::new(false),
            upload: AtomicWaker::new(),
            failure: Mutex::default(),
            _stream: stream,
        }
    }

    /// Nobody wants to know any more what becomes of the body.
    pub(in crate::http) fn leave(&self) {
        self.is_left.store(true, Ordering::Release);
        self.upload.wake();
    }

    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().take()
    }
}

/// The body of a request on its way out, polled by the task of its connection: what goes wrong in it harms it alone.
pub(in crate::http) struct Upload {
    outgoing: Outgoing,
    ticket: Arc<Ticket>,
}

impl Upload {
    pub(super) fn new(outgoing: Outgoing, ticket: &Arc<Ticket>) -> Self {
        Self { outgoing, ticket: Arc::clone(ticket) }
    }

    pub(super) fn into_outgoing(mut self) -> Outgoing {
        std::mem::replace(&mut self.outgoing, Outgoing::Empty)
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        let before = self.ticket.failure.lock().replace(error);
        drop(before);
        io::Error::other("the body of the request broke off")
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        this.ticket.upload.register(cx.waker());
        if this.ticket.is_left.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(io::Error::other("nobody waits for the reply any more"))));
        }
        let outgoing = &mut this.outgoing;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(outgoing).poll_frame(cx))) {
            Ok(Poll::Ready(Some(Err(error)))) => Poll::Ready(Some(Err(this.fail(error)))),
            Ok(polled) => polled,
            Err(payload) => Poll::Ready(Some(Err(this.fail(panicked(payload))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.outgoing.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.outgoing.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let outgoing = std::mem::replace(&mut self.outgoing, Outgoing::Empty);
        // It may hold anything, and here it is the connection's task that would panic.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(outgoing))) {
            self.fail(panicked(payload));
        }
    }
}

fn panicked(payload: Box<dyn Any + Send>) -> io::Error {
    io::Error::other(Panic::new("the body of a request", payload).message())
}
