//! What can become of a request and its reply: the cases that a retry has to tell apart, on both engines.

use std::{io, sync::Arc};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;
use seaworthy_core::rt::BoxConnection;
use seaworthy_sim::{
    engine::Engine,
    fault::FaultKind,
    scenario::{Host, Stage},
};

use super::play::{Seen, connect, effects, fault, listen, ms, play, until};

const REQUEST: usize = 100;
const REPLY: usize = 400;

const OK: u8 = 1;
const ERROR: u8 = 2;

/// What a client knows afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    /// So many bytes, of which the first says what it is.
    Reply(usize, u8),
    /// So many bytes, and then this.
    Failed(usize, io::ErrorKind),
    NoConnection(io::ErrorKind),
    /// Nothing in time.
    Nothing,
}

/// A server that writes down what it has carried out, whatever becomes of the reply.
fn server(stage: &mut Stage, ledger: &Arc<Mutex<u64>>) {
    let ledger = Arc::clone(ledger);
    stage.server("server", move |host| {
        let ledger = Arc::clone(&ledger);
        async move {
            let mut listener = listen(host.rt()).await?;
            loop {
                let (connection, _) = listener.accept().await?;
                let work = work(host.clone(), connection, Arc::clone(&ledger));
                host.rt().spawn("work", async { drop(work.await) }).detach();
            }
        }
    });
}

async fn work(host: Host, mut connection: BoxConnection, ledger: Arc<Mutex<u64>>) -> io::Result<()> {
    let mut rng = host.sim().rng("work", 0);
    connection.read_exact(&mut [0; REQUEST]).await?;
    let fails = host.strikes_by_chance(FaultKind::ErrorReply, &mut rng);
    *ledger.lock() += u64::from(!fails);
    // Time for something to happen between the work and the reply.
    host.rt().sleep(ms(50)).await;
    if host.strikes_by_chance(FaultKind::NoReply, &mut rng) {
        return std::future::pending().await;
    }
    let mut reply = [0; REPLY];
    reply[0] = if fails { ERROR } else { OK };
    connection.write_all(&reply).await?;
    connection.close().await
}

async fn ask(host: &Host) -> Came {
    let mut connection = match host.rt().timeout(ms(500), connect(host.rt())).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Came::NoConnection(error.kind()),
        Err(_) => return Came::Nothing,
    };
    if let Err(error) = connection.write_all(&[7; REQUEST]).await {
        return Came::Failed(0, error.kind());
    }
    let (mut reply, mut came) = ([0; REPLY], 0);
    let reading = async {
        loop {
            match connection.read(&mut reply[came..]).await {
                Ok(0) => return Came::Reply(came, reply[0]),
                Ok(bytes) => came += bytes,
                Err(error) => return Came::Failed(came, error.kind()),
            }
        }
    };
    host.rt().timeout(ms(500), reading).await.unwrap_or(Came::Nothing)
}

/// Two requests, one while the fault lasts and one afterwards: what came of the first, how often it was carried out, and
/// the effects of the fault.
fn exchange(engine: Engine, kind: FaultKind, size: u64) -> (Came, u64, u64) {
    let (seen, ledger) = (Seen::new(), Arc::default());
    let run = play(engine, fault(kind, size), |stage| {
        server(stage, &ledger);
        let (seen, ledger) = (seen.clone(), Arc::clone(&ledger));
        stage.client("client", move |host| {
            let (seen, ledger) = (seen.clone(), Arc::clone(&ledger));
            async move {
                // A fault that is over at once strikes between the work and the reply.
                until(&host, if kind.is_instant() { ms(970) } else { ms(1500) }).await;
                seen.add((ask(&host).await, *ledger.lock()));
                until(&host, ms(3500)).await;
                assert_eq!(ask(&host).await, Came::Reply(REPLY, OK), "all is well afterwards");
                Ok(())
            }
        });
    });
    let (came, carried_out) = seen.take().pop().expect("there was a request");
    (came, carried_out, effects(&run, kind))
}

#[test]
fn what_becomes_of_a_request_is_known_to_the_server_and_counted_by_effect() {
    use io::ErrorKind as E;
    let cases = [
        (FaultKind::ConnectRefused, 0, Came::NoConnection(E::ConnectionRefused), 0),
        (FaultKind::ConnectHang, 0, Came::Nothing, 0),
        // Answered with an error, and not carried out.
        (FaultKind::ErrorReply, 100, Came::Reply(REPLY, ERROR), 0),
        // Lost on the way there.
        (FaultKind::BlackHole, 0, Came::Nothing, 0),
        (FaultKind::StalledReader, 0, Came::Nothing, 0),
        (FaultKind::ResetAfterBytes, REQUEST as u64 - 1, Came::Failed(0, E::ConnectionReset), 0),
        // Carried out, and the reply is lost: with the connection, or with the connection left open.
        (FaultKind::Reset, 0, Came::Failed(0, E::ConnectionReset), 1),
        (FaultKind::ResetAfterBytes, REQUEST as u64, Came::Failed(0, E::ConnectionReset), 1),
        (FaultKind::OneWay, 0, Came::Nothing, 1),
        (FaultKind::NoReply, 100, Came::Nothing, 1),
        // Carried out, and a part of the reply arrives.
        (FaultKind::ResetAfterBytes, REQUEST as u64 + 30, Came::Failed(30, E::ConnectionReset), 1),
        (FaultKind::Truncate, 120, Came::Reply(120, OK), 1),
        (FaultKind::Bandwidth, 200, Came::Nothing, 1),
    ];
    for engine in Engine::ALL {
        for (kind, size, came, carried_out) in cases.clone() {
            let (is, times, effects) = exchange(*engine, kind, size);
            assert_eq!((is, times), (came, carried_out), "{engine}: {kind} {size}");
            assert!(effects > 0, "{engine}: {kind} {size}");
        }
    }
}

#[test]
fn a_reply_that_is_all_there_is_not_truncated_nor_its_connection_reset() {
    for engine in Engine::ALL {
        for (kind, size) in
            [(FaultKind::Truncate, REPLY as u64), (FaultKind::ResetAfterBytes, (REQUEST + REPLY) as u64 + 1)]
        {
            assert_eq!(exchange(*engine, kind, size), (Came::Reply(REPLY, OK), 1, 0), "{engine}: {kind}");
        }
    }
}
