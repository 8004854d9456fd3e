use std::{
    fmt::Display,
    io,
    path::Path,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use indicatif::ProgressBar;
use seaworthy::{
    http::{Body, Client, Error, Response, StatusCode},
    rt::Rt,
};

use super::{
    Options,
    list::Target,
    options::has_scheme,
    part::{Part, Piece, Validator},
    record::{Outcome, Record, Trouble},
    sink::Sink,
};
use crate::cli::screen::Screen;

/// More bars than this are no help.
const BARS_MAX: usize = 10;
/// The pause before a transfer that broke off is taken up again; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// What all transfers share.
#[derive(Clone)]
pub(super) struct Transfers {
    rt: Rt,
    client: Client,
    options: Arc<Options>,
    screen: Screen,
    bars: Arc<AtomicUsize>,
}

/// A transfer that did not come to its end.
enum Stop {
    Http(Error),
    Disk(io::Error),
    Status(StatusCode),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Http(error)
    }
}

impl Transfers {
    pub(super) fn new(rt: &Rt, client: &Client, options: Arc<Options>, screen: &Screen) -> Self {
        let (rt, client, screen) = (rt.clone(), client.clone(), screen.clone());
        Self { rt, client, options, screen, bars: Arc::default() }
    }

    /// Brings one in, to its end or to an error.
    pub(super) async fn bring(&self, target: Target) -> Record {
        let Target { index, url, path } = target;
        let mut record = Record::new(index, path);
        let url = match url {
            Ok(url) => url,
            Err(what) => return record.failed(Trouble::new("reading the list", what, "correct the list")),
        };
        record.url.clone_from(&url);
        if !has_scheme(&url) {
            let what = format!("`{url}` does not begin with http:// or https://");
            return record.failed(Trouble::new("building the request", what, "correct it in the list"));
        }
        if let Some(path) = record.path.as_deref().filter(|path| path.exists() && !self.options.overwrite) {
            tracing::info!(path = %path.display(), "is there already");
            record.outcome = Outcome::Skipped;
            return record;
        }
        let start = self.rt.now();
        let bar = Bar::new(self, &url);
        let brought = self.to_the_end(&url, &mut record, &bar).await;
        record.took = self.rt.now() - start;
        match brought {
            Ok(()) => record,
            Err(stop) => {
                let trouble = stop.trouble(record.path.as_deref());
                record.failed(trouble)
            }
        }
    }

    /// Takes it up again where it broke off, if that can be.
    async fn to_the_end(&self, url: &str, record: &mut Record, bar: &Bar<'_>) -> Result<(), Stop> {
        let part = record.path.as_deref().map(Part::new);
        let mut known = part.as_ref().filter(|_| self.options.can_resume()).and_then(|part| part.known(url));
        let mut sink = match part {
            None => Sink::of_hash(&self.rt),
            Some(part) => Sink::of_file(&self.rt, part, known.is_some()).await?,
        };
        record.resumed_from = sink.len();
        let mut pause = PAUSE;
        for left in (0..=self.options.retries).rev() {
            match self.once(url, &mut sink, &mut known, record, bar).await {
                Err(Stop::Http(error)) if left > 0 && self.is_broken_off(&error) => {
                    sink.flush().await?;
                    tracing::info!(url, have = sink.len(), %error, "broke off and is taken up again");
                    record.broken_off += 1;
                    self.rt.sleep(pause).await;
                    pause = (2 * pause).min(Duration::from_secs(10));
                }
                Err(stop) => {
                    // What has come is kept for the next run.
                    sink.flush().await?;
                    record.bytes = sink.len();
                    return Err(stop);
                }
                Ok(()) => {
                    record.bytes = sink.len();
                    record.sha256 = Some(sink.finish().await?);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether it was the body that ended early: what comes before it the client has tried again itself.
    fn is_broken_off(&self, error: &Error) -> bool {
        use seaworthy::http::{ErrorKind, Phase};
        let in_body = matches!(error.phase(), Some(Phase::Body | Phase::BetweenBytes));
        self.options.can_resume() && in_body && !matches!(error.kind(), ErrorKind::TooBig { .. })
    }

    async fn once(
        &self,
        url: &str,
        sink: &mut Sink,
        known: &mut Option<Validator>,
        record: &mut Record,
        bar: &Bar<'_>,
    ) -> Result<(), Stop> {
        let have = sink.len();
        let mut reply = self.ask(url, have, known.as_ref(), record).await?;
        let mut piece = match known.as_ref().filter(|known| have > 0 && known.if_range().is_some()) {
            Some(known) => Piece::of(&reply, have, known),
            None if is_error(reply.status()) => Piece::Refused,
            None => Piece::All,
        };
        if piece == Piece::Useless {
            *known = None;
            reply = self.ask(url, have, None, record).await?;
            piece = if is_error(reply.status()) { Piece::Refused } else { Piece::All };
        }
        match piece {
            Piece::Complete => return Ok(()),
            // Its text is for the hash, where there is no file it could spoil.
            Piece::Refused if record.path.is_some() => return Err(Stop::Status(reply.status())),
            Piece::Rest => sink.begin(true, Validator::of(url, reply.headers()).or(known.as_ref())).await?,
            Piece::Refused | Piece::All | Piece::Useless => {
                let validator = Validator::of(url, reply.headers());
                sink.begin(false, validator.clone()).await?;
                *known = Some(validator);
                record.resumed_from = 0;
            }
        }
        bar.begin(sink.len(), reply.content_length());
        let read = async {
            while let Some(bytes) = reply.chunk().await? {
                sink.push(&bytes).await?;
                bar.inc(bytes.len());
            }
            Ok(())
        };
        let read: Result<(), Stop> = read.await;
        record.last_report(reply.report());
        read?;
        if is_error(reply.status()) { Err(Stop::Status(reply.status())) } else { Ok(()) }
    }

    async fn ask(
        &self,
        url: &str,
        have: u64,
        known: Option<&Validator>,
        record: &mut Record,
    ) -> Result<Response, Stop> {
        let options = &*self.options;
        // As it is, so that bytes can be counted on, and gone on from.
        let mut request =
            self.client.request(options.method.clone(), url).header("accept-encoding", "identity");
        if let Some(data) = &options.data {
            request = request.body(Body::from(data.clone()));
        }
        if let Some(since) = known.and_then(Validator::if_range).filter(|_| have > 0) {
            request = request.header("range", format!("bytes={have}-")).header("if-range", since);
        }
        match request.send().await {
            Ok(reply) => {
                record.replied(&reply);
                Ok(reply)
            }
            Err(error) => {
                record.add_report(error.report());
                Err(error.into())
            }
        }
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

impl Stop {
    fn trouble(self, path: Option<&Path>) -> Trouble {
        match self {
            Self::Status(status) => {
                let advice = match status.as_u16() {
                    401 | 403 | 407 => "give what it asks for, for example with -H 'Authorization: ..'",
                    404 | 410 => "correct the URL",
                    429 => "ask less often, with --rate, or allow for more --retries",
                    500.. => "try again later, or allow for more --retries",
                    _ => "look at what the server says in the body",
                };
                Trouble::new("status", format!("answered {status}"), advice)
            }
            Self::Disk(error) => {
                let path = path.map_or_else(String::new, |path| format!(" `{}`", path.display()));
                let is_full =
                    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
                let advice = if is_full {
                    "make room, and run it again: it goes on where it was"
                } else {
                    "see that the file can be written there, or choose another folder with -o"
                };
                let what = format!("the file{path} cannot be written: {error}");
                Trouble { is_fatal: is_full, ..Trouble::new("write", what, advice) }
            }
            Self::Http(error) => {
                let phase = error.phase().map_or_else(|| "unknown".to_owned(), |phase| phase.to_string());
                let advice = advice(&error);
                Trouble::new(phase, chain(&error), advice)
            }
        }
    }
}

fn advice(error: &Error) -> &'static str {
    use seaworthy::http::Phase;
    match error.phase() {
        Some(Phase::Dns) => "check the host's name, and that there is a network",
        Some(Phase::Connect | Phase::Proxy) => "check the host, the port and the proxy, or try again later",
        Some(Phase::Tls) => "check the host's certificate and the clock of this system",
        Some(Phase::Building) => "correct the URL",
        Some(Phase::Redirect) => "fetch the URL that it leads to, if you trust it",
        _ if error.is_timeout() => "allow more time with --timeout, or try again later",
        _ => "try again later, or allow for more --retries",
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let mut text = error.to_string();
    for cause in causes.map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The bar of one transfer, if there is room for one.
struct Bar<'a> {
    bar: Option<ProgressBar>,
    bars: &'a AtomicUsize,
}

impl<'a> Bar<'a> {
    fn new(transfers: &'a Transfers, name: impl Display) -> Self {
        let bars = &*transfers.bars;
        let has_room = bars
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bars| (bars < BARS_MAX).then_some(bars + 1));
        let bar = has_room.is_ok().then(|| transfers.screen.transfer(name));
        Self { bar, bars }
    }

    fn begin(&self, have: u64, more: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.set_position(have);
            if let Some(more) = more {
                bar.set_length(have + more);
            }
        }
    }

    fn inc(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.bars.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
