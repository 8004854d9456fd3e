use super::*;

#[test]
fn an_honest_reply_has_its_length_and_nothing_that_was_not_asked_for() {
    let text = answer(Reply::text("ahoy").header("ETag", "\"1\"").close());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nETag: \"1\"\r\n";
    assert_eq!(text, format!("{head}content-length: 4\r\nconnection: close\r\n\r\nahoy"));
}

#[test]
fn a_delay_comes_before_the_head_and_after_what_informs() {
    run(1, |rt| async move {
        let reply = Reply::text("x").informational(103, &[("link", "</a.css>")]).after(9 * second());
        let server = start_with(&rt, reply).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, GET).await;
        let start = rt.now();
        let hints = read_until(&mut client, "\r\n\r\n").await;
        assert_eq!(hints, "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n");
        assert!(rt.now() - start < second());
        assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        assert!(rt.now() - start >= 9 * second());
    });
}

#[test]
fn a_stuttering_body_comes_byte_by_byte() {
    run(1, |rt| async move {
        let server = start_with(&rt, Reply::text("ahoy!").trickle(2, second())).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, GET).await;
        read_until(&mut client, "\r\n\r\nah").await;
        let start = rt.now();
        read_until(&mut client, "oy").await;
        assert!((second() * 9 / 10..second() * 11 / 10).contains(&(rt.now() - start)));
        read_until(&mut client, "!").await;
        assert!((second() * 19 / 10..second() * 21 / 10).contains(&(rt.now() - start)));
        // The connection is as good as before.
        send(&mut client, GET).await;
        read_until(&mut client, "ahoy!").await;
    });
}

#[test]
fn a_stuttering_head_takes_its_time() {
    run(1, |rt| async move {
        let server = start_with(&rt, Reply::raw("").close()).await;
        assert_eq!(ask(&rt, &server, GET).await.0, "");
        let server = start_with(&rt, Reply::new(204).trickle_head(1, second())).await;
        let mut client = connect(&rt, server.addr()).await;
        let start = rt.now();
        send(&mut client, GET).await;
        let head = read_until(&mut client, "\r\n\r\n").await;
        assert!(rt.now() - start >= second() * u32::try_from(head.len() - 1).expect("short"));
    });
}

#[test]
fn a_truncated_body_ends_well_too_soon() {
    let text = answer(Reply::text("ahoy").truncated(2));
    assert!(text.contains("content-length: 4\r\n") && text.ends_with("\r\n\r\nah"), "{text}");
    let text = answer(Reply::chunked(["ahoy"]).truncated(5));
    assert!(text.ends_with("\r\n\r\n4\r\nah"), "{text}");
}

#[test]
fn a_reset_is_a_reset_and_the_bytes_before_it_can_be_had() {
    for_each_seed(0..20, |rt| async move {
        let server = start_with(&rt, Reply::text("ahoy").pause_before_cut(second()).reset(2)).await;
        let (text, end) = ask(&rt, &server, GET).await;
        assert!(text.ends_with("\r\n\r\nah"), "{text}");
        assert_eq!(end.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn without_a_reply_the_connection_closes_resets_or_hangs() {
    run(1, |rt| async move {
        let server = start(&rt, |request: &Received| match request.path() {
            "/close" => Reply::close_before_reply(),
            "/reset" => Reply::reset_before_reply(),
            _ => Reply::hang().informational(102, &[]),
        })
        .await;
        let (text, end) = ask(&rt, &server, "POST /close HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi").await;
        assert_eq!((text.as_str(), end.is_ok()), ("", true));
        assert_eq!(server.requests()[0].text(), "hi");
        let (text, end) = ask(&rt, &server, "GET /reset HTTP/1.1\r\n\r\n").await;
        assert_eq!(text, "");
        assert_eq!(end.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, "GET /hang HTTP/1.1\r\n\r\n").await;
        read_until(&mut client, "102 Processing\r\n\r\n").await;
        assert!(rt.timeout(600 * second(), client.read(&mut [0])).await.is_err());
        assert_eq!(server.connections().open, 1);
        drop(client);
        rt.sleep(second()).await;
        assert_eq!(server.connections().open, 0);
    });
}

#[test]
fn a_length_that_is_a_lie_is_told() {
    let text = answer(Reply::text("ahoy").content_length(1000).close());
    assert!(text.contains("content-length: 1000\r\n") && text.ends_with("ahoy"));
    let text = answer(Reply::text("ahoy").content_length(1).close());
    assert!(text.contains("content-length: 1\r\n") && text.ends_with("ahoy"));
    let text = answer(Reply::chunked(["ahoy"]).content_length(1).close());
    assert!(text.contains("content-length: 1\r\ntransfer-encoding: chunked\r\n"));
}

#[test]
fn chunks_end_with_trailers_or_break() {
    let text = answer(Reply::chunked(["ahoy", "", "there"]).trailer("x-sum", "9").close());
    assert!(text.ends_with("\r\n\r\n4\r\nahoy\r\n5\r\nthere\r\n0\r\nx-sum: 9\r\n\r\n"), "{text}");
    let text = answer(Reply::text("ahoy").broken_chunk().close());
    assert!(text.ends_with("\r\n\r\n4\r\nahoy\r\nno size\r\n"), "{text}");
    let text = answer(Reply::text("ahoy").until_close());
    assert!(!text.contains("length") && text.ends_with("\r\n\r\nahoy"), "{text}");
}

#[test]
fn what_is_endless_is_reset_at_the_bound() {
    for reply in [Reply::endless_headers(), Reply::endless_body()] {
        run(1, |rt| async move {
            let config = Config { endless_bytes_max: 200_000, ..Config::default() };
            let is_headers = reply.has_endless_headers;
            let server = Server::start_with(&rt, LOCAL, config, None, move |_: &Received| reply.clone());
            let server = server.await.expect("a free port");
            let mut client = connect(&rt, server.addr()).await;
            send(&mut client, GET).await;
            let mut taken = vec![0; 100_000];
            client.read_exact(&mut taken).await.expect("much");
            let ends = taken.windows(4).any(|four| four == b"\r\n\r\n");
            assert_eq!(ends, !is_headers);
            let (_, end) = read_to_end(&mut client).await;
            assert_eq!(end.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
            rt.sleep(second()).await;
            assert_eq!(server.connections().open, 0);
        });
    }
    // So far the client follows, and a slow one is waited for: nothing piles up.
    run(1, |rt| async move {
        let server = start_with(&rt, Reply::endless_body().truncated(5000)).await;
        let (text, end) = ask(&rt, &server, GET).await;
        end.expect("a clean end");
        assert_eq!(text.split_once("\r\n\r\n").expect("a head").1.len(), 5000);
    });
}

#[test]
fn garbage_follows_the_reply_at_once() {
    let text = answer(Reply::text("ahoy").garbage("HTTP/1.1 200 evil").close());
    assert!(text.ends_with("\r\n\r\nahoyHTTP/1.1 200 evil"), "{text}");
}

#[test]
fn a_keep_alive_race_closes_without_a_word() {
    run(1, |rt| async move {
        let server = start_with(&rt, Reply::text("ahoy").keep_alive_race(2, 5 * second())).await;
        let mut client = connect(&rt, server.addr()).await;
        for _ in 0..2 {
            send(&mut client, GET).await;
            assert!(!read_until(&mut client, "ahoy").await.contains("connection"));
        }
        // Sent into the gap: it arrives and is not answered.
        let start = rt.now();
        rt.sleep(second()).await;
        send(&mut client, GET).await;
        let (text, end) = read_to_end(&mut client).await;
        assert_eq!((text.as_str(), end.is_ok()), ("", true));
        assert!(rt.now() - start >= 4 * second());
        assert_eq!(server.requests().len(), 2);
    });
}

#[test]
fn a_reply_of_http_1_0_says_so_and_closes() {
    let text = answer(Reply::text("ahoy").http_10());
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n") && text.ends_with("ahoy"), "{text}");
}
