use super::*;

#[test]
fn headers_are_kept_in_order_and_as_they_were_written() {
    run(1, |rt| async move {
        let server = start_with(&rt, Reply::new(204).close()).await;
        let mut client = connect(&rt, server.addr()).await;
        client
            .write_all(b"PURGE /a?b=1 HTTP/1.1\r\nX-B: 1\r\nx-a: \xe4\r\nX-b: 2\r\n\r\n")
            .await
            .expect("open");
        read_to_end(&mut client).await.1.expect("a clean end");
        let request = &server.requests()[0];
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.headers, [header("X-B", "1"), header("x-a", "\u{e4}"), header("X-b", "2")]);
        assert_eq!(request.header_all("x-b").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.header("X-A"), Some("\u{e4}"));
        assert_eq!((request.method.as_str(), request.path(), request.query()), ("PURGE", "/a", Some("b=1")));
        assert_eq!(request.peer, client.local_addr().expect("known"));
    });
}

#[test]
fn the_oldest_requests_are_forgotten_and_counted() {
    run(1, |rt| async move {
        let config = Config { requests_max: 2, ..Config::default() };
        let server = Server::start_with(&rt, LOCAL, config, None, routes).await.expect("a free port");
        let mut slow = connect(&rt, server.addr()).await;
        send(&mut slow, "POST /status/200 HTTP/1.1\r\nconnection: close\r\ncontent-length: 1\r\n\r\n").await;
        rt.sleep(second()).await;
        for path in ["/status/201", "/status/202"] {
            let request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
            ask(&rt, &server, &request).await.1.expect("a clean end");
        }
        // The body of one that is forgotten disturbs no other.
        send(&mut slow, "x").await;
        read_to_end(&mut slow).await.1.expect("a clean end");
        let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(targets, ["/status/201", "/status/202"]);
        let connections = server.connections();
        assert_eq!((connections.requests, connections.forgotten), (3, 1));
    });
}

#[test]
fn a_connection_and_its_requests_have_numbers() {
    run(1, |rt| async move {
        let server = start(&rt, |_: &Received| Reply::text("ahoy")).await;
        for requests in [2, 1] {
            let mut client = connect(&rt, server.addr()).await;
            for _ in 0..requests {
                send(&mut client, GET).await;
                read_until(&mut client, "ahoy").await;
            }
        }
        let numbers: Vec<_> =
            server.requests().iter().map(|request| (request.connection, request.nth)).collect();
        assert_eq!(numbers, [(1, 1), (1, 2), (2, 1)]);
    });
}

#[test]
fn http_1_0_is_kept_alive_only_if_asked() {
    run(1, |rt| async move {
        let server = start(&rt, |_: &Received| Reply::text("ahoy")).await;
        let (text, end) = ask(&rt, &server, "GET / HTTP/1.0\r\n\r\n").await;
        end.expect("a clean end");
        assert!(text.ends_with("ahoy"));
        let mut client = connect(&rt, server.addr()).await;
        for _ in 0..2 {
            send(&mut client, "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n").await;
            read_until(&mut client, "ahoy").await;
        }
    });
}
