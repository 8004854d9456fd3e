//! An HTTP client for any runtime.

mod coding;
mod cookies;
mod multipart;
mod proxy;
mod redirect;
mod retry_after;
mod text;

pub use multipart::{Form, FormError};
