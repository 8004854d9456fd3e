use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{Received, Reply};

/// The longest body of `/bytes/N` and the like, which anyone may ask for.
const BYTES_MAX: u64 = 64 << 20;
const REDIRECTS_MAX: u64 = 100;
/// The longest delay, a day.
const SECONDS_MAX: f64 = 86_400.0;

/// `{"gzipped":true}`.
const GZIPPED: [u8; 36] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 74, 175, 202, 44, 40, 72, 77, 81, 178, 42, 41, 42, 77, 173,
    5, 0, 83, 146, 152, 139, 16, 0, 0, 0,
];

/// A [`Handler`](super::Handler) with routes as httpbin has them, and some faults.
///
/// | path | reply |
/// |---|---|
/// | `/status/503` | that status |
/// | `/delay/1.5` | `/echo`, so many seconds later |
/// | `/echo` | the request as JSON: `method`, `target`, `headers` (of one name: the last), `body`, `bytes`, `connection`, `nth` |
/// | `/bytes/N` | N bytes, the same each time; at most 64 MiB |
/// | `/chunked/N` | N chunks of ten bytes, and a trailer `x-chunks: N` |
/// | `/redirect/N` | 302, N times, then `/echo` |
/// | `/redirect-to?status=307&url=..` | that |
/// | `/cookies` | the cookies as JSON |
/// | `/cookies/set?name=value&..` | sets them and redirects to `/cookies` |
/// | `/gzip` | `{"gzipped":true}`, coded |
/// | `/basic-auth/USER/PASSWORD` | 401 without them |
/// | `/drip/N` | N bytes, one each second |
/// | `/truncated/N` | half of N bytes, then a clean close |
/// | `/reset`, `/close`, `/hang` | none; the connection is reset, closed or left open |
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::testing::http::{Server, routes};
///
/// let server = Server::start(&rt, ([127, 0, 0, 1], 0), routes).await.unwrap();
/// assert!(server.url("/status/503").ends_with("/status/503"));
/// # });
/// ```
pub fn routes(request: &Received) -> Reply {
    let mut parts = request.path().split('/').skip(1);
    let (route, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
    route_to(request, route, &rest).unwrap_or_else(|| Reply::text("no such route\n").status(404))
}

fn route_to(request: &Received, route: &str, rest: &[&str]) -> Option<Reply> {
    Some(match (route, rest) {
        ("status", [status]) => {
            Reply::new(status.parse().ok().filter(|status| (200..1000).contains(status))?)
        }
        ("delay", [seconds]) => {
            let seconds = seconds.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))?;
            echo(request).after(Duration::from_secs_f64(seconds))
        }
        ("echo", _) => echo(request),
        ("bytes", [n]) => Reply::bytes(pattern(count(n, BYTES_MAX)?)),
        ("chunked", [n]) => {
            let chunks = count(n, BYTES_MAX / 10)?;
            Reply::chunked((0..chunks).map(|_| "ten bytes\n")).trailer("x-chunks", n)
        }
        ("redirect", [n]) => match count(n, REDIRECTS_MAX)? {
            0 => echo(request),
            1 => Reply::redirect(302, "/echo"),
            n => Reply::redirect(302, &format!("/redirect/{}", n - 1)),
        },
        ("redirect-to", []) => {
            let query = pairs(request);
            let value =
                |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            let status = value("status").map_or(Some(302), |status| status.parse().ok())?;
            Reply::redirect(status, value("url")?)
        }
        ("cookies", []) => Reply::json(&json!({ "cookies": cookies(request) })),
        ("cookies", ["set"]) => {
            let set = |reply: Reply, (name, value): (String, String)| {
                reply.header("set-cookie", format!("{name}={value}; Path=/"))
            };
            pairs(request).into_iter().fold(Reply::redirect(302, "/cookies"), set)
        }
        ("gzip", []) => Reply::new(200)
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .body(GZIPPED.to_vec()),
        ("basic-auth", [user, password]) => {
            let wanted = credentials(user, password);
            if request.header("authorization") == Some(wanted.as_str()) {
                Reply::json(&json!({ "authenticated": true, "user": user }))
            } else {
                Reply::new(401).header("www-authenticate", "Basic realm=\"test\"")
            }
        }
        ("drip", [n]) => Reply::bytes(pattern(count(n, BYTES_MAX)?)).trickle(1, Duration::from_secs(1)),
        ("truncated", [n]) => {
            let n = count(n, BYTES_MAX)?;
            Reply::bytes(pattern(n)).truncated(n / 2)
        }
        ("reset", []) => Reply::reset_before_reply(),
        ("close", []) => Reply::close_before_reply(),
        ("hang", []) => Reply::hang(),
        _ => return None,
    })
}

/// The value of `Authorization` or `Proxy-Authorization` for these (RFC 7617).
pub(super) fn credentials(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn echo(request: &Received) -> Reply {
    let headers: Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into()))
        .collect();
    Reply::json(&json!({
        "method": request.method,
        "target": request.target,
        "headers": headers,
        "body": request.text(),
        "bytes": request.body_bytes,
        "connection": request.connection,
        "nth": request.nth,
    }))
}

fn count(text: &str, max: u64) -> Option<u64> {
    text.parse().ok().filter(|n| *n <= max)
}

/// Bytes that differ from their neighbours, so that a test sees it if some are lost.
fn pattern(n: u64) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

fn pairs(request: &Received) -> Vec<(String, String)> {
    let query = request.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn cookies(request: &Received) -> Map<String, Value> {
    let crumbs = request.header_all("cookie").flat_map(|value| value.split(';'));
    let pairs = crumbs.filter_map(|crumb| crumb.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.into())).collect()
}
