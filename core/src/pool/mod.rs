//! A pool of connections: bounded, fair, and it says why when it cannot serve.
