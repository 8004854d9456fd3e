use std::io::{self, Write};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::screen::Screen;

/// Sends `tracing` to standard error: what `RUST_LOG` says, else what `-v` says, else errors and warnings, but for
/// warnings of those who are shown to fail.
pub(crate) fn start(verbose: u8, staged: &[&str], screen: &Screen) {
    let quiet = staged.iter().map(|module| format!(",{module}=error"));
    let warnings = format!("warn{}", quiet.collect::<String>());
    let level = match verbose {
        0 => &warnings,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // A second call would fail; there is none.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(console::colors_enabled_stderr())
        .with_writer(Stderr(screen.clone()))
        .try_init();
}

/// Standard error, with the progress bars out of the way.
struct Stderr(Screen);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = StderrLine<'a>;

    fn make_writer(&'a self) -> StderrLine<'a> {
        StderrLine(&self.0)
    }
}

struct StderrLine<'a>(&'a Screen);

impl Write for StderrLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspended(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
