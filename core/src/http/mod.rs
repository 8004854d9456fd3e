//! An HTTP client for any runtime.

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
