//! An HTTP server with faults.
