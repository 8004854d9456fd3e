//! An HTTP client for any runtime.

mod coding;
pub mod cookies;
mod multipart;
pub mod proxy;
pub mod redirect;
mod retry_after;
mod text;

pub use cookies::CookieJar;
pub use retry_after::retry_after;
