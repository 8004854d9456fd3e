//! Cookies, as RFC 6265 has them.
