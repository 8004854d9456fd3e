//! The laws of breakers, each with a test that goes red when it is broken.
