//! An error says what was wrong, where, after how many attempts, and what to do.

use super::*;

#[test]
fn what_is_no_request_is_told_before_anything_is_sent() {
    for_each_seed(0..2, |rt| async move {
        let client = client(&rt, config());
        for (url, says) in [
            ("/relative", "set a `base_url`"),
            ("ftp://localhost/", "the scheme `ftp` is not spoken"),
            ("http://", "is no URL"),
            ("", "is no URL"),
        ] {
            let error = client.get(url).send().await.unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!((error.phase(), error.may_have_been_sent()), (Some(Phase::Building), false));
        }
        let error = client.get("http://localhost/").attempts_max(0).send().await.unwrap_err();
        assert!(error.to_string().contains("attempts_max"), "{error}");
    });
}

#[test]
fn a_host_that_has_no_address_is_named() {
    for_each_seed(0..5, |rt| async move {
        let client = client(&rt, once());
        let error = client.get("http://nowhere.invalid/").send().await.unwrap_err();
        assert_eq!((error.phase(), error.may_have_been_sent()), (Some(Phase::Dns), false));
        assert!(told(&error).contains("nowhere.invalid"), "{}", told(&error));
        assert_adds_up(error.report());
        assert_at_rest(&rt, &client).await;
        assert_eq!(client.stats().idle, 0, "a connect that failed is no connection");
    });
}

#[test]
fn a_connect_that_failed_for_somebody_who_left_is_no_connection() {
    for_each_seed(0..20, |rt| async move {
        let client = client(&rt, once());
        drop(rt.timeout(Duration::from_micros(100), client.get("http://127.0.0.1:9/").send()).await);
        assert_at_rest(&rt, &client).await;
        let error = client.get("http://127.0.0.1:9/").send().await.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Connect));
        assert_adds_up(error.report());
    });
}

#[test]
fn an_error_tells_method_url_and_the_number_of_attempts() {
    for_each_seed(0..5, |rt| async move {
        let error = client(&rt, config()).put("http://ann:secret@127.0.0.1:9/x?y").send().await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("PUT http://127.0.0.1:9/x?y: ") && text.ends_with("(attempt 3)"), "{text}");
        assert_eq!(error.url().unwrap().as_str(), "http://127.0.0.1:9/x?y");
        let io: std::io::Error = error.into();
        assert!(io.to_string().contains("127.0.0.1:9"));
    });
}

#[test]
fn a_status_is_an_error_only_for_who_asks() {
    for_each_seed(0..5, |rt| async move {
        let server = serve_reply(&rt, Reply::text("no").status(404)).await;
        let client = client(&rt, config());
        assert_eq!(text(&client, server.url("/")).await, "no");
        let error = client.get(server.url("/")).send().await.unwrap().error_for_status().unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.phase()), (404, None));
        assert!(error.to_string().contains("answered 404"), "{error}");
    });
}

#[test]
fn a_bad_config_is_refused_by_field() {
    testing::run(1, |rt| async move {
        let with = |change: fn(&mut Config)| {
            let mut config = config();
            change(&mut config);
            Client::new(&rt, config).unwrap_err().to_string()
        };
        for (says, text) in [
            ("connections_max", with(|config| config.connections_max = 0)),
            ("connections_per_host_max", with(|config| config.connections_per_host_max = 0)),
            ("waiters_per_host_max", with(|config| config.waiters_per_host_max = 0)),
            ("hosts_max", with(|config| config.hosts_max = 0)),
            ("head_bytes_max", with(|config| config.head_bytes_max = 1)),
            ("headers_max", with(|config| config.headers_max = 0)),
            ("base_url", with(|config| config.base_url = Some("nonsense".into()))),
            ("base_url", with(|config| config.base_url = Some("ftp://x/".into()))),
            ("secret_headers", with(|config| config.secret_headers = vec!["a b".into()])),
            ("statuses", with(|config| config.retry.statuses = vec![7])),
            ("attempts_max", with(|config| config.retry.attempts_max = 0)),
            ("ratio", with(|config| config.retry.budget.ratio = f64::NAN)),
            ("redirects_max", with(|config| config.redirects.redirects_max = 1000)),
            ("extra_roots", with(|config| config.tls.extra_roots = vec!["none".into()])),
            ("http::Config::proxy", with(|config| config.proxy.http = Some("socks5://x".into()))),
            ("idle_timeout", with(|config| config.idle_timeout = Some(Duration::ZERO))),
            ("Timeouts::total", with(|config| config.timeouts.total = Some(Duration::ZERO))),
            ("Timeouts::between_bytes", with(|config| config.timeouts.between_bytes = Some(Duration::ZERO))),
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
    });
}
