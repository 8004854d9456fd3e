use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::Poll,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::*;
use crate::rt::{BoxConnection, Connection, ReadBuf};

async fn pair(rt: &Rt) -> (BoxConnection, BoxConnection) {
    let mut listener = rt.listen(([127, 0, 0, 1], 80)).await.expect("a free port");
    let client = rt.connect(("localhost", 80)).await.expect("a listener");
    let (server, _) = listener.accept().await.expect("a connection");
    (client, server)
}

fn kind<T>(result: io::Result<T>) -> Result<T, io::ErrorKind> {
    result.map_err(|error| error.kind())
}

/// Reads what has arrived, without waiting; `None` if nothing has.
async fn try_read(stream: &mut BoxConnection, buf: &mut [u8]) -> Option<Result<usize, io::ErrorKind>> {
    poll_fn(|cx| match Pin::new(&mut *stream).poll_read(cx, buf) {
        Poll::Ready(read) => Poll::Ready(Some(kind(read))),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn try_write(stream: &mut BoxConnection, bytes: &[u8]) -> Option<Result<usize, io::ErrorKind>> {
    poll_fn(|cx| match Pin::new(&mut *stream).poll_write(cx, bytes) {
        Poll::Ready(written) => Poll::Ready(Some(kind(written))),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[test]
fn bytes_take_their_latency_and_arrive_in_order() {
    for seed in 0..20 {
        run(seed, |rt| async move {
            let (mut client, mut server) = pair(&rt).await;
            let mut read = [0; 3];
            let start = rt.now();
            // Each draws a latency of its own; the second must not overtake the first.
            for byte in [b"a", b"b", b"c"] {
                client.write_all(byte).await.expect("open");
            }
            assert_eq!(try_read(&mut server, &mut read).await, None);
            server.read_exact(&mut read).await.expect("open");
            assert_eq!(&read, b"abc");
            assert!((Duration::from_micros(200)..=ms(2)).contains(&(rt.now() - start)));
        });
    }
}

#[test]
fn without_latency_nothing_takes_time() {
    let config = Config { latency: Duration::ZERO..=Duration::ZERO, ..Config::from(1) };
    let finished = try_run(config, |rt| async move {
        let (mut client, mut server) = pair(&rt).await;
        client.write_all(b"x").await.expect("open");
        assert_eq!(try_read(&mut server, &mut [0; 9]).await, Some(Ok(1)));
    });
    assert_eq!(finished.expect("well").stats.virtual_time, Duration::ZERO);
}

#[test]
fn a_writer_waits_for_its_reader() {
    let config = Config { stream_bytes_max: 10, ..Config::from(1) };
    run(config, |rt| async move {
        let (mut client, mut server) = pair(&rt).await;
        assert_eq!(try_write(&mut client, &[7; 8]).await, Some(Ok(8)));
        assert_eq!(try_write(&mut client, &[7; 8]).await, Some(Ok(2)));
        assert_eq!(try_write(&mut client, &[7; 8]).await, None);
        let writer = rt.spawn("writer", async move {
            client.write_all(&[8; 5]).await.expect("open");
            client
        });
        rt.sleep(secs(1)).await;
        assert!(!writer.is_finished());
        server.read_exact(&mut [0; 4]).await.expect("open");
        rt.sleep(secs(1)).await;
        assert!(!writer.is_finished());
        server.read_exact(&mut [0; 1]).await.expect("open");
        let _client = writer.await.expect("no panic");
    });
}

#[test]
fn a_read_takes_all_that_has_arrived_across_writes() {
    run(1, |rt| async move {
        let (mut client, mut server) = pair(&rt).await;
        for part in [&b"ab"[..], b"cde", b"f"] {
            client.write_all(part).await.expect("open");
        }
        rt.sleep(secs(1)).await;
        let mut read = [0; 4];
        assert_eq!(server.read(&mut read).await.expect("open"), 4);
        assert_eq!(&read, b"abcd");
        assert_eq!(server.read(&mut []).await.expect("open"), 0);
        assert_eq!(server.read(&mut read).await.expect("open"), 2);
        assert_eq!(&read[..2], b"ef");
    });
}

#[test]
fn a_read_needs_no_zeroed_memory() {
    run(1, |rt| async move {
        let (mut client, mut server) = pair(&rt).await;
        client.write_all(b"ahoy").await.expect("open");
        let mut memory = [MaybeUninit::uninit(); 100];
        let mut buf = ReadBuf::uninit(&mut memory);
        poll_fn(|cx| Pin::new(&mut *server).poll_read_into(cx, &mut buf)).await.expect("open");
        assert_eq!(buf.filled(), b"ahoy");
        assert_eq!(buf.initialized(), 4);
        client.close().await.expect("open");
        poll_fn(|cx| Pin::new(&mut *server).poll_read_into(cx, &mut buf)).await.expect("an end");
        assert_eq!(buf.filled(), b"ahoy");
    });
}

#[test]
fn a_vectored_write_takes_all_slices_at_once() {
    let config = Config { stream_bytes_max: 7, ..Config::from(1) };
    run(config, |rt| async move {
        let (mut client, mut server) = pair(&rt).await;
        assert!(client.is_write_vectored());
        let slices = [&b"abc"[..], b"", b"de", b"fghij"].map(IoSlice::new);
        let written = poll_fn(|cx| Pin::new(&mut client).poll_write_vectored(cx, &slices)).await;
        assert_eq!(written.expect("open"), 7);
        let mut read = [0; 7];
        server.read_exact(&mut read).await.expect("open");
        assert_eq!(&read, b"abcdefg");
    });
}

#[test]
fn a_closed_direction_leaves_the_other_open() {
    run(1, |rt| async move {
        let (mut client, mut server) = pair(&rt).await;
        client.write_all(b"question").await.expect("open");
        client.close().await.expect("open");
        client.close().await.expect("closing twice is fine");
        let mut question = String::new();
        server.read_to_string(&mut question).await.expect("an end");
        assert_eq!(question, "question");
        assert_eq!(server.read(&mut [0; 1]).await.expect("still the end"), 0);
        assert_eq!(try_write(&mut client, b"more").await, Some(Err(io::ErrorKind::BrokenPipe)));
        server.write_all(b"answer").await.expect("open");
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an end");
        assert_eq!(answer, "answer");
    });
}

#[test]
fn the_end_wakes_a_reader_who_waits_for_it() {
    run(1, |rt| async move {
        let (client, mut server) = pair(&rt).await;
        let reader = rt.spawn("reader", async move { kind(server.read(&mut [0; 1]).await) });
        rt.sleep(secs(1)).await;
        assert!(!reader.is_finished());
        drop(client);
        assert_eq!(reader.await.expect("no panic"), Ok(0));
    });
}

#[test]
fn a_writer_learns_that_its_reader_is_gone() {
    let config = Config { stream_bytes_max: 10, ..Config::from(1) };
    run(config, |rt| async move {
        let (mut client, server) = pair(&rt).await;
        let writer = rt.spawn("writer", async move {
            let first = kind(client.write_all(&[7; 30]).await);
            (first, kind(client.write(b"x").await))
        });
        rt.sleep(secs(1)).await;
        assert!(!writer.is_finished());
        drop(server);
        let broken = Err(io::ErrorKind::BrokenPipe);
        assert_eq!(writer.await.expect("no panic"), (broken, Err(io::ErrorKind::BrokenPipe)));
    });
}

#[test]
fn a_reset_is_seen_by_reader_and_writer_at_once_and_loses_what_was_under_way() {
    let config = Config { stream_bytes_max: 10, ..Config::from(1) };
    run(config, |rt| async move {
        let (client, mut server) = pair(&rt).await;
        let (mut reader, mut writer) = client.split();
        server.write_all(b"lost").await.expect("open");
        let reading = rt.spawn("reader", async move { kind(reader.read(&mut [0; 1]).await) });
        let writing = rt.spawn("writer", async move {
            kind(writer.write_all(&[7; 30]).await)?;
            kind(writer.flush().await)
        });
        for _ in 0..20 {
            yield_now().await;
        }
        let now = rt.now();
        server.abort();
        assert_eq!(reading.await.expect("no panic"), Err(io::ErrorKind::ConnectionReset));
        assert_eq!(writing.await.expect("no panic"), Err(io::ErrorKind::ConnectionReset));
        assert_eq!(rt.now(), now);
    });
}

#[test]
fn sixty_four_mebibytes_are_echoed_through_a_small_window() {
    const MIB: usize = 1 << 20;
    run(1, |rt| async move {
        let (client, server) = pair(&rt).await;
        let echo = rt.spawn("echo", async move {
            let (reader, mut writer) = server.split();
            let reader = futures::io::BufReader::with_capacity(64 << 10, reader);
            futures::io::copy_buf(reader, &mut writer).await.expect("open");
            writer.close().await.expect("open");
        });
        let (mut reader, mut writer) = client.split();
        let mut rng = rt.rng("bytes");
        let mut block = vec![0; MIB];
        rng.fill(&mut block);
        let sent = block.clone();
        let sending = rt.spawn("sender", async move {
            for _ in 0..64 {
                writer.write_all(&sent).await.expect("open");
            }
            writer.close().await.expect("open");
        });
        let mut received = vec![0; MIB];
        for _ in 0..64 {
            reader.read_exact(&mut received).await.expect("open");
            assert!(received == block, "the echo differs");
        }
        assert_eq!(reader.read(&mut received).await.expect("an end"), 0);
        sending.await.expect("no panic");
        echo.await.expect("no panic");
    });
}

/// A random sequence of partial writes and reads against a plain queue of bytes.
mod model {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(Vec<u8>),
        Read(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Step::Write),
            (0_usize..40).prop_map(Step::Read),
            (0_u64..3000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn a_stream_is_a_queue_of_bytes(
            seed in any::<u64>(),
            bytes_max in 1_usize..64,
            steps in proptest::collection::vec(step(), 0..60),
        ) {
            let config = Config { stream_bytes_max: bytes_max, ..Config::from(seed) };
            run(config, |rt| async move {
                let (mut client, mut server) = pair(&rt).await;
                let mut model = VecDeque::<u8>::new();
                for step in steps {
                    match step {
                        Step::Write(bytes) => {
                            let room = bytes_max - model.len();
                            let expected = match bytes.len().min(room) {
                                0 if !bytes.is_empty() => None,
                                n => Some(Ok(n)),
                            };
                            // An empty write is accepted, or has to wait, as the stream likes.
                            let written = try_write(&mut client, &bytes).await;
                            if !bytes.is_empty() {
                                assert_eq!(written, expected);
                            }
                            model.extend(&bytes[..bytes.len().min(room)]);
                        }
                        Step::Read(len) => {
                            let mut read = vec![0; len];
                            if let Some(n) = try_read(&mut server, &mut read).await {
                                let n = n.expect("open");
                                assert!(n <= model.len(), "bytes out of nowhere");
                                let expected: Vec<_> = model.drain(..n).collect();
                                assert_eq!(read[..n], expected);
                            }
                        }
                        Step::Wait(micros) => rt.sleep(Duration::from_micros(micros)).await,
                    }
                }
                client.close().await.expect("open");
                let mut rest = Vec::new();
                server.read_to_end(&mut rest).await.expect("an end");
                assert_eq!(rest, Vec::from(model));
            });
        }
    }
}

#[test]
fn no_delay_is_a_wish_a_stream_in_memory_always_grants() {
    run(1, |rt| async move {
        let (client, _server) = pair(&rt).await;
        client.set_nodelay(false).expect("nothing to set");
        let shown = format!("{:?}", &*client as &dyn Connection);
        assert!(shown.contains("127.0.0.1:80"), "{shown}");
    });
}
