use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{Stream, stream::FuturesUnordered};
use hyper::{
    client::conn::http2::{Builder, Connection},
    rt::{Executor, Timer},
};
use parking_lot::Mutex;

use super::{
    super::Io,
    Sender, Upload,
    line::{Line, RESETS_MAX, UNKNOWN},
};
use crate::rt::{Rt, Sleep};

/// How long a connection that nobody uses any more may take to say goodbye.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// How connections are made.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Settings {
    pub(in crate::http) head_bytes_max: usize,
    pub(in crate::http) ping_interval: Option<Duration>,
    pub(in crate::http) ping_timeout: Duration,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection, with all that goes on in it: one future, so that one task drives it.
pub(in crate::http) struct Driver {
    rt: Rt,
    /// Takes requests.
    client: Option<Connection<Io, Upload, Begun>>,
    /// Reads and writes.
    connection: Option<Work>,
    /// Bodies on their way out, replies to come.
    streams: FuturesUnordered<Work>,
    begun: Begun,
    line: Arc<Line>,
    closing: Option<Sleep>,
}

/// Begins HTTP/2 on `io`, and waits until the other side has said how much it takes.
///
/// # Cancel safety
///
/// If it is dropped, the connection is closed.
pub(in crate::http) async fn start(
    rt: &Rt,
    io: Io,
    settings: &Settings,
) -> io::Result<(Sender, Arc<Line>, Driver)> {
    let begun = Begun::default();
    let mut builder = Builder::new(begun.clone());
    builder
        .timer(Clock(rt.clone()))
        .initial_max_send_streams(UNKNOWN)
        .max_header_list_size(u32::try_from(settings.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(settings.ping_interval)
        .keep_alive_timeout(settings.ping_timeout)
        // By default a stream that was reset is forgotten after a second of the system's clock, which is not the runtime's.
        // So none is forgotten, and a connection is replaced when there are many.
        .reset_stream_duration(Duration::MAX)
        .max_concurrent_reset_streams(2 * RESETS_MAX);
    let line = Arc::new(Line::new(io.counts()));
    let (sender, client) = builder.handshake(io).await.map_err(io::Error::other)?;
    let connection = begun.0.lock().pop();
    let mut driver = Driver {
        rt: rt.clone(),
        client: Some(client),
        connection,
        streams: FuturesUnordered::new(),
        begun,
        line: Arc::clone(&line),
        closing: None,
    };
    poll_fn(|cx| {
        if Pin::new(&mut driver).poll_once(cx) || line.is_retired() {
            let error =
                io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended before HTTP/2 began");
            return Poll::Ready(Err(error));
        }
        if line.streams_max() == UNKNOWN { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok((sender, line, driver))
}

impl Driver {
    /// Does what can be done. Whether it has ended.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> bool {
        self.line.driver.register(cx.waker());
        // Requests that were given become bytes, and bytes become replies, in one go.
        self.poll_client(cx);
        self.poll_streams(cx);
        if let Some(connection) = &mut self.connection
            && connection.as_mut().poll(cx).is_ready()
        {
            self.connection = None;
            self.client = None;
            self.line.retire();
        }
        self.poll_streams(cx);
        // It notices that the other side goes away only when it is asked.
        self.poll_client(cx);
        self.poll_streams(cx);
        self.connection.is_none() && self.streams.is_empty()
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) {
        let Some(client) = &mut self.client else { return };
        let has_ended = Pin::new(&mut *client).poll(cx).is_ready();
        self.line.set_streams_max(client.current_max_send_streams());
        if has_ended {
            self.line.retire();
            self.client = None;
        }
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>) {
        loop {
            let begun = std::mem::take(&mut *self.begun.0.lock());
            let has_more = !begun.is_empty();
            self.streams.extend(begun);
            while let Poll::Ready(Some(())) = Pin::new(&mut self.streams).poll_next(cx) {}
            if !has_more {
                return;
            }
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.poll_once(cx) {
            return Poll::Ready(());
        }
        if this.client.is_some() || !this.line.is_deserted() {
            return Poll::Pending;
        }
        let rt = &this.rt;
        Pin::new(this.closing.get_or_insert_with(|| rt.sleep(CLOSE_MAX))).poll(cx)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.line.retire();
        // They hold the list that they stand in.
        let left = std::mem::take(&mut *self.begun.0.lock());
        drop(left);
    }
}

/// What hyper has begun and the driver has not taken over yet.
#[derive(Clone, Default)]
struct Begun(Arc<Mutex<Vec<Work>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Begun {
    fn execute(&self, future: F) {
        let work: Work = Box::pin(future);
        self.0.lock().push(work);
    }
}

/// The runtime's time for hyper.
struct Clock(Rt);

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Pause(Mutex::new(self.0.sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Pause(Mutex::new(self.0.sleep_until(deadline))))
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// A sleep that can be shared; the lock is never taken.
struct Pause(Mutex<Sleep>);

impl Future for Pause {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(self.get_mut().0.get_mut()).poll(cx)
    }
}

impl hyper::rt::Sleep for Pause {}
