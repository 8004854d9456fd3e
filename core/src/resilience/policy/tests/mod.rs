//! The laws of policies, each with a test that goes red when it is broken.
