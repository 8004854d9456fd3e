use proptest::prelude::*;

use super::super::{ConnectError, ConnectReply, Proxy, connect_request, parse};

fn proxy(text: &str) -> Proxy {
    parse::proxy("http_proxy", text).unwrap()
}

fn request(host: &str, proxy: &Proxy) -> String {
    String::from_utf8(connect_request(host, 443, proxy).unwrap()).unwrap()
}

fn reply(text: &str) -> Result<bool, ConnectError> {
    ConnectReply::new(false).feed(text.as_bytes())
}

#[test]
fn the_request_has_host_and_port_and_the_credentials() {
    assert_eq!(request("a.org", &proxy("p")), "CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n");
    for host in ["::1", "[::1]"] {
        assert_eq!(request(host, &proxy("p")), "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
    }
    let with = request("a.org", &proxy("http://user:pass@p"));
    assert!(with.ends_with("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"), "{with}");
}

#[test]
fn a_host_cannot_break_out_of_the_request() {
    for host in ["", "a b", "a\r\nX: y", "a\n", "a/b", "u@a", "a?b", "a#b", "[a", "ä", "\0", "[]"] {
        let error = connect_request(host, 443, &proxy("p")).unwrap_err();
        assert!(matches!(error, ConnectError::Host { .. }), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn any_2xx_opens_the_tunnel_and_its_length_means_nothing() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n",
        "HTTP/1.1 299 \r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(reply(head), Ok(true), "{head:?}");
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n";
    assert_eq!(reply(head), Ok(false));
    assert_eq!(reply(&format!("{head}HTTP/1.1 200 OK\r\n\r\n")), Ok(true));
    let error = reply("HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
}

#[test]
fn bytes_behind_the_head_are_an_error_since_tls_has_the_client_speak_first() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(reply(&format!("{head}x")), Err(ConnectError::SpokeFirst { bytes: 1 }));
    assert_eq!(
        reply(&format!("{head}{}", "x".repeat(99_999))),
        Err(ConnectError::SpokeFirst { bytes: 99_999 })
    );
    let after = reply("HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n<html>").unwrap_err();
    assert!(matches!(after, ConnectError::Refused { .. }), "a refusal has a body: {after}");
}

#[test]
fn a_407_says_whether_credentials_were_missing_or_wrong() {
    let text = "HTTP/1.1 407 Auth\r\nPROXY-authenticate: Basic realm=\"x\"\r\n\r\n";
    let missing = ConnectReply::new(false).feed(text.as_bytes()).unwrap_err();
    assert!(missing.to_string().contains("wants a user and password (Basic realm=\"x\")"), "{missing}");
    let wrong = ConnectReply::new(true).feed(text.as_bytes()).unwrap_err();
    assert!(wrong.to_string().contains("wants another user and password"), "{wrong}");
    assert!(reply("HTTP/1.1 407 Auth\r\n\r\n").unwrap_err().to_string().contains("does not say how"));
}

#[test]
fn a_refusal_comes_with_status_and_reason() {
    let ConnectError::Refused { status, reason } = reply("HTTP/1.1 502 Bad\tGateway\r\n\r\n").unwrap_err()
    else {
        panic!("not refused");
    };
    assert_eq!((status.as_u16(), reason.as_str()), (502, "Bad?Gateway"));
    let long = reply(&format!("HTTP/1.1 500 {}\r\n\r\n", "x".repeat(9000))).unwrap_err();
    assert!(long.to_string().len() < 300, "{long}");
}

#[test]
fn what_is_no_http_is_told_at_once() {
    for text in ["SSH-2.0\r\n", "\x15\x03\x01", "\r\n\r\n", "h", "HTTQ", "HTTP/9.9 200 OK\r\n\r\n"] {
        assert!(matches!(reply(text), Err(ConnectError::NotHttp { .. })), "{text:?}");
    }
    for text in ["HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n"]
    {
        assert!(matches!(reply(text), Err(ConnectError::NotHttp { .. })), "{text:?}");
    }
}

#[test]
fn a_head_without_end_is_given_up_at_the_bound() {
    let mut endless = ConnectReply::new(false);
    let mut fed = endless.feed(b"HTTP/1.1 200 OK\r\n");
    let mut bytes = 17;
    while fed == Ok(false) {
        fed = endless.feed(b"x: y\r\n");
        bytes += 6;
    }
    assert_eq!(fed, Err(ConnectError::TooLong { head_bytes_max: 16 * 1024 }));
    assert!((16 * 1024..16 * 1024 + 6).contains(&bytes), "{bytes}");
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(700);
    assert_eq!(reply(&interim), Err(ConnectError::TooLong { head_bytes_max: 16 * 1024 }));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert!(matches!(reply(&many), Err(ConnectError::NotHttp { .. })));
}

#[test]
fn a_proxy_that_hangs_up_is_told_with_how_far_it_came() {
    let mut reply = ConnectReply::new(false);
    assert_eq!(reply.ended(), ConnectError::Closed { bytes: 0 });
    assert_eq!(reply.feed(b"HTTP/1.1 200"), Ok(false));
    assert_eq!(reply.ended(), ConnectError::Closed { bytes: 12 });
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut(
        interim in 0..3_usize,
        status in prop::sample::select(vec!["200 OK", "407 Auth", "403 No", "2x0 OK"]),
        headers in "([a-z]{1,5}: ?[ -~]{0,9}\r?\n){0,4}",
        cuts in prop::collection::vec(1..20_usize, 1..30),
    ) {
        let interim = "HTTP/1.1 102 Wait\r\nX: y\r\n\r\n".repeat(interim);
        let text = format!("{interim}HTTP/1.1 {status}\r\n{headers}\r\n");
        let whole = reply(&text);
        let (mut pieces, mut rest, mut fed) = (ConnectReply::new(false), text.as_bytes(), Ok(false));
        let mut cuts = cuts.iter().cycle();
        while fed == Ok(false) && !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            fed = pieces.feed(piece);
            rest = later;
        }
        prop_assert_eq!(fed, whole);
    }

    #[test]
    fn no_bytes_harm(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..9)) {
        let mut reply = ConnectReply::new(true);
        let mut fed = reply.feed(b"HTTP/1.1 ");
        for piece in pieces {
            if fed != Ok(false) {
                break;
            }
            fed = reply.feed(&piece);
        }
    }
}
