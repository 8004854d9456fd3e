//! Every future of the client is dropped at each of its polls, and afterwards all is as before.

use std::future::Future;

use super::*;
use crate::testing::for_each_drop_point;

#[derive(Clone)]
struct Scene {
    server: Arc<Server>,
    client: Client,
}

fn answer(request: &Received) -> Reply {
    match request.path() {
        "/redirect" => Reply::redirect(307, "/flaky"),
        "/flaky" if request.nth < 3 => Reply::new(503).after(Duration::from_millis(5)),
        "/flaky" => Reply::text("/flaky"),
        "/parts" => Reply::chunked(["par", "ts"]).trickle(3, Duration::from_millis(5)),
        "/json" => Reply::chunked(["{\"a\"", ":7}"]).trickle(4, Duration::from_millis(5)),
        path => Reply::text(path),
    }
}

async fn scene(rt: Rt) -> Scene {
    let config = Config { connections_max: 2, connections_per_host_max: 2, ..config() };
    Scene { server: Arc::new(serve(&rt, answer).await), client: client(&rt, config) }
}

/// Nothing leaks, the client still works, and each reply is that to its request.
async fn assert_well(rt: Rt, scene: Scene) {
    assert_at_rest(&rt, &scene.client).await;
    let gets = (0..4).map(|number| {
        let (scene, path) = (scene.clone(), format!("/check/{number}"));
        async move { assert_eq!(text(&scene.client, scene.server.url(&path)).await, path) }
    });
    futures::future::join_all(gets).await;
    assert_at_rest(&rt, &scene.client).await;
    let (connections, stats) = (scene.server.connections(), scene.client.stats());
    assert_eq!((connections.malformed, connections.open), (0, stats.idle), "{connections:?} {stats:?}");
}

fn dropped_anywhere<F: Future>(operation: impl Fn(Rt, Scene) -> F) {
    let points = for_each_drop_point(0..4, scene, operation, assert_well);
    assert!(points > 10, "{points}");
}

#[test]
fn send_may_be_dropped_through_redirects_and_retries() {
    dropped_anywhere(|_rt, Scene { server, client }| async move {
        let reply = client.get(server.url("/redirect")).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "/flaky");
    });
}

#[test]
fn an_upload_may_be_dropped() {
    dropped_anywhere(|rt, Scene { server, client }| async move {
        let pieces = futures::stream::unfold(0, move |n| {
            let rt = rt.clone();
            async move {
                rt.sleep(Duration::from_millis(1)).await;
                (n < 4).then(|| (Ok(vec![7; 1000].into()), n + 1))
            }
        });
        drop(client.post(server.url("/upload")).body(Body::stream(pieces)).send().await.unwrap());
    });
}

#[test]
fn chunk_may_be_dropped() {
    dropped_anywhere(|_rt, Scene { server, client }| async move {
        let mut reply = client.get(server.url("/parts")).send().await.unwrap();
        while reply.chunk().await.unwrap().is_some() {}
    });
}

#[test]
fn bytes_text_and_json_may_be_dropped() {
    dropped_anywhere(|_rt, Scene { server, client }| async move {
        client.get(server.url("/parts")).send().await.unwrap().bytes().await.unwrap()
    });
    dropped_anywhere(|_rt, Scene { server, client }| async move {
        client.get(server.url("/parts")).send().await.unwrap().text().await.unwrap()
    });
    dropped_anywhere(|_rt, Scene { server, client }| async move {
        client.get(server.url("/json")).send().await.unwrap().json::<serde_json::Value>().await.unwrap()
    });
}

#[test]
fn a_wait_in_line_may_be_dropped() {
    dropped_anywhere(|_rt, Scene { server, client }| async move {
        let gets = (0..5).map(|_| text(&client, server.url("/parts")));
        futures::future::join_all(gets).await
    });
}

#[test]
fn a_chunk_that_was_dropped_goes_on_where_it_was() {
    for_each_seed(0..20, |rt| async move {
        let server = serve(&rt, answer).await;
        let client = client(&rt, config());
        let mut reply = client.get(server.url("/parts")).send().await.unwrap();
        let mut body = Vec::new();
        loop {
            match rt.timeout(Duration::from_millis(1), reply.chunk()).await {
                Err(_) => {}
                Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
                Ok(end) => break assert!(end.unwrap().is_none()),
            }
        }
        assert_eq!(body, b"parts");
    });
}

#[test]
fn a_client_may_be_dropped_before_its_reply() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, answer).await;
        let client = client(&rt, config());
        let reply = client.get(server.url("/parts")).send().await.unwrap();
        drop(client);
        assert_eq!(reply.text().await.unwrap(), "parts");
        rt.sleep(secs(2)).await;
        assert_eq!(server.connections().open, 0);
    });
}
