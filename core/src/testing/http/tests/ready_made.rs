use serde_json::{Value, json};

use super::*;

async fn get(rt: &Rt, server: &Server, path: &str, headers: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    let (text, end) = ask(rt, server, &request).await;
    end.expect("a clean end");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

#[test]
fn each_route_does_what_its_line_says() {
    run(1, |rt| async move {
        let server = start(&rt, routes).await;
        let head = async |path: &str| get(&rt, &server, path, "").await.0;
        assert!(head("/status/503").await.starts_with("HTTP/1.1 503 Service Unavailable"));
        for unknown in [
            "/",
            "/status/x",
            "/status/100",
            "/bytes/99999999999",
            "/delay/nan",
            "/delay/-1",
            "/redirect/101",
        ] {
            assert!(head(unknown).await.starts_with("HTTP/1.1 404"), "{unknown}");
        }
        assert!(head("/redirect/3").await.contains("\r\nlocation: /redirect/2\r\n"));
        assert!(head("/redirect/1").await.contains("\r\nlocation: /echo\r\n"));
        assert!(head("/redirect/0").await.starts_with("HTTP/1.1 200"));
        let to = head("/redirect-to?status=308&url=http%3A%2F%2Fa.example%2F").await;
        assert!(to.starts_with("HTTP/1.1 308") && to.contains("\r\nlocation: http://a.example/\r\n"));
        let set = head("/cookies/set?a=1&b=2").await;
        assert!(set.contains("set-cookie: a=1; Path=/\r\nset-cookie: b=2; Path=/\r\n"), "{set}");
        assert!(head("/basic-auth/ann/pw").await.starts_with("HTTP/1.1 401"));

        let start = rt.now();
        let (_, body) = get(&rt, &server, "/delay/1.5", "x-a: b\r\n").await;
        assert!(rt.now() - start >= Duration::from_millis(1500));
        let echo: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((&echo["target"], &echo["headers"]["x-a"]), (&json!("/delay/1.5"), &json!("b")));
        let (_, body) = get(&rt, &server, "/cookies", "cookie: a=1; b=2\r\n").await;
        assert_eq!(body, r#"{"cookies":{"a":"1","b":"2"}}"#);
        let (head, _) = get(&rt, &server, "/basic-auth/ann/pw", "authorization: Basic YW5uOnB3\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200"));
        assert_eq!(get(&rt, &server, "/bytes/5", "").await.1, "\0\u{1}\u{2}\u{3}\u{4}");
        assert!(
            get(&rt, &server, "/chunked/1", "").await.1.ends_with("ten bytes\n\r\n0\r\nx-chunks: 1\r\n\r\n")
        );
        assert_eq!(get(&rt, &server, "/truncated/10", "").await.1.len(), 5);
    });
}

#[test]
fn the_gzip_route_can_be_decoded() {
    run(1, |rt| async move {
        use async_compression::futures::bufread::GzipDecoder;

        let server = start(&rt, routes).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, "GET /gzip HTTP/1.1\r\n\r\n").await;
        assert!(read_until(&mut client, "\r\n\r\n").await.contains("content-encoding: gzip"));
        let mut coded = [0; 36];
        client.read_exact(&mut coded).await.expect("all of it");
        let mut text = String::new();
        GzipDecoder::new(&coded[..]).read_to_string(&mut text).await.expect("gzip");
        assert_eq!(text, r#"{"gzipped":true}"#);
    });
}
