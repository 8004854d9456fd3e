use std::{io, sync::Arc, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use seaworthy_core::{
    pool::Manager,
    rt::{BoxConnection, Rng, Scope},
};

use super::{
    PORT,
    laws::{Ledger, Token},
};
use crate::{HostResult, always, fault::FaultKind, scenario::Host};

/// A server that sends back each number it is sent.
pub(super) async fn serve(host: Host) -> HostResult {
    let mut listener = host.rt().listen(([0, 0, 0, 0], PORT)).await?;
    let sessions = Scope::new(host.rt());
    let rng = host.sim().rng(host.name(), 0);
    for session in 0.. {
        let Ok((connection, _peer)) = listener.accept().await else {
            // Out of file descriptors, as it were.
            host.rt().sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (host, rng) = (host.clone(), rng.fork("session", session));
        sessions.spawn("session", async move {
            // Its end is no news.
            let _ended = echo(host, connection, rng).await;
        });
    }
    Ok(())
}

async fn echo(host: Host, mut connection: BoxConnection, mut rng: Rng) -> io::Result<()> {
    let mut number = [0; 8];
    loop {
        connection.read_exact(&mut number).await?;
        if host.strikes_by_chance(FaultKind::NoReply, &mut rng) {
            continue;
        }
        if let Some(ms) = host.strikes(FaultKind::SlowReply) {
            host.rt().sleep(Duration::from_millis(ms)).await;
        }
        connection.write_all(&number).await?;
    }
}

/// Makes the pool's connections.
pub(super) struct Backend {
    host: Host,
    ledger: Arc<Ledger>,
    server: String,
    rng: Mutex<Rng>,
}

impl Backend {
    pub(super) fn new(host: &Host, ledger: Arc<Ledger>, server: u16) -> Self {
        let rng = Mutex::new(host.sim().rng("backend", u64::from(server)));
        Self { host: host.clone(), ledger, server: format!("server-{server}"), rng }
    }
}

/// A connection, and whether an exchange is under way on it.
pub(super) struct Session {
    connection: BoxConnection,
    pub(super) is_asking: bool,
    pub(super) token: Token,
    host: Host,
}

impl Manager for Backend {
    type Connection = Session;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<Session> {
        // Counted from the beginning of the connect: so does the pool.
        let token = self.ledger.connect(&self.host);
        if self.host.strikes_by_chance(FaultKind::Panic, &mut self.rng.lock()) {
            self.host.reached("a connect panics");
            panic!("the driver is broken");
        }
        let connection = self.host.rt().connect((self.server.as_str(), PORT)).await?;
        Ok(Session { connection, is_asking: false, token, host: self.host.clone() })
    }

    fn is_broken(&self, session: &mut Session) -> bool {
        session.is_asking
    }

    async fn check(&self, session: &mut Session) -> io::Result<()> {
        session.ask(0).await
    }

    async fn close(&self, mut session: Session) {
        let _closed = session.connection.close().await;
    }
}

impl Session {
    /// Sends a number and waits for it to come back.
    pub(super) async fn ask(&mut self, number: u64) -> io::Result<()> {
        let (before, token) = (self.is_asking, self.token.number());
        always!(
            self.host,
            !before,
            "no connection is lent in the middle of an exchange",
            "connection {token}"
        );
        self.is_asking = true;
        let mut answer = [0; 8];
        self.connection.write_all(&number.to_be_bytes()).await?;
        self.connection.read_exact(&mut answer).await?;
        self.is_asking = false;
        let answer = u64::from_be_bytes(answer);
        always!(
            self.host,
            answer == number,
            "an answer is to the question",
            "{answer} to {number} on {token}"
        );
        Ok(())
    }
}
