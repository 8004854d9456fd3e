//! An HTTP client for any runtime.

mod body;
mod client;
mod coding;
mod config;
mod connect;
pub mod cookies;
mod error;
mod judge;
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

pub use multipart::{Form, FormError};
