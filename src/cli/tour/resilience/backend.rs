use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use seaworthy::rt::{Address, BoxConnection, BoxListener, Rt, Scope, Task};

/// A server on a local TCP socket. It answers one line with one line, and fails when it is told to.
pub(super) struct Backend {
    rt: Rt,
    address: Address,
    mood: Arc<Mood>,
    /// It ends with this.
    _serving: Task<()>,
}

/// What the server does, and what it has seen.
#[derive(Debug, Default)]
struct Mood {
    /// How many requests it will still fail.
    failures: AtomicUsize,
    /// Before it answers.
    delay_millis: AtomicU64,
    requests: AtomicUsize,
}

/// The server's answer, when it is no good.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("503 unavailable")]
    Unavailable,
    #[error("404 not found")]
    NotFound,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Backend {
    pub(super) async fn start(rt: &Rt) -> io::Result<Self> {
        let listener = rt.listen(([127, 0, 0, 1], 0)).await?;
        let address = listener.local_addr()?;
        let mood = Arc::new(Mood::default());
        let serving = rt.spawn("tour.backend", serve(rt.clone(), listener, Arc::clone(&mood)));
        Ok(Self { rt: rt.clone(), address, mood, _serving: serving })
    }

    /// So many requests will fail; `usize::MAX` is all until it is told otherwise.
    pub(super) fn fail(&self, requests: usize) {
        self.mood.failures.store(requests, SeqCst);
    }

    pub(super) fn answer_after(&self, delay: Duration) {
        self.mood.delay_millis.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), SeqCst);
    }

    /// How many requests have reached it: its own count.
    pub(super) fn requests(&self) -> usize {
        self.mood.requests.load(SeqCst)
    }

    /// Asks for something, on a connection of its own.
    pub(super) fn ask(&self, what: &str) -> impl Future<Output = Result<String, Failure>> + Send + use<> {
        let (rt, address, request) = (self.rt.clone(), self.address.clone(), format!("{what}\n"));
        async move {
            let mut connection = rt.connect(address).await?;
            connection.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await?;
            match answer.trim_end() {
                "503" => Err(Failure::Unavailable),
                "404" => Err(Failure::NotFound),
                "" => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                answer => Ok(answer.to_owned()),
            }
        }
    }
}

async fn serve(rt: Rt, mut listener: BoxListener, mood: Arc<Mood>) {
    let connections = Scope::new(&rt);
    loop {
        match listener.accept().await {
            Ok((connection, _peer)) => {
                // A client that hangs up harms nobody else.
                let answering = answer(rt.clone(), connection, Arc::clone(&mood));
                connections.spawn("tour.backend.connection", async { drop(answering.await) });
            }
            // It concerns one connection only; the pause is for a system that has run out of them.
            Err(_) => rt.sleep(Duration::from_millis(1)).await,
        }
    }
}

async fn answer(rt: Rt, connection: BoxConnection, mood: Arc<Mood>) -> io::Result<()> {
    let (reader, mut writer) = connection.split();
    let mut request = String::new();
    BufReader::new(reader).read_line(&mut request).await?;
    mood.requests.fetch_add(1, SeqCst);
    let fails = mood.failures.fetch_update(SeqCst, SeqCst, |left| match left {
        usize::MAX => Some(left),
        _ => left.checked_sub(1),
    });
    rt.sleep(Duration::from_millis(mood.delay_millis.load(SeqCst))).await;
    let answer = match request.trim_end() {
        _ if fails.is_ok() => "503\n".to_owned(),
        "nothing" => "404\n".to_owned(),
        request => format!("{request}: done\n"),
    };
    writer.write_all(answer.as_bytes()).await?;
    writer.close().await
}
