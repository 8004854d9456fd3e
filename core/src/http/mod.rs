//! An HTTP client for any runtime, which retries with judgement, limits per host, and says where the time went.
//!
//! [`Client`] speaks HTTP/1.1 and HTTP/2 (by ALPN) over [`Rt`](crate::rt::Rt): on tokio, on smol, on the test runtime and in
//! a simulation. Its connections are kept in a [`Pool`](crate::pool::Pool) for each host, its retries are those of
//! [`resilience`](crate::resilience), its quotas those of [`limit`](crate::limit).
//!
//! | for | there is |
//! |---|---|
//! | a request and its reply | [`Client::get`] and its siblings, [`RequestBuilder`], [`Response`], [`Body`], [`Form`] |
//! | many requests | [`Client::fetch_all`], [`Client::fetch_stream`] |
//! | how long each part may take | [`Timeouts`], [`RequestBuilder::timeout`], [`RequestBuilder::deadline`] |
//! | when to send again | [`Retry`], [`Error::may_have_been_sent`], [`retry_after`] |
//! | how much at once, how often | [`Config::connections_max`], [`Config::connections_per_host_max`], [`Config::quota`], [`Config::host_quota`], [`Config::breaker`] |
//! | what happened | [`Report`], [`Attempt`], [`Timings`], [`Client::stats`] |
//! | redirects, cookies, proxies, TLS | [`redirect`], [`cookies`], [`proxy`], [`TlsConfig`] |
//! | what goes around every request | [`Middleware`], [`Client::with`] |
//! | tests without a network | `testing::http`: a server that is slow, lies and breaks off as it is told |
//!
//! # Examples
//!
//! ```
//! # seaworthy_core::testing::run(1, |rt| async move {
//! # use seaworthy_core::testing::http::{Received, Reply, Server};
//! # let server = Server::start(&rt, ([127, 0, 0, 1], 0), |request: &Received| match request.nth {
//! #     1 => Reply::new(503).header("retry-after", "2"),
//! #     _ => Reply::json(&serde_json::json!({ "port": "Bergen", "ships": 7 })),
//! # }).await.unwrap();
//! # let url = server.url("/ports/bergen");
//! use seaworthy_core::http::{self, Client};
//!
//! #[derive(serde::Deserialize)]
//! struct Port {
//!     ships: u32,
//! }
//!
//! // By default proxies are what the environment says; here there are none.
//! let config = http::Config { proxy: http::proxy::Config::none(), ..http::Config::default() };
//! let client = Client::new(&rt, config).unwrap();
//! let reply = client.get(&url).query(&[("fields", "ships")]).send().await.unwrap().error_for_status().unwrap();
//! for attempt in reply.report().attempts() {
//!     println!("{} after {:?}", attempt.ending, attempt.timings.total);
//! }
//! // The first attempt was answered 503, to come again in two seconds.
//! assert_eq!(reply.report().attempts().len(), 2);
//! assert_eq!(reply.json::<Port>().await.unwrap().ships, 7);
//! # });
//! ```
//!
//! # Laws
//!
//! 1. **Nothing is sent twice that must not be.** A request is repeated if it was provably not sent, or if it is idempotent (by
//!    its method or an `Idempotency-Key`) and its body is no stream that has begun. What was sent is known by the byte: by what
//!    the connection took, and in HTTP/2 by what the other side says (GOAWAY, REFUSED_STREAM).
//! 2. Retries are bounded: by [`Retry::attempts_max`], by a [budget](Retry::budget) for each host, by the deadline. A
//!    `Retry-After` is never undercut. If they end on a status, that reply is the result; if on an error, that error. Both tell
//!    all attempts.
//! 3. One deadline covers everything up to the end of the body: the line, redirects, retries, pauses. An error names the phase
//!    it happened in. Within one [`Attempt`] the parts of its [`Timings`] do not exceed its total, and a connection that was
//!    there cost no connect.
//! 4. A connection goes back only if the reply was read to its end, and nothing came after it. What its reader leaves is read
//!    for [`Config::drain_bytes_max`] and a second at most, else the connection is closed. A future that is dropped closes its
//!    own connection (in HTTP/2: ends its stream) and costs nobody else anything.
//! 5. There are never more than [`Config::connections_per_host_max`] and [`Config::connections_max`] connections; those who wait
//!    are served in their order. An idle connection to one host makes room for one to another.
//! 6. Nobody learns what is not meant for them: `Authorization`, cookies, [`secret_headers`](Config::secret_headers) do not go
//!    along when a redirect changes scheme, host or port, a proxy's password never reaches the server, cookies are chosen anew
//!    for each hop, and from https nothing is redirected to http. URLs and errors are shown without passwords.
//! 7. A body is all that was sent, or an error: what breaks off, what is longer or shorter than it says, what does not decode,
//!    and what decodes to more than [`Config::body_bytes_max`]. HEAD, 204 and 304 have none.
//! 8. Nothing grows without bound by what the other side sends: heads, headers, redirects, cookies, decoded bytes, hosts.
//!
//! # What the runtime sees
//!
//! An HTTP/1.1 connection has no task: whoever uses it drives it. Connects run in tasks of the pool, `pool.connect`; an HTTP/2
//! connection is a task named `http.h2`; a body that nobody wants any more is drained in `http.drain`, and `http.sweep` puts a
//! connect away that failed for nobody.
//!
//! # Spans and events
//!
//! A span `seaworthy.http.request` for each request (method, URL without its query, status, number of attempts) and within it
//! one `seaworthy.http.attempt` for each attempt (hop, number, whether the connection was there before, status or error); an
//! event `seaworthy.http.retry` before each pause. All are for debugging.
//!
//! # Deliberately absent
//!
//! SOCKS proxies, client certificates, HTTP/2 without TLS, HTTP/3, server-sent events.

mod body;
mod client;
mod coding;
mod config;
mod connect;
pub mod cookies;
mod error;
mod fetch;
mod judge;
mod locate;
mod middleware;
mod multipart;
mod origins;
pub mod proxy;
pub mod redirect;
mod report;
mod request;
mod response;
mod retry_after;
mod send;
#[cfg(test)]
mod tests;
mod text;
mod wire;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

pub use body::Body;
pub use client::{Client, Stats};
pub use config::{Config, Retry, Timeouts};
pub use connect::{Roots, TlsConfig};
pub use cookies::CookieJar;
pub use error::{Error, ErrorKind, Phase};
pub use fetch::{FetchAll, FetchStream, IntoRequest};
pub use middleware::{Middleware, Next};
pub use multipart::{Form, FormError};
pub use redirect::RedirectError;
pub use report::{Attempt, Ending, Report, Timings};
pub use request::{Request, RequestBuilder};
pub use response::{BodyStream, Response};
pub use retry_after::retry_after;
