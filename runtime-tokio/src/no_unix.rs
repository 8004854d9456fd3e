//! Unix domain sockets where tokio has none.

use std::{io, path::PathBuf};

use seaworthy_core::rt::{BoxConnection, BoxListener};
use tokio::runtime::Handle;

pub(crate) async fn connect(_path: PathBuf) -> io::Result<BoxConnection> {
    Err(unsupported())
}

pub(crate) fn listen(_path: PathBuf, _handle: Handle) -> io::Result<BoxListener> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "there are no Unix domain sockets on this system")
}
