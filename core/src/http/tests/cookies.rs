//! Cookies go where they belong, at each hop anew.

use super::*;
use crate::testing::http::routes;

fn with_jar() -> Config {
    Config { cookies: Some(crate::http::cookies::Config::default()), ..config() }
}

#[test]
fn a_cookie_set_on_the_way_is_sent_at_the_next_hop() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, routes).await;
        let client = client(&rt, with_jar());
        let body = text(&client, server.url("/cookies/set?a=1&b=2")).await;
        assert!(body.contains(r#"{"a":"1","b":"2"}"#), "{body}");
        assert_eq!(server.requests()[0].header("cookie"), None);
        assert_eq!(server.requests()[1].header("cookie"), Some("a=1; b=2"));
        // Another host gets none of them, and has its own.
        drop(client.get(alias(&server, "/cookies")).send().await.unwrap());
        assert_eq!(server.requests()[2].header("cookie"), None);
        assert_eq!(client.cookies().unwrap().stats().cookies, 2);
    });
}

#[test]
fn cookies_are_those_of_each_hop_and_not_of_the_one_before() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| {
            let port =
                request.header("host").and_then(|host| host.split(':').nth(1)).unwrap_or("80").to_owned();
            match request.path() {
                "/set" => Reply::text("").header("set-cookie", "home=1; Path=/"),
                "/away" => Reply::redirect(307, &format!("http://localhost:{port}/there"))
                    .header("set-cookie", "home=2; Path=/"),
                "/there" => Reply::redirect(307, &format!("http://127.0.0.1:{port}/back"))
                    .header("set-cookie", "there=1; Path=/"),
                _ => Reply::text("ahoy"),
            }
        })
        .await;
        let client = client(&rt, with_jar());
        text(&client, server.url("/set")).await;
        text(&client, server.url("/away")).await;
        let requests = server.requests();
        let sent: Vec<_> =
            requests.iter().map(|request| (request.path(), request.header("cookie"))).collect();
        let expected =
            [("/set", None), ("/away", Some("home=1")), ("/there", None), ("/back", Some("home=2"))];
        assert_eq!(sent, expected);
    });
}

#[test]
fn a_cookie_of_a_reply_that_is_retried_counts_for_the_next_attempt() {
    for_each_seed(0..10, |rt| async move {
        let server = serve(&rt, |request: &Received| match request.header("cookie") {
            None => Reply::new(503).header("set-cookie", "seen=1"),
            Some(_) => Reply::text("ahoy"),
        })
        .await;
        assert_eq!(text(&client(&rt, with_jar()), server.url("/")).await, "ahoy");
    });
}

#[test]
fn without_a_jar_there_are_none_and_what_the_caller_says_goes_first() {
    for_each_seed(0..5, |rt| async move {
        let server = serve(&rt, routes).await;
        let none = client(&rt, config());
        assert!(none.cookies().is_none());
        text(&none, server.url("/cookies/set?a=1")).await;
        assert_eq!(server.requests()[1].header("cookie"), None);
        let jar = client(&rt, with_jar());
        text(&jar, server.url("/cookies/set?a=1")).await;
        drop(jar.get(server.url("/cookies")).header("cookie", "own=2").send().await.unwrap());
        let last = server.requests().pop().unwrap();
        assert_eq!(last.header_all("cookie").collect::<Vec<_>>(), ["own=2"]);
    });
}
