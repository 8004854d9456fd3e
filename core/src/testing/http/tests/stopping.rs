use std::{future::pending, sync::Arc};

use super::*;
use crate::testing::{StopReason, for_each_drop_point, try_run};

#[test]
fn a_server_that_has_stopped_frees_its_port_and_its_handlers() {
    for_each_seed(0..20, |rt| async move {
        let held = Arc::new(());
        let inner = Arc::clone(&held);
        let handler = asynchronous(move |_: Received| {
            let held = Arc::clone(&inner);
            async move {
                pending::<()>().await;
                drop(held);
                Reply::new(200)
            }
        });
        let server = start(&rt, handler).await;
        let addr = server.addr();
        let mut client = connect(&rt, addr).await;
        send(&mut client, GET).await;
        rt.sleep(second()).await;
        assert_eq!(Arc::strong_count(&held), 3);
        server.stop().await;
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(read_to_end(&mut client).await.0, "");
        rt.listen(addr).await.expect("a free port");
    });
}

#[test]
fn a_dropped_server_stops() {
    for_each_seed(0..20, |rt| async move {
        let server = start(&rt, |_: &Received| Reply::hang()).await;
        let addr = server.addr();
        let mut client = connect(&rt, addr).await;
        send(&mut client, GET).await;
        drop(server);
        assert_eq!(read_to_end(&mut client).await.0, "");
        rt.sleep(second()).await;
        rt.connect(addr).await.expect_err("nobody listens");
    });
}

#[test]
fn a_handler_is_dropped_when_its_client_leaves() {
    run(1, |rt| async move {
        let server = start(&rt, asynchronous(|_: Received| pending())).await;
        let mut client = connect(&rt, server.addr()).await;
        send(&mut client, GET).await;
        rt.sleep(second()).await;
        assert_eq!(server.connections().open, 1);
        drop(client);
        rt.sleep(second()).await;
        assert_eq!(server.connections().open, 0);
    });
}

struct PanicsAtOnce;

impl Handler for PanicsAtOnce {
    fn reply(&self, _request: Received) -> crate::rt::BoxFuture<'_, Reply> {
        panic!("a claim that does not hold")
    }
}

#[test]
fn a_handler_that_panics_fails_the_run() {
    fn fails(handler: impl Handler) {
        let ended = try_run(1, |rt| async move {
            let server = start(&rt, handler).await;
            drop(ask(&rt, &server, GET).await);
        });
        let reason = ended.expect_err("a panic").reason;
        let message = "a claim that does not hold".to_owned();
        assert_eq!(reason, StopReason::Panicked { task: "testing.http.handler".to_owned(), message });
    }

    fails(|_: &Received| panic!("a claim that does not hold"));
    fails(asynchronous(|_: Received| async { panic!("a claim that does not hold") }));
    fails(early(|_: &Received| panic!("a claim that does not hold"), routes));
    fails(PanicsAtOnce);
}

#[test]
fn starting_and_stopping_may_be_dropped_anywhere() {
    let free = |rt: Rt, addr: std::net::SocketAddr| async move {
        rt.sleep(second()).await;
        rt.listen(addr).await.expect("a free port");
    };
    let addr: std::net::SocketAddr = ([127, 0, 0, 1], 8080).into();
    for_each_drop_point(
        0..5,
        |_rt| async {},
        move |rt: Rt, ()| async move {
            let server = Server::start(&rt, addr, routes).await.expect("a free port");
            server.set_accept(Accept::Refuse).await.expect("no trouble");
            server.set_accept(Accept::Serve).await.expect("a free port");
            server.stop().await;
        },
        move |rt, ()| free(rt, addr),
    );
    for_each_drop_point(
        0..5,
        |_rt| async {},
        move |rt: Rt, ()| async move {
            let proxy = Proxy::start(&rt, addr, forward).await.expect("a free port");
            proxy.set_accept(Accept::Refuse).await.expect("no trouble");
            proxy.set_accept(Accept::Serve).await.expect("a free port");
            proxy.stop().await;
        },
        move |rt, ()| free(rt, addr),
    );
}

#[test]
fn one_seed_makes_one_run() {
    let once = || {
        run(7, |rt| async move {
            let server = start(&rt, routes).await;
            let (start, mut answers) = (rt.now(), Vec::new());
            for path in ["/drip/3", "/status/503", "/reset", "/bytes/100000"] {
                let request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
                answers.push(ask(&rt, &server, &request).await.0);
            }
            (rt.now() - start, answers, server.connections())
        })
    };
    assert_eq!(once(), once());
}
