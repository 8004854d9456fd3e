//! A server and a client for the cases to fill in.

use std::{io, sync::Arc, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_core::rt::{BoxConnection, BoxListener, Rt};
use seaworthy_sim::{Config, HostResult, Links, Simulation};

pub(crate) const PORT: u16 = 80;

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn simulation(config: Config) -> Simulation {
    Simulation::new(config).expect("the config makes sense")
}

pub(crate) async fn listen(rt: &Rt) -> io::Result<BoxListener> {
    rt.listen(([0, 0, 0, 0], PORT)).await
}

/// Sends back what comes, until the end.
pub(crate) async fn echo(connection: BoxConnection) -> io::Result<u64> {
    let (reader, mut writer) = connection.split();
    let echoed = futures::io::copy(reader, &mut writer).await?;
    writer.close().await?;
    Ok(echoed)
}

/// Runs `server` with the first connection of `client`, both to their end, on two hosts.
pub(crate) fn two<S, C>(
    seed: u64,
    server: impl Fn(Rt, BoxConnection) -> S + Send + Sync + Clone + 'static,
    client: impl Fn(Rt, BoxConnection) -> C + Send + Sync + Clone + 'static,
) where
    S: Future<Output = HostResult> + Send + 'static,
    C: Future<Output = HostResult> + Send + 'static,
{
    let mut simulation = simulation(Config::seeded(seed));
    simulation.client("server", move |rt| {
        let server = server.clone();
        async move {
            let (connection, _peer) = listen(&rt).await?.accept().await?;
            server(rt, connection).await
        }
    });
    simulation.client("client", move |rt| {
        let client = client.clone();
        async move {
            // The server listens by then.
            rt.sleep(ms(1)).await;
            let connection = rt.connect(("server", PORT)).await?;
            client(rt, connection).await
        }
    });
    finish(simulation);
}

/// Runs to the end, after which no connection may be left.
pub(crate) fn finish(simulation: Simulation) {
    let links: Arc<Links> = simulation.links();
    if let Err(failure) = simulation.run() {
        panic!("{failure}");
    }
    assert!(links.is_empty(), "{} connections are left in the table", links.len());
}

/// Writes until the connection takes no more; returns how much it took.
pub(crate) async fn fill(rt: &Rt, to: &mut BoxConnection, piece: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while let Ok(written) = rt.timeout(ms(50), to.write(piece)).await {
        taken += written?;
    }
    Ok(taken)
}

/// Runs for so long, in which nothing may fail or be over.
pub(crate) fn run_for(simulation: &mut Simulation, time: Duration) {
    while simulation.elapsed() < time {
        assert!(!simulation.step().expect("nothing fails so far"), "it is over already");
    }
}
