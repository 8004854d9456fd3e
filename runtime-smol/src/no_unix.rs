//! Unix domain sockets where the system has none, or nobody relies on them.

use std::{io, path::PathBuf};

use seaworthy_core::rt::{BoxConnection, BoxListener};

pub(crate) async fn connect(_path: PathBuf) -> io::Result<BoxConnection> {
    Err(unsupported())
}

pub(crate) fn listen(_path: PathBuf) -> io::Result<BoxListener> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "Unix domain sockets are supported on Unix only")
}
