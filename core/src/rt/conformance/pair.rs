//! Two ends of a connection, and other things that most cases need.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{AsyncReadExt, AsyncWriteExt, future::join};

use crate::rt::{Address, BoxConnection, BoxListener, Rt};

/// Loopback, on a port of the system's choice.
pub(super) const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

pub(super) async fn listen(rt: &Rt) -> BoxListener {
    rt.listen(ANY_PORT).await.expect("listening on a free loopback port works")
}

#[track_caller]
pub(super) fn address(listener: &BoxListener) -> Address {
    listener.local_addr().expect("a listener knows its address")
}

/// Both ends of a fresh TCP connection: who connected, who accepted.
pub(super) async fn pair(rt: &Rt) -> (BoxConnection, BoxConnection) {
    let mut listener = listen(rt).await;
    pair_at(rt, &mut listener).await
}

/// Both ends of a fresh connection to `listener`.
pub(super) async fn pair_at(rt: &Rt, listener: &mut BoxListener) -> (BoxConnection, BoxConnection) {
    let to = address(listener);
    let (client, server) = join(rt.connect(to), listener.accept()).await;
    let (server, _) = server.expect("accepting works");
    (client.expect("connecting to a listener works"), server)
}

/// One question and its answer, which shows that the connection works.
pub(super) async fn ask(rt: &Rt, client: &mut BoxConnection, server: BoxConnection) -> BoxConnection {
    let answered = rt.spawn("answer", answer(server));
    client.write_all(b"ahoy").await.expect("writing works");
    client.flush().await.expect("flushing works");
    let mut reply = [0; 4];
    client.read_exact(&mut reply).await.expect("the answer comes");
    assert_eq!(&reply, b"AHOY");
    answered.await.expect("no panic").expect("answering works")
}

async fn answer(mut server: BoxConnection) -> io::Result<BoxConnection> {
    let mut question = [0; 4];
    server.read_exact(&mut question).await?;
    question.make_ascii_uppercase();
    server.write_all(&question).await?;
    server.flush().await?;
    Ok(server)
}

/// Calls a function when dropped: a destructor to look at.
pub(super) struct OnDrop<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Counts what lives.
#[derive(Clone, Default)]
pub(super) struct Living(Arc<AtomicUsize>);

impl Living {
    /// One more, until the returned guard is dropped.
    pub(super) fn one(&self) -> impl Send + Sync + use<> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let count = Arc::clone(&self.0);
        OnDrop(move || {
            count.fetch_sub(1, Ordering::SeqCst);
        })
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Panics without calling the panic hook: a panic that is meant needs no report.
pub(super) fn panic_quietly(text: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(text))
}
