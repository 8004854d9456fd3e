//! httpbin, over HTTP/1.1 and over HTTP/2: what a client says and what a server of somebody else's makes of it.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, future::join_all, stream};
use seaworthy::{
    http::{Body, Client, Config, ErrorKind, Form, Method, Phase, Response, StatusCode, Version, cookies},
    rt::Rt,
};
use serde_json::Value;

use super::{client, config, on_each_runtime, peer::Peer};

/// All of httpbin that there is a law about.
async fn tour(rt: Rt, config: Config, version: Version) {
    let client = client(&rt, config.clone());
    statuses(&client, version).await;
    bodies(&client).await;
    uploads(&client).await;
    redirects(&client).await;
    sign_in(&client).await;
    if version == Version::HTTP_11 {
        // The peer that speaks HTTP/2 answers nobody any more once a request of it was given up.
        patience(&client).await;
    }
    many(&client).await;
    let jar = super::client(&rt, Config { cookies: Some(cookies::Config::default()), ..config });
    kept_cookies(&jar).await;
}

async fn get(client: &Client, path: &str) -> Response {
    client.get(path).send().await.expect("a reply")
}

async fn json(client: &Client, path: &str) -> Value {
    get(client, path).await.error_for_status().expect("a good one").json().await.expect("JSON")
}

async fn statuses(client: &Client, version: Version) {
    for status in [200, 204, 404, 418, 500] {
        let reply = get(client, &format!("/status/{status}")).await;
        assert_eq!((reply.status().as_u16(), reply.version()), (status, version));
        let is_error = reply.error_for_status().is_err();
        assert_eq!(is_error, status >= 400);
    }
    let reply = get(client, "/status/503").await;
    assert_eq!((reply.status().as_u16(), reply.report().attempts().len()), (503, 3), "tried again, and told");
    let head = client.head("/bytes/100").send().await.expect("a reply");
    assert_eq!(head.headers()["content-length"], "100");
    assert!(head.bytes().await.expect("none").is_empty());
    let options = client.request(Method::OPTIONS, "/get").send().await.expect("a reply");
    assert!(options.headers()["allow"].to_str().expect("text").contains("GET"));
    let unchanged = client.get("/etag/ahoy").header("if-none-match", "ahoy").send().await.expect("a reply");
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert!(unchanged.bytes().await.expect("none").is_empty());
}

async fn bodies(client: &Client) {
    assert_eq!(json(client, "/gzip").await["gzipped"], true);
    assert_eq!(json(client, "/deflate").await["deflated"], true);
    assert_eq!(json(client, "/brotli").await["brotli"], true);
    assert!(get(client, "/encoding/utf8").await.text().await.expect("text").contains("∮ E⋅da = Q"));
    assert_eq!(get(client, "/bytes/10000").await.bytes().await.expect("all").len(), 10_000);
    let pieces = get(client, "/stream-bytes/50000?chunk_size=1000").await.into_stream();
    let bytes = pieces.fold(0, async |sum, piece| sum + piece.expect("a piece").len()).await;
    assert_eq!(bytes, 50_000);
    assert_eq!(get(client, "/drip?duration=0&numbytes=10").await.bytes().await.expect("all").len(), 10);
    let part = client.get("/range/1000").header("range", "bytes=100-199").send().await.expect("a reply");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 100-199/1000");
    assert_eq!(part.bytes().await.expect("all").len(), 100);
}

async fn uploads(client: &Client) {
    let fields = BTreeMap::from([("ship", "Fram & Co"), ("port", "Bergen")]);
    let query = client.get("/get?first=1").query(&fields).send().await.expect("a reply");
    let echoed: Value = query.json().await.expect("JSON");
    let args = &echoed["args"];
    assert_eq!(
        (&args["first"], &args["ship"], &args["port"]),
        (&"1".into(), &"Fram & Co".into(), &"Bergen".into())
    );
    assert!(echoed["headers"]["User-Agent"].as_str().expect("one").starts_with("seaworthy/"));
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let path = format!("/{}", method.as_str().to_ascii_lowercase());
        let form = client.request(method.clone(), &path).form(&fields).send().await.expect("a reply");
        assert_eq!(form.json::<Value>().await.expect("JSON")["form"]["ship"], "Fram & Co");
        let reply = client.request(method, &path).json(&fields).send().await.expect("a reply");
        assert_eq!(reply.json::<Value>().await.expect("JSON")["json"]["port"], "Bergen");
    }
    let form = Form::new().text("ship", "Fram").file("log", "log.txt", "text/plain", "north\r\n--by west");
    let sent = client.post("/post").multipart(form.expect("a media type")).send().await.expect("a reply");
    let echoed: Value = sent.json().await.expect("JSON");
    assert_eq!(
        (&echoed["form"]["ship"], &echoed["files"]["log"]),
        (&"Fram".into(), &"north\r\n--by west".into())
    );
    let pieces = (0..100).map(|_| Ok(vec![b'a'; 1000].into()));
    let streamed = client.post("/post").body(Body::sized(stream::iter(pieces), 100_000));
    let echoed: Value = streamed.send().await.expect("a reply").json().await.expect("JSON");
    assert_eq!(echoed["data"].as_str().map(str::len), Some(100_000));
}

async fn redirects(client: &Client) {
    let reply = get(client, "/redirect/3").await;
    assert_eq!((reply.report().redirects(), reply.url().path()), (3, "/get"));
    let reply = get(client, "/absolute-redirect/2").await;
    assert_eq!((reply.report().redirects(), reply.url().path()), (2, "/get"));
    let reply =
        client.post("/redirect-to?status_code=307&url=/post").body("ahoy").send().await.expect("a reply");
    assert_eq!(reply.json::<Value>().await.expect("JSON")["data"], "ahoy");
    let error = client.get("/redirect/11").send().await.expect_err("ten are allowed");
    assert_eq!(error.phase(), Some(Phase::Redirect), "{error:?}");
}

async fn sign_in(client: &Client) {
    let path = "/basic-auth/captain/ahoy";
    assert_eq!(get(client, path).await.status(), StatusCode::UNAUTHORIZED);
    let signed = client.get(path).basic_auth("captain", Some("ahoy")).send().await.expect("a reply");
    assert_eq!(signed.json::<Value>().await.expect("JSON")["user"], "captain");
    let token = client.get("/bearer").bearer_auth("ahoy").send().await.expect("a reply");
    assert_eq!(token.json::<Value>().await.expect("JSON")["token"], "ahoy");
}

async fn patience(client: &Client) {
    let late = client.get("/delay/5").timeout(Duration::from_millis(200)).attempts_max(1).send().await;
    let error = late.expect_err("it comes in five seconds");
    let is_late = matches!(error.kind(), ErrorKind::TimedOut { phase: Phase::FirstByte, .. });
    assert!(is_late, "{error:?}");
}

async fn many(client: &Client) {
    let sizes: Vec<usize> = (1..=40).map(|n| n * 500).collect();
    let replies = join_all(sizes.iter().map(|size| client.get(format!("/bytes/{size}")).send())).await;
    let bodies = join_all(replies.into_iter().map(|reply| reply.expect("a reply").bytes())).await;
    let got: Vec<usize> = bodies.into_iter().map(|body| body.expect("all of it").len()).collect();
    assert_eq!(got, sizes);
    let all = client.fetch_all(sizes.iter().map(|size| format!("/bytes/{size}")), 8).await;
    assert!(all.into_iter().all(|reply| reply.is_ok_and(|reply| reply.status() == StatusCode::OK)));
}

async fn kept_cookies(jar: &Client) {
    let told = json(jar, "/cookies/set?ship=Fram&port=Bergen").await;
    assert_eq!((&told["cookies"]["ship"], &told["cookies"]["port"]), (&"Fram".into(), &"Bergen".into()));
    let told = json(jar, "/cookies/delete?ship").await;
    assert_eq!((&told["cookies"]["ship"], &told["cookies"]["port"]), (&Value::Null, &"Bergen".into()));
}

#[test]
fn httpbin_over_http_1_on_each_runtime() {
    let Some(peer) = Peer::httpbin() else { return };
    let base = format!("http://127.0.0.1:{}/", peer.port);
    on_each_runtime(move |rt| {
        tour(rt, Config { base_url: Some(base.clone()), ..config() }, Version::HTTP_11)
    });
}

#[cfg(feature = "test-ca")]
#[test]
fn httpbin_over_tls_and_http_2_on_each_runtime() {
    use seaworthy::testing::http::{TestCa, Validity};

    let ca = TestCa::new().expect("a certificate");
    let (certificate, key) = ca.pem_pair(&["localhost", "127.0.0.1"], Validity::Good).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (certificate, key) = (write("certificate.pem", &certificate), write("key.pem", &key));
    let Some(peer) = Peer::httpbin_over_tls(&certificate, &key) else { return };
    let base = format!("https://localhost:{}/", peer.port);
    on_each_runtime(move |rt| {
        let mut config = Config { base_url: Some(base.clone()), ..config() };
        config.tls.extra_roots.push(ca.pem());
        tour(rt, config, Version::HTTP_2)
    });
}
