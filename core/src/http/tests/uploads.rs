//! Bodies on their way out.

use futures::{StreamExt, stream};

use super::*;

fn pieces(count: usize, bytes: usize) -> impl futures::Stream<Item = std::io::Result<bytes::Bytes>> + Send {
    stream::iter((0..count).map(move |_| Ok(vec![7; bytes].into())))
}

#[test]
fn a_body_arrives_whole_whatever_it_is_made_of() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| Reply::text(request.body_bytes.to_string())).await;
        let client = client(&rt, config());
        let bodies = [
            (Body::from(vec![7; 300_000]), Some("300000"), None),
            (Body::stream(pieces(30, 10_000)), None, Some("chunked")),
            (Body::sized(pieces(30, 10_000), 300_000), Some("300000"), None),
        ];
        for (body, length, coding) in bodies {
            let reply = client.post(server.url("/")).body(body).send().await.unwrap();
            assert_eq!(reply.text().await.unwrap(), "300000");
            let got = server.requests().pop().unwrap();
            assert_eq!((got.header("content-length"), got.header("transfer-encoding")), (length, coding));
        }
        for method in [Method::POST, Method::PUT, Method::PATCH] {
            drop(client.request(method, server.url("/")).send().await.unwrap());
            assert_eq!(server.requests().pop().unwrap().header("content-length"), Some("0"));
        }
        drop(client.get(server.url("/")).send().await.unwrap());
        assert_eq!(server.requests().pop().unwrap().header("content-length"), None);
        assert_eq!(server.connections().accepted, 1);
    });
}

#[test]
fn a_form_with_files_can_be_sent_again() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(
            &rt,
            |request: &Received| {
                if request.nth == 1 { Reply::new(503) } else { Reply::text(request.text()) }
            },
        )
        .await;
        let form = Form::new().text("name", "value");
        let reply = client(&rt, config()).put(server.url("/")).multipart(form).send().await.unwrap();
        let body = reply.text().await.unwrap();
        assert!(body.contains("name=\"name\"") && body.contains("value"), "{body}");
        let requests = server.requests();
        assert_eq!((requests.len(), requests[0].text()), (2, requests[1].text()));
    });
}

#[test]
fn an_early_reply_is_had_while_the_body_is_still_being_sent() {
    for_each_seed(0..20, |rt| async move {
        let refuse = |request: &Received| match request.path() {
            "/large" => Some(Reply::text("too much").status(413).close()),
            "/open" => Some(Reply::text("enough").status(401)),
            _ => None,
        };
        let server = serve(&rt, early(refuse, |request: &Received| Reply::text(request.path()))).await;
        let client = client(&rt, config());
        for (path, status, text) in [("/large", 413, "too much"), ("/open", 401, "enough")] {
            let clock = rt.clone();
            let slow = pieces(1000, 1000).then(move |piece| {
                let rt = clock.clone();
                async move {
                    rt.sleep(Duration::from_millis(5)).await;
                    piece
                }
            });
            let start = rt.now();
            let reply = client.post(server.url(path)).body(Body::stream(slow)).send().await.unwrap();
            assert_eq!(reply.status(), status);
            assert!(rt.now() - start < secs(1), "long before all of it is sent");
            assert_eq!(reply.text().await.unwrap(), text);
            assert!(rt.now() - start < secs(1));
            // A connection with half a request on it serves nobody else.
            let next = client.get(server.url("/next")).send().await.unwrap();
            assert!(!next.report().attempts()[0].is_reused, "{path}");
            assert_eq!(next.text().await.unwrap(), "/next");
            client.get(server.url("/close")).send().await.unwrap().text().await.unwrap();
            assert_at_rest(&rt, &client).await;
            rt.sleep(secs(61)).await;
        }
    });
}

#[test]
fn a_body_that_fails_ends_the_request_and_says_so() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
        let client = client(&rt, config());
        let failing =
            || pieces(3, 1000).chain(stream::iter([Err(std::io::Error::other("the disk is gone"))]));
        for (body, says) in [
            (Body::stream(failing()), "the disk is gone"),
            (Body::sized(pieces(3, 1000), 5000), "not as long as was said"),
            (Body::sized(pieces(3, 1000), 2500), "not as long as was said"),
        ] {
            let error = client.post(server.url("/")).body(body).send().await.unwrap_err();
            assert!(told(&error).contains(says), "{}", told(&error));
            assert_eq!(error.report().attempts().len(), 1);
            assert_at_rest(&rt, &client).await;
            assert_eq!(text(&client, server.url("/next")).await, "/next");
        }
        assert!(server.requests().iter().all(|request| request.path() == "/next" || !request.complete));
    });
}

#[test]
fn a_peer_that_takes_no_more_is_waited_for_up_to_the_deadline() {
    for_each_seed(0..5, |rt| async move {
        let server = serve_reply(&rt, Reply::new(200)).await;
        server.set_accept(Accept::Silent).await.unwrap();
        let client = client(&rt, config());
        let body = Body::from(vec![7; 10 << 20]);
        let error = client.post(server.url("/")).body(body).timeout(secs(3)).send().await.unwrap_err();
        assert_eq!((error.phase(), error.may_have_been_sent()), (Some(Phase::FirstByte), true));
        assert_at_rest(&rt, &client).await;
    });
}

#[test]
fn a_peer_that_has_gone_while_the_body_is_sent_is_an_error() {
    for_each_seed(0..10, |rt| async move {
        let refuse = |_: &Received| Some(Reply::reset_before_reply());
        let server = serve(&rt, early(refuse, |_: &Received| Reply::new(200))).await;
        let client = client(&rt, config());
        let error = client.post(server.url("/")).body(vec![7; 1 << 20]).send().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoReply { is_sent: true, .. }), "{error:?}");
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn a_body_that_panics_harms_nobody_else() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, |request: &Received| Reply::text(request.path())).await;
        let client = client(&rt, config());
        let body = Body::stream(pieces(2, 1000).map(|_| panic!("out of pieces")));
        let sending = client.post(server.url("/")).body(body).send();
        let outcome = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(sending)).await;
        assert!(outcome.is_err());
        assert_at_rest(&rt, &client).await;
        assert_eq!(text(&client, server.url("/next")).await, "/next");
    });
}
