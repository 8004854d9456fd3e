//! What stands around the requests of a client.

use futures::future::pending;
use parking_lot::Mutex;
use url::Url;

use super::*;
use crate::testing::for_each_drop_point;

/// Notes a request on its way out, and its reply on its way in.
struct Noting(&'static str, Arc<Mutex<Vec<String>>>);

impl Middleware for Noting {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response, Error> {
        let Self(name, notes) = self;
        notes.lock().push(format!("{name} out"));
        request.headers_mut().insert("x-last", HeaderValue::from_static(name));
        let reply = next.run(request).await?;
        notes.lock().push(format!("{name} in"));
        Ok(reply)
    }
}

fn seen(server: &Server) -> Vec<Option<String>> {
    let text = |received: Received| received.header("x-last").map(str::to_owned);
    server.requests().into_iter().map(text).collect()
}

#[test]
fn what_was_added_first_sees_a_request_first_and_its_reply_last() {
    for_each_seed(0..3, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let notes = Arc::<Mutex<Vec<String>>>::default();
        let bare = client(&rt, config());
        let one = bare.with(Noting("outer", Arc::clone(&notes)));
        let two = one.with(Noting("inner", Arc::clone(&notes)));
        assert_eq!(text(&two, server.url("/")).await, "ahoy");
        assert_eq!(*notes.lock(), ["outer out", "inner out", "inner in", "outer in"]);
        text(&one, server.url("/")).await;
        text(&bare, server.url("/")).await;
        assert_eq!(seen(&server), [Some("inner".to_owned()), Some("outer".to_owned()), None]);
        assert_eq!(server.connections().accepted, 1, "they share their connections");
        assert_at_rest(&rt, &bare).await;
    });
}

#[test]
fn redirects_and_retries_are_behind_it() {
    for_each_seed(0..3, |rt| async move {
        let server = serve(&rt, |request: &Received| match (request.path(), request.nth) {
            ("/redirect", _) => Reply::redirect(307, "/flaky"),
            (_, ..3) => Reply::new(503),
            _ => Reply::text("ahoy"),
        })
        .await;
        let notes = Arc::<Mutex<Vec<String>>>::default();
        let client = client(&rt, config()).with(Noting("layer", Arc::clone(&notes)));
        let reply = client.get(server.url("/redirect")).send().await.unwrap();
        assert!(reply.report().attempts().len() > 2, "{:?}", reply.report());
        assert_eq!(*notes.lock(), ["layer out", "layer in"]);
    });
}

#[test]
fn it_may_answer_itself_and_then_nothing_is_sent() {
    for_each_seed(0..3, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let cache = |request: Request, next: Next| async move {
            match request.url().path() {
                "/kept" => {
                    let kept = ::http::Response::builder().status(203).body("from memory".into());
                    Ok(Response::from_memory(&request, kept.expect("a reply")))
                }
                _ => next.run(request).await,
            }
        };
        let client = client(&rt, config()).with(cache);
        let kept = client.get(server.url("/kept")).send().await.unwrap();
        assert_eq!((kept.status().as_u16(), kept.url().path()), (203, "/kept"));
        assert_eq!(kept.content_length(), Some(11));
        assert!(kept.report().attempts().is_empty());
        assert_eq!(kept.text().await.unwrap(), "from memory");
        assert!(server.requests().is_empty());
        assert_eq!(text(&client, server.url("/other")).await, "ahoy");
    });
}

#[test]
fn its_error_is_that_of_the_request() {
    for_each_seed(0..3, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let client = client(&rt, config())
            .with(|_: Request, _: Next| async { Err(Error::middleware("the vault is locked")) });
        let error = client.get(server.url("/gold")).send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Middleware));
        let expected = format!("GET {}: a middleware gave up: the vault is locked", server.url("/gold"));
        assert_eq!(told(&error), expected);
        assert!(server.requests().is_empty());
    });
}

#[test]
fn there_is_one_total_limit_for_all_that_it_does() {
    for_each_seed(0..5, |rt| async move {
        let server = serve_reply(&rt, Reply::hang()).await;
        let client = client(&rt, once()).with(|request: Request, next: Next| async move {
            let again = request.try_clone().expect("no stream");
            // Not even one that was made anew has a limit of its own.
            let anew = Request::get(request.url().clone());
            match next.clone().run(request).await {
                Ok(reply) => Ok(reply),
                Err(_) => match next.clone().run(again).await {
                    Ok(reply) => Ok(reply),
                    Err(_) => next.run(anew).await,
                },
            }
        });
        let before = rt.now();
        let error = client.get(server.url("/")).timeout(secs(3)).send().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(rt.now().saturating_duration_since(before).as_millis(), 3000);
    });
}

#[test]
fn one_that_never_ends_is_over_at_the_total_limit() {
    for_each_seed(0..5, |rt| async move {
        let server = serve_reply(&rt, Reply::text("ahoy")).await;
        let client = client(&rt, config()).with(|_: Request, _: Next| pending());
        let error = client.get(server.url("/")).timeout(secs(3)).send().await.unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::TimedOut { phase: Phase::Middleware, limit } if *limit == secs(3)),
            "{kind:?}"
        );
        assert_eq!(error.url().map(Url::as_str), Some(&*server.url("/")));
    });
}

#[test]
fn it_may_be_dropped_anywhere() {
    let scene = |rt: Rt| async move {
        let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
        let slow = rt.clone();
        let client = client(&rt, config()).with(move |request: Request, next: Next| {
            let rt = slow.clone();
            async move {
                rt.sleep(Duration::from_millis(1)).await;
                let reply = next.run(request).await?;
                rt.sleep(Duration::from_millis(1)).await;
                Ok(reply)
            }
        });
        (Arc::new(server), client)
    };
    let points = for_each_drop_point(
        0..4,
        scene,
        |_, (server, client)| async move { drop(text(&client, server.url("/dropped")).await) },
        |rt, (server, client)| async move {
            assert_eq!(text(&client, server.url("/after")).await, "/after");
            assert_at_rest(&rt, &client).await;
            assert_eq!(server.connections().open, client.stats().idle);
        },
    );
    assert!(points > 4, "{points}");
}
