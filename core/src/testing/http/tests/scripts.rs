use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{
        body::{Decoder, Framing, Taken},
        head::{self, Malformed},
        script::{End, Facts, Step, script},
    },
    *,
};

const GET_FACTS: Facts = Facts { is_head: false, is_last: false, nth: 1 };

/// All bytes of a reply without pauses.
fn wire(reply: Reply, facts: Facts) -> (Vec<u8>, End) {
    let script = script(reply, facts);
    let mut wire = Vec::new();
    for step in script.steps {
        match step {
            Step::Write(bytes) | Step::Trickle(bytes, _) => wire.extend_from_slice(&bytes),
            Step::Pause(_) | Step::Hang | Step::Endless { .. } => {}
        }
    }
    (wire, script.end)
}

/// The body in `input`, fed piece by piece, its trailers, and what is left.
type Decoded = (Vec<u8>, Vec<(String, String)>, Vec<u8>);

fn decode(framing: Framing, input: &[u8], piece: usize) -> Result<Option<Decoded>, Malformed> {
    let (mut decoder, mut buffer, mut body) = (Decoder::new(framing), Vec::new(), Vec::new());
    let mut pieces = input.chunks(piece);
    while !decoder.is_done() {
        let Taken { bytes, data } = decoder.take(&buffer)?;
        body.extend_from_slice(&buffer[data]);
        buffer.drain(..bytes);
        if bytes == 0 && !decoder.is_done() {
            let Some(next) = pieces.next() else { return Ok(None) };
            buffer.extend_from_slice(next);
        }
    }
    buffer.extend(pieces.flatten());
    Ok(Some((body, decoder.into_trailers(), buffer)))
}

fn split_head(wire: &[u8]) -> (String, &[u8]) {
    let at = wire.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8(wire[..at].to_vec()).expect("text"), &wire[at..])
}

proptest! {
    #[test]
    fn what_is_sent_in_chunks_is_read_whatever_the_pieces(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        piece in 1_usize..50,
        after in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let reply = Reply::chunked(chunks.clone()).trailer("x-sum", "7");
        let (mut wire, end) = wire(reply, GET_FACTS);
        prop_assert_eq!(end, End::KeepAlive);
        wire.extend_from_slice(&after);
        let (head, body) = split_head(&wire);
        prop_assert!(head.contains("transfer-encoding: chunked\r\n"));
        let (data, trailers, rest) = decode(Framing::Chunked, body, piece).expect("good").expect("complete");
        prop_assert_eq!(data, chunks.concat());
        prop_assert_eq!(trailers, vec![("x-sum".to_owned(), "7".to_owned())]);
        prop_assert_eq!(rest, after);
    }

    #[test]
    fn a_sized_body_takes_its_length_and_not_more(
        body in prop::collection::vec(any::<u8>(), 0..100),
        after in prop::collection::vec(any::<u8>(), 0..10),
        piece in 1_usize..50,
    ) {
        let input = [body.clone(), after.clone()].concat();
        let decoded = decode(Framing::Length(body.len() as u64), &input, piece).expect("good").expect("complete");
        prop_assert_eq!(decoded, (body, Vec::new(), after));
    }

    #[test]
    fn a_reply_that_is_cut_is_the_start_of_the_whole_one(
        body in prop::collection::vec(any::<u8>(), 0..100),
        at in 0_u64..120,
        is_chunked in any::<bool>(),
    ) {
        let reply = || if is_chunked { Reply::chunked([body.clone()]) } else { Reply::bytes(body.clone()) };
        let (whole, _) = wire(reply(), GET_FACTS);
        let (truncated, end) = wire(reply().truncated(at), GET_FACTS);
        prop_assert_eq!(end, End::Close);
        let (head, rest) = split_head(&whole);
        let kept = usize::try_from(at).expect("small").min(rest.len());
        prop_assert_eq!(&truncated[..], &whole[..head.len() + kept]);
        let (same, end) = wire(reply().reset(at), GET_FACTS);
        prop_assert_eq!(end, End::Reset);
        prop_assert_eq!(same, truncated);
    }

    #[test]
    fn a_pace_changes_no_byte(body in prop::collection::vec(any::<u8>(), 0..100), n in 0_usize..9) {
        let reply = || Reply::bytes(body.clone()).garbage("rest");
        let slow = reply().trickle(n, second()).trickle_head(n, second()).after(second());
        prop_assert_eq!(wire(slow, GET_FACTS), wire(reply(), GET_FACTS));
    }

    #[test]
    fn no_bytes_upset_the_parsers(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..20) {
        _ = head::parse(&bytes);
        _ = decode(Framing::Chunked, &bytes, piece);
    }
}

#[test]
fn a_head_without_a_body_says_the_length_of_the_body() {
    let facts = Facts { is_head: true, ..GET_FACTS };
    let (wire, end) = wire(Reply::text("ahoy"), facts);
    let (head, body) = split_head(&wire);
    assert!(head.contains("content-length: 4\r\n"));
    assert_eq!((body, end), (&[][..], End::KeepAlive));
    let (wire, _) = super::scripts::wire(Reply::chunked(["ahoy"]), facts);
    assert!(split_head(&wire).1.is_empty());
}

#[test]
fn statuses_without_a_body_say_nothing_of_its_length() {
    for status in [204, 304] {
        let (wire, _) = wire(Reply::text("ahoy").status(status), GET_FACTS);
        let (head, body) = split_head(&wire);
        assert!(!head.contains("content-length") && body.is_empty(), "{head}");
    }
}

#[test]
fn a_connection_is_kept_as_both_sides_have_it() {
    let end = |reply: Reply, facts| {
        let (wire, end) = wire(reply, facts);
        (end, split_head(&wire).0.contains("connection: close\r\n"))
    };
    let last = Facts { is_last: true, ..GET_FACTS };
    let second = Facts { nth: 2, ..GET_FACTS };
    assert_eq!(end(Reply::new(200), GET_FACTS), (End::KeepAlive, false));
    assert_eq!(end(Reply::new(200), last), (End::Close, true));
    assert_eq!(end(Reply::new(200).close(), GET_FACTS), (End::Close, true));
    assert_eq!(end(Reply::new(200).keep_alive(2), GET_FACTS), (End::KeepAlive, false));
    assert_eq!(end(Reply::new(200).keep_alive(2), last), (End::Close, true));
    assert_eq!(end(Reply::new(200).keep_alive(2), second), (End::Close, true));
    assert_eq!(end(Reply::new(200).keep_alive_race(2, Duration::ZERO), GET_FACTS), (End::KeepAlive, false));
    assert_eq!(end(Reply::new(200).keep_alive_race(2, Duration::ZERO), second), (End::Close, false));
    assert_eq!(end(Reply::new(200).http_10(), GET_FACTS), (End::Close, true));
    assert_eq!(end(Reply::text("x").until_close(), GET_FACTS), (End::Close, true));
    // Its own header stands, and nothing is added to it.
    assert_eq!(end(Reply::new(200).header("Connection", "odd").close(), GET_FACTS), (End::Close, false));
}

#[test]
fn a_raw_reply_is_sent_as_it_is() {
    let raw = Bytes::from_static(b"nonsense\r\n");
    let last = Facts { is_head: true, is_last: true, nth: 9 };
    assert_eq!(wire(Reply::raw(raw.clone()), last), (raw.to_vec(), End::KeepAlive));
    assert_eq!(wire(Reply::raw(raw.clone()).close(), last), (raw.to_vec(), End::Close));
    assert_eq!(wire(Reply::raw(raw.clone()).reset(3), last), (raw[..3].to_vec(), End::Reset));
}

#[test]
fn a_length_that_can_be_read_in_two_ways_is_refused() {
    let parse = |headers: &str| head::parse(format!("POST / HTTP/1.1\r\n{headers}\r\n").as_bytes());
    for headers in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: +3\r\n",
        "content-length: 3, 3\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length:\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ] {
        assert!(matches!(parse(headers), Err(Malformed::Framing(_))), "{headers}");
    }
    let framing = |headers: &str| parse(headers).expect("good").expect("complete").1.framing;
    assert_eq!(framing("content-length: 3\r\nContent-Length: 3\r\n"), Framing::Length(3));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Framing::Chunked);
    assert_eq!(framing(""), Framing::Length(0));
}

#[test]
fn broken_chunks_are_refused() {
    for broken in ["zz\r\n", "3\r\nabcd\r\n", "3\r\nabc\n\n", "-1\r\n", "fffffffffffffffff\r\n"] {
        assert!(decode(Framing::Chunked, broken.as_bytes(), 1).is_err(), "{broken:?}");
    }
    let endless_size = format!("1;{}", "x".repeat(5000));
    assert!(decode(Framing::Chunked, endless_size.as_bytes(), 100).is_err());
    let endless_trailers = format!("0\r\nx: {}", "x".repeat(70_000));
    assert!(decode(Framing::Chunked, endless_trailers.as_bytes(), 1000).is_err());
    assert_eq!(decode(Framing::Chunked, b"3\r\nabc\r\n", 1), Ok(None));
    let (body, ..) =
        decode(Framing::Chunked, b"3;ext=1\r\nabc\r\n0\r\n\r\n", 1).expect("good").expect("whole");
    assert_eq!(body, b"abc");
}
