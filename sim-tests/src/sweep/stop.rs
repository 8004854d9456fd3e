//! Ctrl-C, as something that every wait can wait for too.

use std::{
    io::{self, PipeReader},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether it is time to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    /// Readable from the first signal on: nobody reads it.
    signalled: PipeReader,
    is_stopped: Arc<AtomicBool>,
}

impl Stop {
    /// From here on SIGINT and SIGTERM stop what waits, and a second one ends the process at once.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let (signalled, signal) = io::pipe()?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // In this order: the first signal must not find the flag set.
            signal_hook::flag::register_conditional_shutdown(number, 130, Arc::clone(&is_stopped))?;
            signal_hook::flag::register(number, Arc::clone(&is_stopped))?;
            signal_hook::low_level::pipe::register(number, signal.try_clone()?)?;
        }
        Ok(Self { signalled, is_stopped })
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signalled.as_fd()
    }
}
