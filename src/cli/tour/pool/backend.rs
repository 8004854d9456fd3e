use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use parking_lot::Mutex;
use seaworthy::rt::{BoxConnection, BoxListener, Rt, Scope};

/// A server on loopback TCP that adds two numbers, a line in and a line out. To `stall` it gives no answer.
pub(super) struct Backend {
    rt: Rt,
    pub(super) address: SocketAddr,
    pub(super) meter: Arc<Meter>,
    /// The listener's task and those of its connections.
    tasks: Mutex<Scope>,
}

/// What the server itself has counted.
#[derive(Debug, Default)]
pub(super) struct Meter {
    open: AtomicUsize,
    open_peak: AtomicUsize,
    accepted: AtomicUsize,
}

impl Backend {
    pub(super) async fn start(rt: &Rt) -> anyhow::Result<Self> {
        let listener = rt.listen(([127, 0, 0, 1], 0)).await?;
        let address = listener.local_addr()?.tcp().ok_or_else(|| anyhow::anyhow!("it listens on TCP"))?;
        let tasks = Mutex::new(Scope::new(rt));
        let backend = Self { rt: rt.clone(), address, meter: Arc::default(), tasks };
        backend.serve(listener);
        Ok(backend)
    }

    /// Cuts all connections and stops listening.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        let tasks = std::mem::replace(&mut *self.tasks.lock(), Scope::new(&self.rt));
        Ok(tasks.cancel().await?)
    }

    /// Listens again where it did.
    pub(super) async fn start_again(&self) -> anyhow::Result<()> {
        self.serve(self.rt.listen(self.address).await?);
        Ok(())
    }

    fn serve(&self, mut listener: BoxListener) {
        let (rt, meter) = (self.rt.clone(), Arc::clone(&self.meter));
        self.tasks.lock().spawn("tour.backend", async move {
            // Ends all connections with itself.
            let connections = Scope::new(&rt);
            while let Ok((connection, _)) = listener.accept().await {
                let meter = Arc::clone(&meter);
                connections.spawn("tour.connection", async move {
                    let _open = meter.opened();
                    // A client that goes away is none of the server's business.
                    let _gone = answer(connection).await;
                });
            }
        });
    }
}

impl Meter {
    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Acquire)
    }

    /// The most connections that were open at once since this was last asked.
    pub(super) fn take_open_peak(&self) -> usize {
        self.open_peak.swap(self.open.load(Ordering::Acquire), Ordering::AcqRel)
    }

    fn opened(self: &Arc<Self>) -> Open {
        self.accepted.fetch_add(1, Ordering::AcqRel);
        let open = self.open.fetch_add(1, Ordering::AcqRel) + 1;
        self.open_peak.fetch_max(open, Ordering::AcqRel);
        Open(Arc::clone(self))
    }
}

struct Open(Arc<Meter>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn answer(connection: BoxConnection) -> io::Result<()> {
    let (reader, mut writer) = connection.split();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(|number| number.parse().ok()).collect();
        if let Some(numbers) = numbers {
            writer.write_all(format!("{}\n", numbers.iter().sum::<u64>()).as_bytes()).await?;
        }
        line.clear();
    }
    Ok(())
}
