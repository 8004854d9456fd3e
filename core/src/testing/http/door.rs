use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    SinkExt, StreamExt,
    channel::{mpsc, oneshot},
};

use super::ledger::Ledger;
use crate::rt::{Address, BoxConnection, BoxFuture, BoxListener, CancelToken, JoinError, Rt, Scope};

/// How a [`Server`](super::Server) or [`Proxy`](super::Proxy) receives new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// As it should.
    #[default]
    Serve,
    /// Nobody listens: connects are refused.
    Refuse,
    /// They are accepted and reset.
    Reset,
    /// They are accepted and never served; they are open until the client leaves.
    Silent,
}

/// How long to pause when accepting fails.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// How many changes of [`Accept`] may wait to be carried out.
const COMMANDS_MAX: usize = 8;

/// What is done with a connection: it, its number and its peer.
pub(super) type Serve = Arc<dyn Fn(BoxConnection, u64, Address) -> BoxFuture<'static, ()> + Send + Sync>;

/// Where connections come in. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Door {
    rt: Rt,
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    scope: Arc<Scope>,
    token: CancelToken,
}

type Command = (Accept, oneshot::Sender<io::Result<()>>);

struct Porter {
    rt: Rt,
    address: SocketAddr,
    listener: Option<BoxListener>,
    accept: Accept,
    commands: mpsc::Receiver<Command>,
    scope: Arc<Scope>,
    ledger: Arc<Ledger>,
    connections_max: usize,
    serve: Serve,
}

enum Event {
    Command(Command),
    Accepted(io::Result<(BoxConnection, Address)>),
    Ended,
}

impl Door {
    pub(super) async fn open(
        rt: &Rt,
        address: SocketAddr,
        connections_max: usize,
        ledger: &Arc<Ledger>,
        serve: Serve,
    ) -> io::Result<Self> {
        let listener = rt.listen(address).await?;
        let bound = listener.local_addr()?.tcp();
        let address = bound.ok_or_else(|| io::Error::other("the runtime listens on no IP address"))?;
        let token = CancelToken::new();
        let scope = Arc::new(Scope::below(rt, &token));
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let porter = Porter {
            rt: rt.clone(),
            address,
            listener: Some(listener),
            accept: Accept::Serve,
            commands,
            scope: Arc::clone(&scope),
            ledger: Arc::clone(ledger),
            connections_max,
            serve,
        };
        scope.spawn("testing.http.accept", porter.run());
        Ok(Self { rt: rt.clone(), address, commands: sender, scope, token })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn set_accept(&self, accept: Accept) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || io::Error::other("the server has stopped");
        self.commands.clone().send((accept, done)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(super) async fn close(self) {
        self.token.cancel();
        if let Err(JoinError::Panicked(panic)) = self.scope.join().await {
            self.rt.report_panic(&panic);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

impl Porter {
    async fn run(mut self) {
        loop {
            match poll_fn(|cx| self.poll_event(cx)).await {
                Event::Command((accept, done)) => {
                    let changed = self.change(accept).await;
                    // Whoever asked may have gone.
                    drop(done.send(changed));
                }
                Event::Accepted(Ok((connection, peer))) => self.admit(connection, peer),
                Event::Accepted(Err(_)) => self.rt.sleep(ACCEPT_PAUSE).await,
                Event::Ended => return,
            }
        }
    }

    /// Commands first: who has been told that connects are refused sees no connect succeed.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(command) = self.commands.poll_next_unpin(cx) {
            return Poll::Ready(command.map_or(Event::Ended, Event::Command));
        }
        self.ledger.room.register(cx.waker());
        let Some(listener) = &mut self.listener else { return Poll::Pending };
        if self.ledger.connections().open >= self.connections_max {
            return Poll::Pending;
        }
        listener.poll_accept(cx).map(Event::Accepted)
    }

    async fn change(&mut self, accept: Accept) -> io::Result<()> {
        if accept == Accept::Refuse {
            self.listener = None;
        } else if self.listener.is_none() {
            self.listener = Some(self.rt.listen(self.address).await?);
        }
        self.accept = accept;
        Ok(())
    }

    fn admit(&self, connection: BoxConnection, peer: Address) {
        let (number, open) = self.ledger.open();
        match self.accept {
            Accept::Reset => {
                self.ledger.note(|connections| connections.turned_away += 1);
                connection.abort();
            }
            Accept::Silent => self.scope.spawn("testing.http.silence", async move {
                let _open = open;
                let mut connection = connection;
                // To the end: what the client says is read and thrown away.
                drop(futures::io::copy(&mut connection, &mut futures::io::sink()).await);
            }),
            Accept::Serve | Accept::Refuse => {
                let served = (self.serve)(connection, number, peer);
                self.scope.spawn("testing.http.connection", async move {
                    served.await;
                    drop(open);
                });
            }
        }
    }
}
