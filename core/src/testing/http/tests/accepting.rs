use super::*;

#[test]
fn connects_are_refused_reset_or_met_with_silence_for_a_while() {
    for_each_seed(0..10, |rt| async move {
        let server = start_with(&rt, Reply::text("ahoy").close()).await;
        let addr = server.addr();
        server.set_accept(Accept::Refuse).await.expect("no trouble");
        let refused = rt.connect(addr).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

        server.set_accept(Accept::Reset).await.expect("the same port");
        assert_eq!(server.addr(), addr);
        let mut client = connect(&rt, addr).await;
        let error = client.read(&mut [0]).await.expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

        server.set_accept(Accept::Silent).await.expect("no trouble");
        let mut client = connect(&rt, addr).await;
        send(&mut client, GET).await;
        assert!(rt.timeout(60 * second(), client.read(&mut [0])).await.is_err());
        assert_eq!(server.connections().open, 1);
        drop(client);

        server.set_accept(Accept::Serve).await.expect("no trouble");
        assert!(ask(&rt, &server, GET).await.0.ends_with("ahoy"));
        rt.sleep(second()).await;
        let connections = server.connections();
        assert_eq!((connections.accepted, connections.turned_away, connections.open), (3, 1, 0));
        assert_eq!(connections.requests, 1);
    });
}

#[test]
fn a_full_server_accepts_when_a_connection_ends() {
    for_each_seed(0..20, |rt| async move {
        let config = Config { connections_max: 2, ..Config::default() };
        let server = Server::start_with(&rt, LOCAL, config, None, |_: &Received| Reply::text("ahoy"));
        let server = server.await.expect("a free port");
        let mut clients = Vec::new();
        for _ in 0..2 {
            let mut client = connect(&rt, server.addr()).await;
            send(&mut client, GET).await;
            read_until(&mut client, "ahoy").await;
            clients.push(client);
        }
        let mut third = connect(&rt, server.addr()).await;
        send(&mut third, GET).await;
        assert!(rt.timeout(60 * second(), third.read(&mut [0])).await.is_err());
        drop(clients.pop());
        read_until(&mut third, "ahoy").await;
        let connections = server.connections();
        assert_eq!((connections.accepted, connections.open_max), (3, 2));
    });
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    run(1, |rt| async move {
        let config = Config { idle_max: Some(5 * second()), ..Config::default() };
        let server = Server::start_with(&rt, LOCAL, config, None, |_: &Received| Reply::text("ahoy"));
        let server = server.await.expect("a free port");
        let mut client = connect(&rt, server.addr()).await;
        rt.sleep(4 * second()).await;
        send(&mut client, GET).await;
        read_until(&mut client, "ahoy").await;
        let start = rt.now();
        assert_eq!(client.read(&mut [0]).await.expect("a clean end"), 0);
        assert!((second() * 49 / 10..second() * 51 / 10).contains(&(rt.now() - start)));
    });
}

#[test]
fn a_config_is_refused_by_its_field() {
    let refused = |config: Config| config.check().expect_err("refused").field;
    let good = Config::default;
    let field = |name: &str| format!("testing::http::Config::{name}");
    assert_eq!(refused(Config { connections_max: 0, ..good() }), field("connections_max"));
    assert_eq!(refused(Config { head_bytes_max: 1023, ..good() }), field("head_bytes_max"));
    assert_eq!(refused(Config { head_bytes_max: (16 << 20) + 1, ..good() }), field("head_bytes_max"));
    assert_eq!(refused(Config { requests_max: 0, ..good() }), field("requests_max"));
    assert_eq!(refused(Config { endless_bytes_max: 0, ..good() }), field("endless_bytes_max"));
    assert_eq!(refused(Config { idle_max: Some(Duration::ZERO), ..good() }), field("idle_max"));
    good().check().expect("the default is good");
    run(1, |rt| async move {
        let config = Config { connections_max: 0, ..good() };
        let error = Server::start_with(&rt, LOCAL, config, None, routes).await.expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("connections_max"), "{error}");
    });
}
