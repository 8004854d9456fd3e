//! The laws of retries, each with a test that goes red when it is broken.
