#![expect(
    unsafe_code,
    reason = "reading without zeroing first saves a pass over every buffer that is read into"
)]

use std::io;

use seaworthy_core::rt::ReadBuf;
use socket2::SockRef;

/// Reads from a socket into the free part of `buf`, and says how much.
pub(crate) fn recv(socket: &SockRef<'_>, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: `recv` hands the memory to the system, which writes initialised bytes or none.
    let memory = unsafe { buf.unfilled_mut() };
    let received = socket.recv(memory)?;
    // SAFETY: the system has written that many bytes, from the start.
    unsafe { buf.assume_init(received) };
    buf.advance(received);
    Ok(received)
}
