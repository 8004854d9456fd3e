//! A stage for one fault.

use std::{io, sync::Arc, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use seaworthy_core::rt::{BoxConnection, BoxListener, Rt};
use seaworthy_sim::{
    engine::{self, Engine, Options, Run},
    fault::{Fault, FaultKind, Schedule, Storm},
    scenario::{Host, Scenario, Stage},
};

pub(super) const PORT: u16 = 700;

/// When the fault begins and ends that [`fault`] makes.
pub(super) const BEGIN: Duration = Duration::from_millis(1000);
pub(super) const END: Duration = Duration::from_millis(3000);

/// How exact times are: what the network takes, and turmoil's steps.
pub(super) const SLACK: Duration = Duration::from_millis(30);

/// One fault on the host `server`, from [`BEGIN`] to [`END`].
pub(super) fn fault(kind: FaultKind, size: u64) -> Schedule {
    let lasts_ms = if kind.is_instant() { 0 } else { 2000 };
    Schedule::new(vec![Fault { at_ms: 1000, lasts_ms, kind, on: "server".to_owned(), size }])
}

struct Play<F>(F);

impl<F: Fn(&mut Stage) + Send + Sync> Scenario for Play<F> {
    fn name(&self) -> &'static str {
        "play"
    }

    fn about(&self) -> &'static str {
        "a stage for one fault"
    }

    fn storm(&self) -> Storm {
        Storm { chaos: ms(6000), settle: ms(2000), ..Storm::default() }
    }

    fn set_up(&self, stage: &mut Stage) {
        (self.0)(stage);
    }
}

/// Runs what `set_up` puts up under `schedule`; all must go well.
pub(super) fn play(engine: Engine, schedule: Schedule, set_up: impl Fn(&mut Stage) + Send + Sync) -> Run {
    let run = try_play(engine, schedule, set_up);
    assert!(run.outcome.verdict.is_pass(), "{engine}: {}", run.outcome.verdict);
    run
}

/// Runs it, however it ends.
pub(super) fn try_play(engine: Engine, schedule: Schedule, set_up: impl Fn(&mut Stage) + Send + Sync) -> Run {
    let options = Options { schedule: Some(schedule), trace: true, ..Options::new(engine, 11) };
    engine::run(&Play(set_up), &options)
}

/// How often faults of `kind` had an effect.
pub(super) fn effects(run: &Run, kind: FaultKind) -> u64 {
    run.outcome.effects.get(&kind).copied().unwrap_or(0)
}

/// What hosts saw, to be looked at after the run.
#[derive(Debug)]
pub(super) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Seen<T> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn add(&self, value: T) {
        self.0.lock().push(value);
    }

    pub(super) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock())
    }
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) async fn until(host: &Host, at: Duration) {
    host.rt().sleep(at.saturating_sub(host.now())).await;
}

pub(super) async fn listen(rt: &Rt) -> io::Result<BoxListener> {
    rt.listen(([0, 0, 0, 0], PORT)).await
}

pub(super) async fn connect(rt: &Rt) -> io::Result<BoxConnection> {
    rt.connect(("server", PORT)).await
}

/// A server that sends back what it is sent, on all connections.
pub(super) fn echo_server(stage: &mut Stage) {
    stage.server("server", async |host| {
        let mut listener = listen(host.rt()).await?;
        loop {
            let Ok((connection, _)) = listener.accept().await else { continue };
            host.rt().spawn("echo", async move { drop(echo(connection).await) }).detach();
        }
    });
}

async fn echo(connection: BoxConnection) -> io::Result<()> {
    let (reader, mut writer) = connection.split();
    futures::io::copy(reader, &mut writer).await?;
    writer.close().await
}

/// A server that hands its first connection to `work`, and serves no other.
pub(super) fn server_of_one<F>(
    stage: &mut Stage,
    work: impl Fn(Host, BoxConnection) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    stage.server("server", move |host| {
        let work = work.clone();
        async move {
            let mut listener = listen(host.rt()).await?;
            let (connection, _) = listener.accept().await?;
            work(host, connection).await?;
            std::future::pending().await
        }
    });
}

/// Asserts that a byte comes back.
pub(super) async fn assert_echo(connection: &mut BoxConnection) {
    let mut byte = [0];
    connection.write_all(&[77]).await.expect("it can be written to");
    connection.read_exact(&mut byte).await.expect("it can be read from");
    assert_eq!(byte, [77]);
}
