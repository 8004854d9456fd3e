//! A pool of TCP connections: three of them serve twenty callers, and when the server is gone the error says so.
//!
//! `cargo run --example pool`

use std::{io, net::SocketAddr, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt, future::try_join_all};
use seaworthy::{
    pool::{Config, Manager, Pool},
    rt::{BoxConnection, Rt, Scope},
};

/// Connects to the echo server below.
struct Echo {
    rt: Rt,
    server: SocketAddr,
}

struct Session {
    connection: BoxConnection,
    /// A question was asked and its answer not read: whoever comes next must not get that answer.
    is_asking: bool,
}

impl Manager for Echo {
    type Connection = Session;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<Session> {
        Ok(Session { connection: self.rt.connect(self.server).await?, is_asking: false })
    }

    fn is_broken(&self, session: &mut Session) -> bool {
        session.is_asking
    }

    async fn check(&self, session: &mut Session) -> io::Result<()> {
        session.ask(*b"ping").await.map(drop)
    }

    async fn close(&self, mut session: Session) {
        // It goes either way.
        let _closed = session.connection.close().await;
    }
}

impl Session {
    async fn ask(&mut self, question: [u8; 4]) -> io::Result<[u8; 4]> {
        self.is_asking = true;
        let mut answer = [0; 4];
        self.connection.write_all(&question).await?;
        self.connection.read_exact(&mut answer).await?;
        // Not reached if the caller was cancelled or the server is gone.
        self.is_asking = false;
        Ok(answer)
    }
}

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| ask_all(&rt).await)
}

async fn ask_all(rt: &Rt) -> anyhow::Result<()> {
    let mut listener = rt.listen(([127, 0, 0, 1], 0)).await?;
    let server = listener.local_addr()?.to_string().parse()?;
    let serving = rt.spawn("server", {
        let rt = rt.clone();
        async move {
            let sessions = Scope::new(&rt);
            while let Ok((connection, _peer)) = listener.accept().await {
                sessions.spawn("session", async move {
                    let (reader, mut writer) = connection.split();
                    // The end of a session is no news.
                    let _ended = futures::io::copy(reader, &mut writer).await;
                });
            }
        }
    });

    let config = Config { max: 3, acquire_timeout: Some(Duration::from_secs(1)), ..Config::default() };
    let pool = Pool::new(rt, Echo { rt: rt.clone(), server }, config)?;
    let calls = (0..20_u32).map(async |number| {
        let answer = pool.get().await?.ask(number.to_be_bytes()).await?;
        anyhow::Ok(u32::from_be_bytes(answer))
    });
    println!("the answers add up to {}", try_join_all(calls).await?.iter().sum::<u32>());
    let stats = pool.stats();
    println!("{} leases of {} connections, {} waited", stats.leased, stats.connected, stats.waited);

    drop(serving.cancel().await);
    // The connections lead nowhere now, and no new ones can be made.
    pool.expire_all();
    if let Err(error) = pool.get().await {
        println!("{error}");
    }
    let report = pool.close(Duration::from_secs(1)).await;
    println!("closed, with {} leases still out", report.outstanding.len());
    Ok(())
}
