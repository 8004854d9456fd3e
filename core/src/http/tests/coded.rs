//! Bodies that were coded on the way.

use async_compression::futures::bufread::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use futures::{AsyncRead, AsyncReadExt, FutureExt};

use super::*;

fn read(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut coded = Vec::new();
    encoder.read_to_end(&mut coded).now_or_never().expect("nothing to wait for").unwrap();
    coded
}

fn coded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => read(GzipEncoder::new(bytes)),
        "br" => read(BrotliEncoder::with_quality(bytes, async_compression::Level::Fastest)),
        "zstd" => read(ZstdEncoder::new(bytes)),
        "deflate" => read(ZlibEncoder::new(bytes)),
        _ => unreachable!("no coding"),
    }
}

fn as_coded(coding: &str, bytes: Vec<u8>) -> Reply {
    Reply::bytes(bytes).header("content-encoding", coding)
}

#[test]
fn every_coding_is_asked_for_and_undone() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, |request: &Received| {
            let coding = &request.path()[1..];
            as_coded(coding, coded(coding, "ahoy ".repeat(1000).as_bytes()))
        })
        .await;
        let client = client(&rt, config());
        for coding in ["gzip", "br", "zstd", "deflate"] {
            let reply = client.get(server.url(&format!("/{coding}"))).send().await.unwrap();
            assert!(reply.headers().get("content-encoding").is_none());
            assert!(reply.headers().get("content-length").is_none());
            assert_eq!(reply.content_length(), None);
            assert_eq!(reply.text().await.unwrap(), "ahoy ".repeat(1000));
        }
        let accepted = server.requests()[0].header("accept-encoding").unwrap().to_owned();
        assert!(
            ["gzip", "br", "zstd", "deflate"].iter().all(|coding| accepted.contains(coding)),
            "{accepted}"
        );
        assert_eq!(server.connections().accepted, 1, "a coded body is read to its end");
    });
}

#[test]
fn whoever_asks_for_a_coding_or_a_part_gets_it_as_it_is() {
    for_each_seed(0..2, |rt| async move {
        let server = serve(&rt, |_: &Received| as_coded("gzip", coded("gzip", b"ahoy"))).await;
        let client = client(&rt, config());
        for (name, value) in [("accept-encoding", "gzip"), ("range", "bytes=0-9")] {
            let reply = client.get(server.url("/")).header(name, value).send().await.unwrap();
            assert_eq!(reply.headers()["content-encoding"], "gzip");
            assert_eq!(reply.bytes().await.unwrap(), coded("gzip", b"ahoy"));
        }
        assert_eq!(server.requests()[1].header("accept-encoding"), None);
        let plain = super::client(&rt, Config { decode: false, ..config() });
        let reply = plain.get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.bytes().await.unwrap(), coded("gzip", b"ahoy"));
    });
}

#[test]
fn an_empty_body_with_a_coding_is_empty() {
    for_each_seed(0..5, |rt| async move {
        for coding in ["gzip", "br", "zstd", "deflate"] {
            for reply in [
                as_coded(coding, Vec::new()),
                Reply::chunked(Vec::<&str>::new()).header("content-encoding", coding),
                as_coded(coding, Vec::new()).until_close(),
            ] {
                assert_eq!(one_reply(&rt, reply).await.unwrap(), "", "{coding}");
            }
        }
    });
}

#[test]
fn all_members_of_a_gzip_are_read() {
    for_each_seed(0..5, |rt| async move {
        let both = [coded("gzip", b"ahoy "), coded("gzip", b"there")].concat();
        assert_eq!(one_reply(&rt, as_coded("gzip", both.clone())).await.unwrap(), "ahoy there");
        let trickled = as_coded("gzip", both).trickle(1, Duration::from_millis(1));
        assert_eq!(one_reply(&rt, trickled).await.unwrap(), "ahoy there");
    });
}

#[test]
fn codings_are_undone_in_turn() {
    for_each_seed(0..2, |rt| async move {
        let twice = as_coded("br, gzip", coded("gzip", &coded("br", b"ahoy")));
        assert_eq!(one_reply(&rt, twice).await.unwrap(), "ahoy");
    });
}

#[test]
fn a_bomb_is_stopped_at_the_bound_and_names_it() {
    let zeros = vec![0; 8 << 20];
    let bombs: Vec<_> =
        ["gzip", "br", "zstd", "deflate"].iter().map(|coding| (*coding, coded(coding, &zeros))).collect();
    for_each_seed(0..2, |rt| {
        let bombs = bombs.clone();
        async move {
            for (coding, bomb) in bombs {
                assert!(bomb.len() < 16 << 10);
                let server = serve_reply(&rt, as_coded(coding, bomb)).await;
                let client = client(&rt, Config { body_bytes_max: 1 << 20, ..once() });
                let error = client.get(server.url("/")).send().await.unwrap().bytes().await.unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::TooBig { body_bytes_max } if *body_bytes_max == 1 << 20),
                    "{coding}: {error:?}"
                );
                // As a stream, too: nobody knows what it will unfold to.
                let mut reply = client.get(server.url("/")).send().await.unwrap();
                let mut bytes = 0;
                let error = loop {
                    match reply.chunk().await {
                        Ok(piece) => bytes += piece.expect("an error first").len(),
                        Err(error) => break error,
                    }
                };
                assert!(bytes <= 1 << 20, "{coding}: {bytes}");
                assert!(error.to_string().contains("`body_bytes_max`"), "{error}");
                drop(reply);
                assert_at_rest(&rt, &client).await;
            }
        }
    });
}

#[test]
fn a_coded_body_that_is_damaged_or_cut_off_is_an_error() {
    for_each_seed(0..5, |rt| async move {
        for coding in ["gzip", "br", "zstd", "deflate"] {
            let whole = coded(coding, b"ahoy there");
            let cut = whole[..whole.len() - 3].to_vec();
            for reply in [as_coded(coding, cut), as_coded(coding, b"not coded at all".to_vec())] {
                let error = one_reply(&rt, reply).await.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Body { .. }), "{coding}: {error:?}");
            }
        }
    });
}

#[test]
fn a_coding_nobody_knows_is_left_as_it_is() {
    for_each_seed(0..2, |rt| async move {
        let server = serve_reply(&rt, as_coded("x-own", b"ahoy".to_vec())).await;
        let reply = client(&rt, config()).get(server.url("/")).send().await.unwrap();
        assert_eq!(reply.headers()["content-encoding"], "x-own");
        assert_eq!(reply.text().await.unwrap(), "ahoy");
    });
}
