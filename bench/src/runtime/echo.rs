//! Bytes over loopback TCP, client and server on one thread: through the boxed streams of the seam and without them.

use std::{future::Future, net::SocketAddr};

use futures::future::{BoxFuture, FutureExt, join};
use seaworthy_core::rt::{Address, BoxConnection, Rt};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    harness::{Comparison, Settings, Table},
    runtimes::{OnSmol, OnTokio},
};

const MESSAGE: usize = 64;
const CHUNK: usize = 64 << 10;
/// In a round: the system sizes the buffers of each as it likes, which the speed of large chunks hangs on.
const CONNECTIONS: usize = 10;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let tokio = OnTokio::current_thread();
    let smol = OnSmol::new();
    let (trips, chunks) = (settings.size(1_000), settings.size(1_000));
    let compare = |title: &str, on: &str, unit, ops: usize| {
        Comparison::new(format!("{title}, {on}"), unit, ops * CONNECTIONS)
            .pinned()
            .note(format!("{ops} over each of {CONNECTIONS} connections, one after the other."))
    };
    let echo = |on| compare("Echo of 64 bytes", on, "ns/round trip", trips);
    let flow = |on| compare("64 KiB chunks one way", on, "ns/chunk", chunks);
    vec![
        on_tokio(echo("tokio"), &tokio, Work::Echo(trips)).run(settings),
        on_tokio(flow("tokio"), &tokio, Work::Flow(chunks)).run(settings),
        on_smol(echo("smol"), &smol, Work::Echo(trips)).run(settings),
        on_smol(flow("smol"), &smol, Work::Flow(chunks)).run(settings),
    ]
}

fn on_tokio<'a>(comparison: Comparison<'a>, tokio: &'a OnTokio, work: Work) -> Comparison<'a> {
    comparison
        .target(1.02)
        .ours("Rt::connect, Rt::listen", move |meter| {
            for _ in 0..CONNECTIONS {
                let (client, server) = tokio.block_on(boxed_pair(&tokio.rt));
                let serve = |future| tokio.rt.spawn("server", future);
                meter.time(|| tokio.block_on(work.run(Futures(client), Futures(server), serve)));
            }
        })
        .peer("tokio::net::TcpStream", move |meter| {
            for _ in 0..CONNECTIONS {
                let (client, server) = tokio.block_on(tokio_pair());
                meter.time(|| tokio.block_on(work.run(client, server, tokio::spawn)));
            }
        })
}

fn on_smol<'a>(comparison: Comparison<'a>, smol: &'a OnSmol, work: Work) -> Comparison<'a> {
    comparison
        .target(1.02)
        .ours("Rt::connect, Rt::listen", move |meter| {
            for _ in 0..CONNECTIONS {
                let (client, server) = smol.block_on(boxed_pair(&smol.rt));
                let serve = |future| smol.rt.spawn("server", future);
                meter.time(|| smol.block_on(work.run(Futures(client), Futures(server), serve)));
            }
        })
        .peer("async_net::TcpStream", move |meter| {
            for _ in 0..CONNECTIONS {
                let (client, server) = smol.block_on(smol_pair());
                let serve = |future| smol.executor.spawn(future);
                meter.time(|| smol.block_on(work.run(Futures(client), Futures(server), serve)));
            }
        })
}

#[derive(Clone, Copy)]
enum Work {
    Echo(usize),
    Flow(usize),
}

impl Work {
    /// Server and client are two tasks, as they would be.
    async fn run<T: Future>(
        self,
        client: impl Bytes,
        server: impl Bytes,
        spawn: impl FnOnce(BoxFuture<'static, ()>) -> T,
    ) {
        let served = spawn(self.serve(server).boxed());
        self.ask(client).await;
        served.await;
    }

    async fn serve(self, mut server: impl Bytes) {
        match self {
            Self::Echo(trips) => {
                let mut message = [0; MESSAGE];
                for _ in 0..trips {
                    server.read(&mut message).await;
                    server.write(&message).await;
                }
            }
            Self::Flow(chunks) => {
                let mut chunk = vec![0; CHUNK];
                for _ in 0..chunks {
                    server.read(&mut chunk).await;
                }
                server.write(b"!").await;
            }
        }
    }

    async fn ask(self, mut client: impl Bytes) {
        match self {
            Self::Echo(trips) => {
                let mut message = [7; MESSAGE];
                for _ in 0..trips {
                    client.write(&message).await;
                    client.read(&mut message).await;
                }
            }
            Self::Flow(chunks) => {
                let chunk = vec![7; CHUNK];
                for _ in 0..chunks {
                    client.write(&chunk).await;
                }
                client.read(&mut [0]).await;
            }
        }
    }
}

/// What the work asks of a stream. Each is used by the extension methods of its own traits.
trait Bytes: Send + 'static {
    fn read(&mut self, bytes: &mut [u8]) -> impl Future<Output = ()> + Send;
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = ()> + Send;
}

/// A stream of the `futures` traits.
struct Futures<S>(S);

impl<S> Bytes for Futures<S>
where
    S: futures::AsyncRead + futures::AsyncWrite + Unpin + Send + 'static,
{
    async fn read(&mut self, bytes: &mut [u8]) {
        futures::AsyncReadExt::read_exact(&mut self.0, bytes).await.expect("the other end writes");
    }

    async fn write(&mut self, bytes: &[u8]) {
        futures::AsyncWriteExt::write_all(&mut self.0, bytes).await.expect("the other end reads");
    }
}

impl Bytes for TcpStream {
    async fn read(&mut self, bytes: &mut [u8]) {
        tokio::io::AsyncReadExt::read_exact(self, bytes).await.expect("the other end writes");
    }

    async fn write(&mut self, bytes: &[u8]) {
        tokio::io::AsyncWriteExt::write_all(self, bytes).await.expect("the other end reads");
    }
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn boxed_pair(rt: &Rt) -> (BoxConnection, BoxConnection) {
    let mut listener = rt.listen(any_port()).await.expect("a free port");
    let Ok(Address::Tcp(address)) = listener.local_addr() else { panic!("a listener has an address") };
    let (client, accepted) = join(rt.connect(address), listener.accept()).await;
    (client.expect("a listener"), accepted.expect("a client").0)
}

async fn tokio_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(any_port()).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (client, accepted) = join(TcpStream::connect(address), listener.accept()).await;
    let (client, server) = (client.expect("a listener"), accepted.expect("a client").0);
    // As the seam does it.
    client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).expect("sockets of TCP");
    (client, server)
}

async fn smol_pair() -> (async_net::TcpStream, async_net::TcpStream) {
    let listener = async_net::TcpListener::bind(any_port()).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (client, accepted) = join(async_net::TcpStream::connect(address), listener.accept()).await;
    let (client, server) = (client.expect("a listener"), accepted.expect("a client").0);
    client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).expect("sockets of TCP");
    (client, server)
}
