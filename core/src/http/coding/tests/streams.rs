use std::{
    error::Error,
    pin::pin,
    task::{Context, Poll, Waker},
};

use futures::{SinkExt, Stream, channel::mpsc};

use super::*;
use crate::testing;

#[derive(Debug, thiserror::Error)]
#[error("the peer hung up")]
struct HungUp;

fn hung_up() -> io::Result<Bytes> {
    Err(io::Error::new(io::ErrorKind::ConnectionReset, HungUp))
}

#[test]
fn when_the_body_fails_that_is_the_error_and_nothing_before_it_is_lost() {
    for coding in ALL {
        let bytes = vec![3; 200_000];
        let coded = coded(coding, &bytes);
        for (cut, expected) in [(0, 0), (coded.len() / 2, 0), (coded.len(), bytes.len())] {
            let mut chunks = body(&coded[..cut], 100);
            chunks.push(hung_up());
            let (out, end) = decoded(&[coding], chunks, u64::MAX);
            let DecodeError::Body(error) = end.unwrap_err() else { panic!("the body's own error") };
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            assert!(error.get_ref().unwrap().is::<HungUp>());
            assert!(out.len() >= expected && bytes.starts_with(&out));
        }
    }
    let (out, end) = decoded(&[], vec![Ok(Bytes::from_static(b"a")), hung_up()], 0);
    assert_eq!(out, b"a");
    assert_eq!(end.unwrap_err().to_string(), "the peer hung up");
}

#[test]
fn errors_name_the_cause_once() {
    let error = failure(&[Coding::Gzip], &coded(Coding::Gzip, b"Ahoy")[..12]);
    assert_eq!(
        error.to_string(),
        "the body cannot be decoded as gzip: it was damaged or cut off on the way, or the server names the wrong \
         coding; send the request again, or without decoding to see what comes"
    );
    assert_eq!(error.source().unwrap().to_string(), "it ends in the middle");
}

#[test]
fn what_has_come_is_given_before_more_is_waited_for() {
    testing::for_each_seed(0..20, |rt| async move {
        let (mut sender, receiver) = mpsc::channel(0);
        // Two members: the first is complete while the server keeps silent.
        let reader = rt.spawn("reader", async move {
            let mut decoded = Decoded::new(receiver, &[Coding::Gzip], 1000);
            let mut seen = Vec::new();
            while let Some(chunk) = decoded.next().await {
                seen.push(chunk.unwrap());
            }
            seen
        });
        for part in [b"first", b"other"] {
            let coded = coded(Coding::Gzip, part);
            for byte in coded {
                sender.send(Ok(Bytes::copy_from_slice(&[byte]))).await.unwrap();
            }
            rt.sleep(std::time::Duration::from_secs(1)).await;
        }
        drop(sender);
        let seen = reader.await.unwrap();
        assert!(seen.len() >= 2, "{seen:?}");
        assert_eq!(seen.concat(), b"firstother");
    });
}

/// How many bytes come out between two `Pending`s, at most, and how many polls there are.
fn longest_turn(decoded: impl Stream<Item = Result<Bytes, DecodeError>>) -> (usize, usize) {
    let mut decoded = pin!(decoded);
    let (mut longest, mut turn, mut pendings) = (0, 0, 0);
    loop {
        match decoded.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(chunk)) => turn += chunk.unwrap().len(),
            Poll::Ready(None) => return (longest.max(turn), pendings),
            Poll::Pending => {
                (longest, turn) = (longest.max(turn), 0);
                pendings += 1;
            }
        }
    }
}

#[test]
fn a_bomb_lets_others_run() {
    for coding in ALL {
        let bomb = Bytes::from(coded(coding, &vec![0; 10_000_000]));
        let decoded = Decoded::new(stream::iter([Ok(bomb)]), &[coding], u64::MAX);
        let (longest, pendings) = longest_turn(decoded);
        assert!(longest <= 128 * 1024, "{coding}: {longest}");
        assert!(pendings >= 70, "{coding}: {pendings}");
    }
}

#[test]
fn input_that_gives_nothing_lets_others_run() {
    // Empty members, empty chunks, and what follows the end.
    let members = Bytes::from(coded(Coding::Gzip, b"").repeat(10_000));
    let (_, pendings) = longest_turn(Decoded::new(stream::iter([Ok(members)]), &[Coding::Gzip], 0));
    assert!(pendings >= 100, "{pendings}");
    for codings in [&[Coding::Gzip][..], &[]] {
        let nothing = stream::iter((0..10_000).map(|_| Ok(Bytes::new())));
        let (_, pendings) = longest_turn(Decoded::new(nothing, codings, 0));
        assert!(pendings >= 70, "{codings:?}: {pendings}");
    }
}

#[test]
fn a_small_body_comes_in_one_chunk() {
    let bytes = vec![5; 5000];
    let mut decoded =
        Decoded::new(stream::iter(body(&coded(Coding::Gzip, &bytes), 10)), &[Coding::Gzip], 5000);
    let chunk = block_on(decoded.next()).unwrap().unwrap();
    assert_eq!(chunk, bytes);
}
