use super::*;

const CREDENTIALS: &str = "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n";

async fn both(rt: &Rt, rule: impl Fn(&Received) -> Via + Send + Sync + 'static) -> (Server, Proxy) {
    let origin = start(rt, routes).await;
    (origin, Proxy::start(rt, LOCAL, rule).await.expect("a free port"))
}

async fn through(rt: &Rt, proxy: &Proxy, request: &str) -> (String, io::Result<()>) {
    let mut client = connect(rt, proxy.addr()).await;
    send(&mut client, request).await;
    read_to_end(&mut client).await
}

#[test]
fn a_request_is_forwarded_without_what_is_meant_for_the_proxy() {
    for_each_seed(0..20, |rt| async move {
        let (origin, proxy) = both(&rt, forward_for("ann", "secret")).await;
        let target = origin.url("/echo?a=b");
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: wrong\r\n{CREDENTIALS}Proxy-Connection: keep-alive\r\nX-Hop: 1\r\n\
             Connection: x-hop\r\nX-End: \u{e4}\r\nAuthorization: origin\r\nTransfer-Encoding: chunked\r\n\r\n\
             4\r\nahoy\r\n0\r\n\r\n",
        );
        let (text, end) = through(&rt, &proxy, &request).await;
        end.expect("a clean end");
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("\"body\":\"ahoy\""), "{text}");
        let got = &origin.requests()[0];
        assert_eq!((got.target.as_str(), got.method.as_str()), ("/echo?a=b", "POST"));
        assert_eq!(got.header("host"), Some(origin.addr().to_string().as_str()));
        for absent in ["proxy-authorization", "proxy-connection", "x-hop"] {
            assert_eq!(got.header(absent), None, "{absent}");
        }
        assert_eq!(got.header_all("host").count(), 1);
        assert_eq!(got.header("x-end").map(str::len), Some(4), "both bytes of UTF-8, each as a character");
        let asked = &proxy.requests()[0];
        assert_eq!((asked.target.as_str(), asked.header("authorization")), (target.as_str(), Some("origin")));
    });
}

#[test]
fn a_tunnel_carries_bytes_and_the_proxy_sees_none_of_them() {
    for_each_seed(0..20, |rt| async move {
        let (origin, proxy) = both(&rt, forward_for("ann", "secret")).await;
        let mut client = connect(&rt, proxy.addr()).await;
        // The first bytes for the origin may come along.
        let head = format!("CONNECT {} HTTP/1.1\r\n{CREDENTIALS}\r\n", origin.addr());
        send(&mut client, &format!("{head}GET /status/201 HTTP/1.1\r\nauthorization: origin\r\n\r\n")).await;
        assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
        assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 201 "));
        send(&mut client, "GET /status/202 HTTP/1.1\r\nconnection: close\r\n\r\n").await;
        let (text, end) = read_to_end(&mut client).await;
        end.expect("a clean end");
        assert!(text.starts_with("HTTP/1.1 202 "));
        assert_eq!(proxy.requests()[0].header("authorization"), None);
        assert!(origin.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
        assert_eq!((proxy.requests().len(), origin.requests().len()), (1, 2));
        drop(client);
        rt.sleep(second()).await;
        assert_eq!((proxy.connections().open, origin.connections().open), (0, 0));
    });
}

#[test]
fn without_credentials_nothing_is_forwarded() {
    run(1, |rt| async move {
        let (origin, proxy) = both(&rt, forward_for("ann", "secret")).await;
        let wrong = "Proxy-Authorization: Basic YW5uOndyb25n\r\n";
        for headers in ["", wrong] {
            for target in [format!("GET {}", origin.url("/")), format!("CONNECT {}", origin.addr())] {
                let (text, end) = through(&rt, &proxy, &format!("{target} HTTP/1.1\r\n{headers}\r\n")).await;
                end.expect("a clean end");
                assert!(
                    text.starts_with("HTTP/1.1 407 ") && text.contains("proxy-authenticate: Basic"),
                    "{text}"
                );
            }
        }
        assert_eq!(origin.connections().accepted, 0);
        assert_eq!(proxy.connections().requests, 4);
    });
}

#[test]
fn what_cannot_be_reached_is_a_502_and_nonsense_a_400() {
    run(1, |rt| async move {
        let (_origin, proxy) = both(&rt, forward).await;
        for request in
            ["GET http://127.0.0.1:1/ HTTP/1.1\r\n\r\n", "CONNECT nowhere.example:443 HTTP/1.1\r\n\r\n"]
        {
            let (text, _) = through(&rt, &proxy, request).await;
            assert!(text.starts_with("HTTP/1.1 502 "), "{text}");
        }
        for request in [
            "GET / HTTP/1.1\r\n\r\n",
            "CONNECT host HTTP/1.1\r\n\r\n",
            "CONNECT :1 HTTP/1.1\r\n\r\n",
            "?\r\n\r\n",
        ] {
            let (text, _) = through(&rt, &proxy, request).await;
            assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
        }
    });
}

#[test]
fn a_tunnel_is_reset_after_so_many_bytes() {
    for_each_seed(0..20, |rt| async move {
        let (origin, proxy) = both(&rt, |_| Via::ResetAfter(20)).await;
        let mut client = connect(&rt, proxy.addr()).await;
        send(&mut client, &format!("CONNECT {} HTTP/1.1\r\n\r\n", origin.addr())).await;
        read_until(&mut client, "\r\n\r\n").await;
        send(&mut client, "GET /bytes/1000 HTTP/1.1\r\n\r\n").await;
        let (text, end) = read_to_end(&mut client).await;
        assert!(text.len() <= 20, "{text}");
        assert_eq!(end.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
        rt.sleep(second()).await;
        assert_eq!(origin.connections().open, 0);
    });
}

#[test]
fn a_proxy_answers_hangs_and_resets_as_it_is_told() {
    run(1, |rt| async move {
        let (origin, proxy) = both(&rt, |request| match request.header("x-fault") {
            Some("502") => Via::Answer(Reply::text("bad gateway").status(502)),
            Some("reset") => Via::Answer(Reply::reset_before_reply()),
            _ => Via::Answer(Reply::hang()),
        })
        .await;
        let request = |fault: &str| format!("CONNECT {} HTTP/1.1\r\nx-fault: {fault}\r\n\r\n", origin.addr());
        let (text, end) = through(&rt, &proxy, &request("502")).await;
        end.expect("a clean end");
        assert!(text.starts_with("HTTP/1.1 502 ") && text.ends_with("bad gateway"));
        let (_, end) = through(&rt, &proxy, &request("reset")).await;
        assert_eq!(end.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
        assert!(rt.timeout(60 * second(), through(&rt, &proxy, &request("hang"))).await.is_err());
        rt.sleep(second()).await;
        assert_eq!((proxy.connections().open, origin.connections().accepted), (0, 0));
    });
}
