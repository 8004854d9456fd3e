//! An HTTP client for any runtime.

mod body;
mod client;
mod coding;
pub mod cookies;
mod multipart;
pub mod proxy;
pub mod redirect;
mod retry_after;
mod send;
mod text;

pub use cookies::CookieJar;
pub use retry_after::retry_after;
