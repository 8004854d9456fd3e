use std::{io, net::SocketAddr};

use futures::{AsyncBufReadExt, AsyncWriteExt, io::BufReader};
use seaworthy::{
    pool::{Config, Manager, Pool},
    rt::{BoxConnection, Rt},
};

use super::backend::Backend;

/// Makes connections to the backend, for a pool.
pub(super) struct Dial {
    rt: Rt,
    address: SocketAddr,
}

/// One connection.
pub(super) struct Client {
    stream: BufReader<BoxConnection>,
    /// A question was asked and its answer not read: whoever is next would read it as the answer to theirs.
    is_mid_exchange: bool,
}

pub(super) fn pool(rt: &Rt, backend: &Backend, config: Config) -> anyhow::Result<Pool<Dial>> {
    Ok(Pool::new(rt, Dial { rt: rt.clone(), address: backend.address }, config)?)
}

impl Manager for Dial {
    type Connection = Client;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<Client> {
        let stream = BufReader::new(self.rt.connect(self.address).await?);
        Ok(Client { stream, is_mid_exchange: false })
    }

    fn is_broken(&self, client: &mut Client) -> bool {
        client.is_mid_exchange
    }

    async fn check(&self, client: &mut Client) -> io::Result<()> {
        client.add(1, 1).await.map(drop)
    }
}

impl Client {
    pub(super) async fn add(&mut self, a: u64, b: u64) -> io::Result<u64> {
        let answer = self.ask(&format!("{a} {b}\n")).await?;
        answer.trim().parse().map_err(io::Error::other)
    }

    /// A question that is never answered.
    pub(super) async fn stall(&mut self) -> io::Result<()> {
        self.ask("stall\n").await.map(drop)
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.is_mid_exchange = true;
        self.stream.get_mut().write_all(question.as_bytes()).await?;
        let mut answer = String::new();
        if self.stream.read_line(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.is_mid_exchange = false;
        Ok(answer)
    }
}
