//! A service of your own in the storm: an order is charged twice, because a retry loop is naive.
//!
//! `cargo run --profile sim -p seaworthy-sim --example orders -- run` finds it within a few seeds, shrinks the faults to the
//! one that matters, and says how to see it again. The other scenario is the same service with the bug repaired.
//! `docs/simulation.md` walks through it.

use std::{collections::BTreeMap, io, process::ExitCode, sync::Arc, time::Duration};

use futures::{AsyncBufReadExt, AsyncWriteExt, io::BufReader};
use parking_lot::Mutex;
use seaworthy_core::rt::{BoxConnection, Scope};
use seaworthy_sim::{
    HostResult, always,
    fault::{FaultKind, Storm},
    scenario::{Host, Scenario, Stage},
    sometimes,
};

const PORT: u16 = 8080;

fn main() -> ExitCode {
    seaworthy_sim::main(&[&Orders { are_known_again: false }, &Orders { are_known_again: true }])
}

/// One shop sends orders to a bank, which charges them.
struct Orders {
    /// Whether the bank knows an order again, and does not charge it a second time.
    are_known_again: bool,
}

/// What the bank has done: how often each order was charged. The client cannot see it, but the laws can.
type Charged = Arc<Mutex<BTreeMap<u64, u64>>>;

impl Scenario for Orders {
    fn name(&self) -> &'static str {
        if self.are_known_again { "orders" } else { "naive-orders" }
    }

    fn about(&self) -> &'static str {
        "a shop that sends each order until it is answered"
    }

    fn storm(&self) -> Storm {
        let kinds = vec![FaultKind::Reset, FaultKind::BlackHole, FaultKind::Crash, FaultKind::ShortReads];
        Storm { kinds, ..Storm::default() }
    }

    fn points(&self) -> &'static [&'static str] {
        &["an order is sent again"]
    }

    fn set_up(&self, stage: &mut Stage) {
        let charged = Charged::default();
        let (book, known) = (Arc::clone(&charged), self.are_known_again);
        stage.server("bank", move |host| serve(host, Arc::clone(&book), known));
        stage.client("shop", shop);
        stage.afterwards(move |sim| {
            let charged = charged.lock().len();
            always!(sim, charged > 0, "orders are charged", "not one was");
        });
    }
}

async fn serve(host: Host, charged: Charged, known: bool) -> HostResult {
    let mut listener = host.rt().listen(([0, 0, 0, 0], PORT)).await?;
    let sessions = Scope::new(host.rt());
    loop {
        let (connection, _shop) = listener.accept().await?;
        let (host, charged) = (host.clone(), Arc::clone(&charged));
        sessions.spawn("session", async move {
            let _reset = charge(host, connection, charged, known).await;
        });
    }
}

/// Charges each order that comes in, one to a line, and says `ok`.
async fn charge(host: Host, connection: BoxConnection, charged: Charged, known: bool) -> io::Result<()> {
    let mut connection = BufReader::new(connection);
    let mut line = String::new();
    while connection.read_line(&mut line).await? > 0 {
        let order: u64 = line.trim_end().parse().map_err(io::Error::other)?;
        line.clear();
        let times = {
            let mut charged = charged.lock();
            let times = charged.entry(order).or_default();
            *times = if known { 1 } else { *times + 1 };
            *times
        };
        host.note(format_args!("order {order} is charged"));
        always!(host, times == 1, "an order is charged once", "order {order} was charged {times} times");
        connection.write_all(b"ok\n").await?;
    }
    Ok(())
}

/// The naive part: an error is taken to mean that nothing has happened.
async fn shop(host: Host) -> HostResult {
    for order in 0.. {
        if host.is_healed() {
            break;
        }
        let mut pause = Duration::from_millis(100);
        while let Err(error) = send(&host, order).await {
            sometimes!(host, true, "an order is sent again");
            host.note(format_args!("order {order} failed: {error}"));
            host.rt().sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        host.rt().sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

async fn send(host: &Host, order: u64) -> io::Result<()> {
    let mut connection = BufReader::new(host.rt().connect(("bank", PORT)).await?);
    connection.write_all(format!("{order}\n").as_bytes()).await?;
    let mut answer = String::new();
    match connection.read_line(&mut answer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
