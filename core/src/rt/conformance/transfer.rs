//! Bytes on their way: all of them, in order, and no more than the reader takes.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{AsyncReadExt, AsyncWriteExt, future::join};

use super::{
    Case,
    bytes::{Pattern, receive_all, send},
    pair::pair,
};
use crate::rt::{BoxConnection, ReadBuf, Rt};

pub(super) const CASES: &[Case] = &[
    case!(sixty_four_mebibytes_are_echoed_intact),
    case!(a_writer_waits_for_its_reader),
    case!(vectored_writes_arrive_intact_and_in_order),
    case!(a_vectored_write_takes_more_than_its_first_slice, VectoredWrites),
    case!(poll_read_into_agrees_with_poll_read),
    case!(small_writes_are_not_held_back),
];

const MIB: u64 = 1 << 20;

async fn sixty_four_mebibytes_are_echoed_intact(rt: Rt) {
    let (client, server) = pair(&rt).await;
    let echo = rt.spawn("echo", async move {
        let (mut reader, mut writer) = server.split();
        let mut chunk = vec![0; 64 << 10];
        loop {
            match reader.read(&mut chunk).await? {
                0 => return writer.close().await,
                read => writer.write_all(&chunk[..read]).await?,
            }
        }
    });
    let (mut reader, mut writer) = client.split();
    let sender = rt.spawn("sender", async move {
        send(&mut writer, &mut Pattern::new(), 64 * MIB).await?;
        writer.close().await
    });
    let received = receive_all(&mut reader, &mut Pattern::new()).await.expect("reading works");
    assert_eq!(received, 64 * MIB);
    sender.await.expect("no panic").expect("sending works");
    echo.await.expect("no panic").expect("echoing works");
}

/// More than any connection may hold for a reader that does not read.
const TOO_MUCH: u64 = 64 * MIB;

/// Writes [`TOO_MUCH`] and counts how far it got: the other end of [`stalled`].
pub(super) async fn write_counted(
    mut to: BoxConnection,
    written: Arc<AtomicU64>,
) -> io::Result<BoxConnection> {
    let mut pattern = Pattern::new();
    while pattern.position() < TOO_MUCH {
        let piece = (TOO_MUCH - pattern.position()).min(16 << 10);
        send(&mut to, &mut pattern, piece).await?;
        written.store(pattern.position(), Ordering::SeqCst);
    }
    to.close().await?;
    Ok(to)
}

/// Waits until a writer gets no further; returns how far it got.
pub(super) async fn stalled(rt: &Rt, written: &AtomicU64) -> u64 {
    let (mut last, mut still) = (0, 0);
    while still < 4 {
        rt.sleep(Duration::from_millis(5)).await;
        let now = written.load(Ordering::SeqCst);
        still = if now == last && now > 0 { still + 1 } else { 0 };
        last = now;
    }
    last
}

async fn a_writer_waits_for_its_reader(rt: Rt) {
    let (client, mut server) = pair(&rt).await;
    let written = Arc::new(AtomicU64::new(0));
    let writer = rt.spawn("writer", write_counted(client, Arc::clone(&written)));
    let taken = stalled(&rt, &written).await;
    assert!(taken < TOO_MUCH, "all {TOO_MUCH} bytes were taken from the writer, and nobody has read one");
    let received = receive_all(&mut server, &mut Pattern::new()).await.expect("reading works");
    assert_eq!(received, TOO_MUCH);
    writer.await.expect("no panic").expect("the writer goes on once it is read from");
}

async fn vectored_writes_arrive_intact_and_in_order(rt: Rt) {
    let (mut client, mut server) = pair(&rt).await;
    let mut rng = rt.rng("conformance.vectored");
    let sender = async {
        let mut pattern = Pattern::new();
        while pattern.position() < 4 * MIB {
            let lens: Vec<_> = (0..1 + rng.index(40)).map(|_| rng.index(4000)).collect();
            write_slices(&mut client, &mut pattern, &lens).await?;
        }
        client.close().await?;
        io::Result::Ok(pattern.position())
    };
    let mut pattern = Pattern::new();
    let (sent, received) = join(sender, receive_all(&mut server, &mut pattern)).await;
    assert_eq!(received.expect("reading works"), sent.expect("writing works"));
}

/// Writes the pattern's next bytes as slices of these lengths, some of them empty.
async fn write_slices(to: &mut BoxConnection, pattern: &mut Pattern, lens: &[usize]) -> io::Result<()> {
    let mut pieces = Vec::new();
    for len in lens {
        pieces.push(pattern.peek(*len).to_vec());
        pieces.push(Vec::new());
        pattern.skip(*len);
    }
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    let mut left: usize = lens.iter().sum();
    while left > 0 {
        let written = to.write_vectored(rest).await?;
        assert!((1..=left).contains(&written), "{written} bytes of {left} were written");
        left -= written;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

async fn a_vectored_write_takes_more_than_its_first_slice(rt: Rt) {
    let (mut client, mut server) = pair(&rt).await;
    assert!(client.is_write_vectored() && server.is_write_vectored(), "`is_write_vectored` says no");
    for connection in [&mut client, &mut server] {
        let written = connection.write_vectored(&[IoSlice::new(b"head"), IoSlice::new(b"body")]).await;
        let written = written.expect("writing works");
        assert!(written > 4, "of two slices only the first was taken");
    }
}

async fn poll_read_into_agrees_with_poll_read(rt: Rt) {
    let (mut client, mut server) = pair(&rt).await;
    let sender = rt.spawn("sender", async move {
        send(&mut client, &mut Pattern::new(), MIB).await?;
        client.close().await?;
        io::Result::Ok(client)
    });
    let mut pattern = Pattern::new();
    let mut rng = rt.rng("conformance.read_into");
    while pattern.position() < MIB {
        let len = 1 + rng.index(5000);
        if rng.chance(1, 2) {
            let mut bytes = vec![0; len];
            let read = poll_fn(|cx| Pin::new(&mut *server).poll_read(cx, &mut bytes)).await;
            pattern.check(&bytes[..read.expect("reading works")]);
        } else {
            read_into(&mut server, &mut pattern, len).await;
        }
    }
    let mut memory = [MaybeUninit::uninit(); 16];
    let mut buf = ReadBuf::uninit(&mut memory);
    buf.put_slice(b"kept");
    for _ in 0..2 {
        poll_fn(|cx| Pin::new(&mut *server).poll_read_into(cx, &mut buf)).await.expect("the end is no error");
        assert_eq!(buf.filled(), b"kept", "at the end nothing is added");
    }
    let mut byte = [0];
    assert_eq!(server.read(&mut byte).await.expect("the end stays the end"), 0);
    sender.await.expect("no panic").expect("sending works");
}

/// Reads some bytes behind others that are there already.
async fn read_into(from: &mut BoxConnection, pattern: &mut Pattern, len: usize) {
    let mut memory = vec![MaybeUninit::uninit(); len + 4];
    let mut buf = ReadBuf::uninit(&mut memory);
    buf.put_slice(b"kept");
    poll_fn(|cx| Pin::new(&mut **from).poll_read_into(cx, &mut buf)).await.expect("reading works");
    let (kept, read) = buf.filled().split_at(4);
    assert_eq!(kept, b"kept");
    assert!(!read.is_empty(), "nothing was read, yet it is not the end");
    pattern.check(read);
}

async fn small_writes_are_not_held_back(rt: Rt) {
    let (mut client, mut server) = pair(&rt).await;
    for n in 0..100 {
        client.write_all(&[n]).await.expect("writing works");
        client.flush().await.expect("flushing works");
        let mut byte = [0];
        server.read_exact(&mut byte).await.expect("it comes without more being written");
        assert_eq!(byte, [n]);
    }
}
