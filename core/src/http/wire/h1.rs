use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};

use super::{Io, NoReply, Outgoing, gate::Gate, io::Counts};
use crate::rt::Sleep;

/// An HTTP/1.1 connection, driven by whoever holds it: there is no task behind it.
///
/// So a request costs no switch between tasks, and one that is dropped takes its connection along.
pub(in crate::http) struct H1 {
    sender: SendRequest<Outgoing>,
    connection: Connection<Io, Outgoing>,
    counts: Arc<Counts>,
    has_ended: bool,
    gate: Arc<Gate>,
    /// That of the gate.
    waker: Waker,
    /// For the time limits of whoever holds it; it goes along to the next.
    pub(in crate::http) timer: Option<Sleep>,
}

impl H1 {
    pub(in crate::http) async fn new(io: Io, builder: &Builder) -> hyper::Result<Self> {
        let counts = io.counts();
        let (sender, connection) = builder.handshake(io).await?;
        let gate = Arc::<Gate>::default();
        let waker = futures::task::waker(Arc::clone(&gate));
        let mut h1 = Self { sender, connection, counts, has_ended: false, gate, waker, timer: None };
        // It says that it wants a request when it is polled first.
        h1.is_ready();
        Ok(h1)
    }

    /// Whether a request may be sent on it: the last exchange is over to the end, and the other side has not closed it.
    pub(in crate::http) fn is_ready(&mut self) -> bool {
        self.gate.forget();
        self.drive();
        !self.has_ended && self.sender.is_ready()
    }

    /// Reads and writes what can be. Who is registered is woken when there is more.
    fn drive(&mut self) {
        if !self.has_ended {
            // How it ended is told to the request, or to its body.
            let mut cx = Context::from_waker(&self.waker);
            self.has_ended = Pin::new(&mut self.connection).poll(&mut cx).is_ready();
        }
    }

    /// Sends a request and waits for the head of the reply.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the connection is in the middle of an exchange, and so not [ready](Self::is_ready).
    pub(in crate::http) async fn exchange(
        &mut self,
        request: ::http::Request<Outgoing>,
    ) -> Result<::http::Response<hyper::body::Incoming>, NoReply> {
        let before = self.counts.written();
        let mut reply = pin!(self.sender.try_send_request(request));
        let replied = poll_fn(|cx| {
            // What completes the reply is the connection, polled right here: nobody has to be woken for it.
            self.gate.register(cx.waker());
            self.drive();
            match reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending if self.has_ended => Poll::Ready(None),
                polled => polled.map(Some),
            }
        })
        .await;
        let sent = self.counts.written() != before;
        match replied {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(mut error)) => {
                let request = error.take_message().map(Box::new);
                Err(NoReply { sent, request, source: Some(error.into_error().into()) })
            }
            None => Err(NoReply { sent, request: None, source: None }),
        }
    }

    /// The next piece of the reply's body, or `None` if the connection has ended before the body.
    pub(in crate::http) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut hyper::body::Incoming,
    ) -> Poll<Option<Option<hyper::Result<Frame<Bytes>>>>> {
        let mut quiet = Context::from_waker(Waker::noop());
        let mut body = Pin::new(body);
        self.gate.register(cx.waker());
        // To ask for a piece wakes the connection, which is driven next anyway.
        if let Poll::Ready(frame) = self.gate.shut(|| body.as_mut().poll_frame(&mut quiet)) {
            return Poll::Ready(Some(frame));
        }
        self.drive();
        match body.poll_frame(&mut quiet) {
            Poll::Pending if self.has_ended => Poll::Ready(None),
            polled => polled.map(Some),
        }
    }
}
