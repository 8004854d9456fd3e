//! Where a body ends, and what a peer that lies about it brings about.

use super::*;

#[test]
fn head_204_and_304_have_no_body_whatever_their_headers_say() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/204" => Reply::new(204).header("content-length", "10"),
            "/304" => Reply::new(304).header("content-length", "10").header("content-encoding", "gzip"),
            "/head" => Reply::text("").content_length(1000).header("content-encoding", "gzip"),
            _ => Reply::text("ahoy"),
        })
        .await;
        let client = client(&rt, config());
        for (method, path) in [(Method::GET, "/204"), (Method::GET, "/304"), (Method::HEAD, "/head")] {
            let reply = client.request(method, server.url(path)).send().await.unwrap();
            assert_eq!(client.stats().in_use, 0, "{path}: its connection is free at once");
            assert_eq!(reply.text().await.unwrap(), "", "{path}");
        }
        assert_eq!(text(&client, server.url("/")).await, "ahoy");
        assert_eq!(server.connections().accepted, 1);
    });
}

#[test]
fn headers_of_a_head_are_as_they_came() {
    for_each_seed(0..2, |rt| async move {
        let reply = Reply::text("").content_length(1000).header("content-encoding", "gzip");
        let server = serve_reply(&rt, reply).await;
        let reply = client(&rt, config()).head(server.url("/")).send().await.unwrap();
        assert_eq!(reply.headers()["content-length"], "1000");
        assert_eq!(reply.headers()["content-encoding"], "gzip");
    });
}

#[test]
fn a_body_shorter_than_was_said_is_an_error() {
    for_each_seed(0..20, |rt| async move {
        for reply in [
            Reply::text("ahoy").content_length(1000).close(),
            Reply::bytes(vec![7; 1000]).truncated(500),
            Reply::chunked(["ahoy"]).truncated(5),
            Reply::chunked(["ahoy"]).truncated(9),
            Reply::text("ahoy").reset(2).pause_before_cut(secs(1)),
            Reply::text("ahoy").broken_chunk().close(),
        ] {
            let error = one_reply(&rt, reply.clone()).await.expect_err(&format!("{reply:?}"));
            assert!(matches!(error.kind(), ErrorKind::Body { .. }), "{reply:?}: {error:?}");
            assert_eq!(error.phase(), Some(Phase::Body));
            assert!(error.to_string().contains("the body of the reply cannot be read"), "{error}");
        }
    });
}

#[test]
fn after_a_body_broke_off_there_is_nothing_more() {
    for_each_seed(0..10, |rt| async move {
        let server = serve_reply(&rt, Reply::bytes(vec![7; 1000]).truncated(500)).await;
        let client = client(&rt, config());
        let mut reply = client.get(server.url("/")).send().await.unwrap();
        let mut bytes = 0;
        let error = loop {
            match reply.chunk().await {
                Ok(Some(piece)) => bytes += piece.len(),
                Ok(None) => panic!("it was cut off"),
                Err(error) => break error,
            }
        };
        assert_eq!(bytes, 500, "{error}");
        assert_eq!(reply.chunk().await.unwrap(), None);
        drop(reply);
        assert_at_rest(&rt, &client).await;
        assert_eq!(client.stats().idle, 0);
    });
}

#[test]
fn two_lengths_that_differ_are_no_reply_and_two_that_agree_are_one() {
    for_each_seed(0..10, |rt| async move {
        let differing = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nahoy!";
        let error = one_reply(&rt, Reply::raw(differing)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoReply { is_sent: true, .. }), "{error:?}");
        for length in ["x", "-1", "4, 5", "99999999999999999999999"] {
            let raw = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nahoy!");
            let error = one_reply(&rt, Reply::raw(raw)).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NoReply { .. }), "{length}: {error:?}");
        }
        let agreeing = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\nahoy";
        assert_eq!(one_reply(&rt, Reply::raw(agreeing)).await.unwrap(), "ahoy");
    });
}

#[test]
fn chunks_count_where_a_length_contradicts_them() {
    for_each_seed(0..10, |rt| async move {
        assert_eq!(one_reply(&rt, Reply::chunked(["ahoy"]).content_length(1)).await.unwrap(), "ahoy");
    });
}

#[test]
fn a_reply_that_is_no_http_is_no_reply() {
    for_each_seed(0..10, |rt| async move {
        for raw in
            ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\na b: c\r\n\r\n"]
        {
            let error = one_reply(&rt, Reply::raw(raw).close()).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NoReply { is_sent: true, .. }), "{raw}: {error:?}");
        }
    });
}

#[test]
fn trailers_come_after_the_body() {
    for_each_seed(0..10, |rt| async move {
        let server =
            serve_reply(&rt, Reply::chunked(["a", "hoy"]).trailer("x-sum", "9").trailer("x-b", "c")).await;
        let client = client(&rt, config());
        let mut reply = client.get(server.url("/")).send().await.unwrap();
        assert!(reply.take_trailers().is_none());
        let mut body = Vec::new();
        while let Some(piece) = reply.chunk().await.unwrap() {
            body.extend_from_slice(&piece);
        }
        assert_eq!(body, b"ahoy");
        let trailers = reply.take_trailers().unwrap();
        assert_eq!((trailers["x-sum"].as_bytes(), trailers["x-b"].as_bytes()), (&b"9"[..], &b"c"[..]));
        assert_eq!(text(&client, server.url("/")).await, "ahoy");
        assert_eq!(server.connections().accepted, 1);
    });
}

#[test]
fn what_informs_is_passed_over() {
    for_each_seed(0..10, |rt| async move {
        let reply = Reply::text("ahoy")
            .informational(100, &[])
            .informational(103, &[("link", "</a.css>"), ("x-early", "1")])
            .informational(102, &[])
            .after(secs(1));
        let server = serve_reply(&rt, reply).await;
        let client = client(&rt, config());
        for _ in 0..2 {
            let reply = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(reply.status(), 200);
            assert!(reply.headers().get("x-early").is_none());
            assert_eq!(reply.text().await.unwrap(), "ahoy");
        }
        assert_eq!(server.connections().accepted, 1);
    });
}

#[test]
fn a_body_beyond_the_bound_is_refused_before_it_is_kept() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/said" => Reply::bytes(vec![7; 2000]),
            "/chunks" => Reply::chunked(vec![vec![7; 100]; 20]),
            "/exactly" => Reply::bytes(vec![7; 1000]),
            _ => Reply::endless_body(),
        })
        .await;
        let client = client(&rt, Config { body_bytes_max: 1000, ..config() });
        for path in ["/said", "/chunks", "/endless"] {
            let error = client.get(server.url(path)).send().await.unwrap().bytes().await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::TooBig { body_bytes_max: 1000 }), "{path}: {error:?}");
        }
        let reply = client.get(server.url("/exactly")).send().await.unwrap();
        assert_eq!(reply.bytes().await.unwrap().len(), 1000);
        let reply = client.get(server.url("/said")).body_bytes_max(2000).send().await.unwrap();
        assert_eq!(reply.bytes().await.unwrap().len(), 2000);
        // As a stream it is not bounded.
        let mut reply = client.get(server.url("/chunks")).send().await.unwrap();
        let mut bytes = 0;
        while let Some(piece) = reply.chunk().await.unwrap() {
            bytes += piece.len();
        }
        assert_eq!(bytes, 2000);
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn endless_headers_end_at_the_bound() {
    for_each_seed(0..5, |rt| async move {
        let error = one_reply(&rt, Reply::endless_headers()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoReply { is_sent: true, .. }), "{error:?}");
        let many = (0..201).fold(Reply::text("ahoy"), |reply, n| reply.header(&format!("x-{n}"), "1"));
        let error = one_reply(&rt, many).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoReply { .. }), "{error:?}");
        let long = Reply::text("ahoy").header("x-long", "a".repeat(70 << 10));
        let error = one_reply(&rt, long).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoReply { .. }), "{error:?}");
        let fits = Reply::text("ahoy").header("x-long", "a".repeat(60 << 10));
        assert_eq!(one_reply(&rt, fits).await.unwrap(), "ahoy");
    });
}

#[test]
fn json_and_text_are_read_by_what_they_are() {
    for_each_seed(0..2, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.path() {
            "/json" => Reply::json(&serde_json::json!({ "a": 7 })),
            "/latin" => {
                Reply::new(200).header("content-type", "text/plain; charset=iso-8859-1").body(&b"\xe4"[..])
            }
            _ => Reply::text("not json"),
        })
        .await;
        let client = client(&rt, config());
        let reply = client.get(server.url("/json")).send().await.unwrap();
        assert_eq!(reply.json::<serde_json::Value>().await.unwrap()["a"], 7);
        assert_eq!(text(&client, server.url("/latin")).await, "\u{e4}");
        let reply = client.get(server.url("/")).send().await.unwrap();
        let error = reply.json::<serde_json::Value>().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Json { .. }), "{error:?}");
        assert_eq!(error.report().attempts().len(), 1);
    });
}
