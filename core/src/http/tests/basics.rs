use futures::{AsyncReadExt, AsyncWriteExt};

use super::super::*;
use crate::{rt::Rt, testing};

/// A server that answers every request with the same bytes, and how many connections it saw.
async fn canned(rt: &Rt, reply: &'static str) -> crate::rt::Task<()> {
    let mut listener = rt.listen(([127, 0, 0, 1], 80)).await.unwrap();
    let server = rt.clone();
    rt.spawn("server", async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            server
                .spawn("connection", async move {
                    let mut seen = Vec::new();
                    let mut buf = [0; 1024];
                    loop {
                        let n = connection.read(&mut buf).await.unwrap_or(0);
                        if n == 0 {
                            return;
                        }
                        seen.extend_from_slice(&buf[..n]);
                        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                            seen.drain(..end + 4);
                            connection.write_all(reply.as_bytes()).await.unwrap();
                        }
                    }
                })
                .detach();
        }
    })
}

#[test]
fn a_reply_is_read_and_its_connection_is_used_again() {
    testing::run(1, |rt| async move {
        let server = canned(&rt, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nahoy").await;
        let client = Client::new(&rt, Config::default()).unwrap();
        for number in 0..3 {
            let reply = client.get("http://localhost/").send().await.unwrap();
            assert_eq!(reply.status(), StatusCode::OK);
            assert_eq!(reply.report().last().unwrap().is_reused, number > 0);
            assert_eq!(reply.text().await.unwrap(), "ahoy");
            assert_eq!(client.stats().idle, 1);
        }
        drop(server);
    });
}

#[test]
fn a_host_that_is_not_there_is_said_to_be_so() {
    testing::run(1, |rt| async move {
        let client = Client::new(&rt, Config::default()).unwrap();
        let error = client.get("http://127.0.0.1:9/x").send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Connect), "{error:?}");
        assert_eq!(error.report().attempts().len(), 3);
        assert!(error.to_string().starts_with("GET http://127.0.0.1:9/x: cannot reach it"), "{error}");
    });
}

#[test]
fn futures_of_the_client_can_be_sent_to_other_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    testing::run(1, |rt| async move {
        let client = Client::new(&rt, Config::default()).unwrap();
        drop(is_send(client.get("http://localhost/").send()));
    });
}
