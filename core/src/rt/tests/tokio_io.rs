//! The bridge between futures' and tokio's I/O traits loses nothing, either way.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures::io::{AsyncRead, AsyncWrite};
use parking_lot::Mutex;
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf as TokioReadBuf};

use crate::rt::{
    Address, Connection, ReadBuf,
    tokio_io::{FromTokio, IntoTokio},
};

/// What reached the far end of the bridge.
#[derive(Debug, PartialEq)]
enum Call {
    Write(usize),
    WriteVectored(Vec<usize>),
    Flush,
    Shutdown,
}

/// A stream of tokio that notes what it is asked for, and whose second shutdown fails.
#[derive(Clone, Default)]
struct Recording {
    calls: Arc<Mutex<Vec<Call>>>,
    input: &'static [u8],
    swaps_buffers: bool,
}

impl Recording {
    fn with_input(input: &'static [u8]) -> Self {
        Self { input, ..Self::default() }
    }

    fn note(&self, call: Call) {
        self.calls.lock().push(call);
    }
}

impl TokioRead for Recording {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut TokioReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.swaps_buffers {
            *buf = TokioReadBuf::new(Box::leak(Box::new([0; 64])));
        }
        buf.put_slice(self.input);
        Poll::Ready(Ok(()))
    }
}

impl TokioWrite for Recording {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.note(Call::Write(bytes.len()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let lengths: Vec<_> = slices.iter().map(|slice| slice.len()).collect();
        let written = lengths.iter().sum();
        self.note(Call::WriteVectored(lengths));
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note(Call::Flush);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let again = self.calls.lock().contains(&Call::Shutdown);
        self.note(Call::Shutdown);
        Poll::Ready(if again { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) })
    }
}

/// A connection as bindings make them. `reads_into` is off for one that leaves `poll_read_into` as it is.
struct Bound {
    stream: FromTokio<Recording>,
    reads_into: bool,
    swaps_buffers: bool,
}

impl AsyncRead for Bound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, bytes)
    }
}

impl AsyncWrite for Bound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl Connection for Bound {
    fn peer_addr(&self) -> io::Result<Address> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn local_addr(&self) -> io::Result<Address> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn set_nodelay(&self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.inner().is_write_vectored()
    }

    fn abort(self: Box<Self>) {}

    fn poll_read_into(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.swaps_buffers {
            *buf = ReadBuf::new(Box::leak(Box::new([0; 64])));
        }
        if self.reads_into {
            return self.stream.poll_read_into(cx, buf);
        }
        let n = std::task::ready!(self.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

/// Over both bridges: tokio's traits in front, a connection of the seam between, a stream of tokio at the end.
fn over_both(recording: &Recording) -> IntoTokio {
    let stream = FromTokio::new(recording.clone());
    IntoTokio::new(Box::new(Bound { stream, reads_into: true, swaps_buffers: false }))
}

fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.expect("no error"),
        Poll::Pending => panic!("it is ready at once"),
    }
}

#[test]
fn a_vectored_write_stays_one_over_both_bridges() {
    let recording = Recording::default();
    let mut stream = over_both(&recording);
    assert!(stream.is_write_vectored());
    let slices = [IoSlice::new(b"head"), IoSlice::new(b"er"), IoSlice::new(b"body")];
    assert_eq!(now(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)), 10);
    assert_eq!(now(|cx| Pin::new(&mut stream).poll_write(cx, b"plain")), 5);
    now(|cx| Pin::new(&mut stream).poll_flush(cx));
    assert_eq!(*recording.calls.lock(), [Call::WriteVectored(vec![4, 2, 4]), Call::Write(5), Call::Flush]);
}

#[test]
fn closing_twice_is_fine_for_a_stream_that_fails_the_second_time() {
    let recording = Recording::default();
    let mut stream = over_both(&recording);
    now(|cx| Pin::new(&mut stream).poll_shutdown(cx));
    now(|cx| Pin::new(&mut stream).poll_shutdown(cx));
    assert_eq!(*recording.calls.lock(), [Call::Shutdown]);
}

#[test]
fn a_close_that_failed_is_tried_again() {
    let recording = Recording::default();
    recording.note(Call::Shutdown);
    let mut stream = FromTokio::new(recording.clone());
    for _ in 0..2 {
        let closed = Pin::new(&mut stream).poll_close(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(closed, Poll::Ready(Err(_))));
    }
    assert_eq!(recording.calls.lock().len(), 3);
}

#[test]
fn a_read_initialises_no_more_than_it_reads() {
    let mut memory = [MaybeUninit::uninit(); 1024];
    let mut buf = ReadBuf::uninit(&mut memory);
    let mut stream = FromTokio::new(Recording::with_input(b"ahoy"));
    now(|cx| stream.poll_read_into(cx, &mut buf));
    now(|cx| stream.poll_read_into(cx, &mut buf));
    assert_eq!((buf.filled(), buf.initialized()), (&b"ahoyahoy"[..], 8));

    let mut tokio_buf = TokioReadBuf::uninit(&mut memory);
    let mut stream = over_both(&Recording::with_input(b"ahoy"));
    now(|cx| Pin::new(&mut stream).poll_read(cx, &mut tokio_buf));
    now(|cx| Pin::new(&mut stream).poll_read(cx, &mut tokio_buf));
    assert_eq!((tokio_buf.filled(), tokio_buf.initialized().len()), (&b"ahoyahoy"[..], 8));
}

#[test]
fn what_is_known_to_be_initialised_stays_known_and_is_not_zeroed_again() {
    let mut memory = [MaybeUninit::new(7); 8];
    let mut tokio_buf = TokioReadBuf::uninit(&mut memory);
    tokio_buf.put_slice(b"7777777");
    tokio_buf.set_filled(1);
    let stream = FromTokio::new(Recording::with_input(b"ab"));
    let mut stream = IntoTokio::new(Box::new(Bound { stream, reads_into: false, swaps_buffers: false }));
    now(|cx| Pin::new(&mut stream).poll_read(cx, &mut tokio_buf));
    // The connection asks for zeroed memory. Only the last byte was not known; the rest is as it was.
    assert_eq!(tokio_buf.filled(), b"7ab");
    assert_eq!(tokio_buf.initialized(), b"7ab7777\0");
}

/// Asks for plain bytes, and reads one.
struct Plain;

impl TokioRead for Plain {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut TokioReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.initialize_unfilled()[0] = b'a';
        buf.advance(1);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn initialised_memory_is_not_zeroed_for_a_reader_that_asks_for_plain_bytes() {
    let mut bytes = *b"........";
    assert_eq!(now(|cx| Pin::new(&mut FromTokio::new(Plain)).poll_read(cx, &mut bytes)), 1);
    assert_eq!(&bytes, b"a.......");
}

#[test]
fn a_plain_read_counts_its_bytes() {
    let mut bytes = *b"........";
    let mut stream = FromTokio::new(Recording::with_input(b"ahoy"));
    assert_eq!(now(|cx| Pin::new(&mut stream).poll_read(cx, &mut bytes)), 4);
    assert_eq!(&bytes, b"ahoy....");
}

#[test]
#[should_panic(expected = "the reader swapped its buffer")]
fn a_tokio_reader_that_swaps_its_buffer_is_found_out() {
    let recording = Recording { swaps_buffers: true, ..Recording::with_input(b"ahoy") };
    let mut memory = [MaybeUninit::uninit(); 64];
    now(|cx| FromTokio::new(recording).poll_read_into(cx, &mut ReadBuf::uninit(&mut memory)));
}

#[test]
#[should_panic(expected = "the reader swapped its buffer")]
fn a_connection_that_swaps_its_buffer_is_found_out() {
    let stream = FromTokio::new(Recording::with_input(b"ahoy"));
    let mut stream = IntoTokio::new(Box::new(Bound { stream, reads_into: true, swaps_buffers: true }));
    let mut memory = [MaybeUninit::uninit(); 64];
    now(|cx| Pin::new(&mut stream).poll_read(cx, &mut TokioReadBuf::uninit(&mut memory)));
}
