use super::*;

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: test\r\n{headers}\r\n{body}")
}

#[test]
fn bodies_arrive_with_a_length_and_in_chunks() {
    for_each_seed(0..20, |rt| async move {
        let server = start(&rt, |request: &Received| Reply::text(request.text())).await;
        let mut client = connect(&rt, server.addr()).await;
        // In pieces, and two requests in one.
        let both = post("content-length: 4\r\n", "ahoy")
            + &post("transfer-encoding: chunked\r\n", "3\r\none\r\n3\r\ntwo\r\n0\r\nx-sum: 6\r\n\r\n");
        for piece in both.as_bytes().chunks(37) {
            client.write_all(piece).await.expect("open");
        }
        read_until(&mut client, "\r\n\r\nahoy").await;
        read_until(&mut client, "\r\n\r\nonetwo").await;
        let requests = server.requests();
        assert_eq!(requests[1].trailers, [("x-sum".to_owned(), "6".to_owned())]);
        assert!(requests.iter().all(|request| request.complete));
        assert_eq!(requests.iter().map(|request| request.nth).collect::<Vec<_>>(), [1, 2]);
    });
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    run(1, |rt| async move {
        let server = start(&rt, |request: &Received| Reply::text(request.text())).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, &post("content-length: 4\r\nexpect: 100-Continue\r\n", "")).await;
        assert_eq!(read_until(&mut client, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        assert!(!server.requests()[0].complete);
        send(&mut client, "ahoy").await;
        read_until(&mut client, "\r\n\r\nahoy").await;
        assert!(server.requests()[0].complete);
    });
}

#[test]
fn an_old_server_does_not_say_continue() {
    run(1, |rt| async move {
        let config = Config { continues: false, ..Config::default() };
        let handler = |request: &Received| Reply::text(request.text());
        let server = Server::start_with(&rt, LOCAL, config, None, handler).await.expect("a free port");
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, &post("content-length: 4\r\nexpect: 100-continue\r\n", "")).await;
        assert!(rt.timeout(60 * second(), client.read(&mut [0])).await.is_err());
        send(&mut client, "ahoy").await;
        assert!(read_until(&mut client, "ahoy").await.starts_with("HTTP/1.1 200"));
    });
}

fn too_large() -> impl Handler {
    let first = |head: &Received| (head.path() == "/").then(|| Reply::text("too large").status(413));
    early(first, |_: &Received| Reply::text("not early"))
}

#[test]
fn an_early_reply_comes_while_the_upload_goes_on() {
    for_each_seed(0..20, |rt| async move {
        let server = start(&rt, too_large()).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, &post("content-length: 200000\r\n", "half")).await;
        assert!(read_until(&mut client, "too large").await.starts_with("HTTP/1.1 413"));
        assert!(!server.requests()[0].complete);
        // The rest is read, and the connection serves the next.
        send(&mut client, &"x".repeat(200_000 - 4)).await;
        send(&mut client, "GET /other HTTP/1.1\r\n\r\n").await;
        read_until(&mut client, "not early").await;
        let requests = server.requests();
        assert_eq!((requests[0].complete, requests[0].body_bytes, requests[1].nth), (true, 200_000, 2));
    });
}

#[test]
fn an_early_reply_that_closes_is_not_lost_by_the_upload() {
    for_each_seed(0..20, |rt| async move {
        let closing = |_: &Received| Some(Reply::text("too large").status(413).close());
        let server = start(&rt, early(closing, routes)).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, &post("content-length: 200000\r\n", "half")).await;
        let (text, end) = read_to_end(&mut client).await;
        end.expect("a clean end");
        assert!(text.ends_with("too large"), "{text}");
        // It lingers a while, and no longer.
        assert_eq!(server.connections().open, 1);
        rt.sleep(2 * second()).await;
        assert_eq!(server.connections().open, 0);
        assert!(!server.requests()[0].complete);
    });
}

#[test]
fn an_early_reply_ends_the_connection_of_one_who_was_not_told_to_continue() {
    run(1, |rt| async move {
        let server = start(&rt, too_large()).await;
        let expecting = post("content-length: 4\r\nexpect: 100-continue\r\n", "");
        let (text, end) = ask(&rt, &server, &expecting).await;
        end.expect("a clean end");
        assert!(text.starts_with("HTTP/1.1 413") && text.contains("connection: close\r\n"), "{text}");
    });
}

#[test]
fn a_long_body_is_counted_and_hashed() {
    run(1, |rt| async move {
        let config = Config { body_bytes_kept_max: 3, ..Config::default() };
        let handler = |request: &Received| Reply::text(request.body_bytes.to_string()).close();
        let server = Server::start_with(&rt, LOCAL, config, None, handler).await.expect("a free port");
        let (text, _) = ask(&rt, &server, &post("content-length: 3\r\n", "abc")).await;
        assert!(text.ends_with("\r\n\r\n3"));
        let chunks = "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n";
        let (text, _) = ask(&rt, &server, &post("transfer-encoding: chunked\r\n", chunks)).await;
        assert!(text.ends_with("\r\n\r\n4"));
        let requests = server.requests();
        assert_eq!((requests[0].text().as_str(), requests[0].body_sha256.as_deref()), ("abc", None));
        assert_eq!((requests[1].text().as_str(), requests[1].body_bytes), ("abc", 4));
        // `printf abcd | sha256sum`
        let hash = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589";
        assert_eq!(requests[1].body_sha256.as_deref(), Some(hash));
    });
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason() {
    run(1, |rt| async move {
        let config = Config { body_bytes_max: 10, ..Config::default() };
        let server = Server::start_with(&rt, LOCAL, config, None, routes).await.expect("a free port");
        let long = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(64 << 10));
        let two = post("content-length: 3\r\ntransfer-encoding: chunked\r\n", "");
        for (request, status) in [
            ("no request\r\n\r\n", 400),
            (long.as_str(), 431),
            (two.as_str(), 400),
            (&post("content-length: 11\r\n", "0123456789a"), 413),
            (&post("transfer-encoding: chunked\r\n", "zz\r\n"), 400),
        ] {
            let (text, end) = ask(&rt, &server, request).await;
            end.expect("a clean end");
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        }
        assert_eq!(server.connections().malformed, 5);
    });
}

#[test]
fn a_request_that_breaks_off_is_in_the_ledger_as_incomplete() {
    run(1, |rt| async move {
        let server = start(&rt, routes).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, &post("content-length: 9\r\n", "half")).await;
        client.close().await.expect("open");
        read_to_end(&mut client).await.1.expect("a clean end");
        let request = &server.requests()[0];
        assert_eq!((request.complete, request.text().as_str(), request.body_bytes), (false, "half", 4));
    });
}
