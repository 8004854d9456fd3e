//! Connecting, listening and looking up names.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use seaworthy_core::rt::{Address, BoxConnection, BoxListener, Net};

use super::{
    HostState, connection::HostConnection, host::bit, listener::HostListener, runtime::HostRuntime, strike,
    wire::Side,
};
use crate::{event::What, fault::FaultKind};

/// While one of these is under way, a connect to the host gets no answer.
const UNANSWERED: &[FaultKind] = &[FaultKind::ConnectHang, FaultKind::PowerLoss];

/// Those that turmoil carries out on the way, seen here by who wanted to go there.
pub(super) const ON_THE_WAY: &[FaultKind] = &[FaultKind::Hold, FaultKind::Partition, FaultKind::Latency];

pub(super) const ON_THE_WAY_BITS: u64 =
    bit(FaultKind::Hold) | bit(FaultKind::Partition) | bit(FaultKind::Latency);

/// What a refusal takes to come, at most. It is never there at once: who tries again without a pause would keep
/// simulated time from passing.
const REFUSED_AFTER_MAX_MICROS: u64 = 4000;

impl Net for HostRuntime {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        let Some(to) = to.tcp() else { return self.inner.runtime().net().connect(to) };
        let server = match self.host.is_own(to.ip()) {
            true => Some(Arc::clone(&self.host)),
            false => self.sim.weather().host_at(to.ip()),
        };
        connect(self.clone(), self.host.on_network(to), server).boxed()
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let Some(on) = on.tcp() else { return self.inner.runtime().net().listen(on) };
        let (runtime, on) = (self.clone(), Address::from(self.host.on_network(on)));
        async move {
            runtime.check_alive()?;
            let listener = runtime.inner.runtime().net().listen(&on).await?;
            Ok(Box::new(HostListener::new(runtime, listener)) as BoxListener)
        }
        .boxed()
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], port));
        if host.eq_ignore_ascii_case("localhost") && self.host.on_network(loopback) != loopback {
            return futures::future::ready(Ok(vec![loopback])).boxed();
        }
        let (runtime, name) = (self.clone(), host.to_owned());
        async move {
            let found = runtime.inner.runtime().net().resolve(&name, port).await;
            let named = runtime.sim.weather().host_named(&name.to_ascii_lowercase());
            if let Some(failure) = named.and_then(|host| host.fault(FaultKind::DnsFailure)) {
                strike(&runtime.sim, failure.index);
                runtime.answer_travels().await;
                return Err(io::Error::other("temporary failure in name resolution"));
            }
            found
        }
        .boxed()
    }
}

async fn connect(
    runtime: HostRuntime,
    to: SocketAddr,
    server: Option<Arc<HostState>>,
) -> io::Result<BoxConnection> {
    runtime.check_alive()?;
    if let Some(server) = &server {
        runtime.approach(server).await?;
    }
    let connected = runtime.inner.runtime().net().connect(&to.into()).await?;
    if let Some(server) = server {
        runtime.sim.record(runtime.host.name(), What::Connected { to: server.name().to_owned() });
    }
    HostConnection::wrap(runtime, connected, Side::Client)
}

impl HostRuntime {
    /// What happens on the way to a server, before it is there.
    async fn approach(&self, server: &Arc<HostState>) -> io::Result<()> {
        self.while_unanswered(server).await;
        // Where no process runs, the kernel refuses. turmoil would let it wait for one.
        if server.has_ended() {
            self.answer_travels().await;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let is_refused = [FaultKind::ConnectRefused, FaultKind::Crash];
        if let Some(refusal) = is_refused.into_iter().find_map(|kind| server.fault(kind)) {
            // A crash has had its effect already.
            if refusal.kind == FaultKind::ConnectRefused {
                strike(&self.sim, refusal.index);
            }
            self.answer_travels().await;
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if let Some(slow) = server.fault(FaultKind::ConnectSlow) {
            let left = slow.until.saturating_sub(self.sim.now());
            strike(&self.sim, slow.index);
            self.wait(Duration::from_millis(slow.size).min(left)).await;
        }
        self.pass(server);
        Ok(())
    }

    /// Waits until a connect to `server` is answered, in whatever way.
    async fn while_unanswered(&self, server: &Arc<HostState>) {
        let mut noted = None;
        loop {
            let changes = [server.change_of_faults(), self.host.change_of_faults()];
            let unanswered = UNANSWERED.iter().find_map(|kind| server.fault(*kind));
            // turmoil would refuse at once what meets a cut; on a real network nobody is there to do so.
            let is_local = Arc::ptr_eq(server, &self.host);
            let mut ends = [server, &self.host].into_iter().filter(|_| !is_local);
            let cut = || ends.find_map(|host| host.fault(FaultKind::Partition));
            let Some(fault) = unanswered.or_else(cut) else { return };
            if noted.replace(fault.index) != Some(fault.index) {
                strike(&self.sim, fault.index);
            }
            futures::future::select_all(changes).await;
        }
    }

    /// Something sets out to `peer` while the way there is disturbed.
    pub(super) fn pass(&self, peer: &Arc<HostState>) {
        if (self.host.kinds() | peer.kinds()) & ON_THE_WAY_BITS == 0 || Arc::ptr_eq(peer, &self.host) {
            return;
        }
        let ends = [&self.host, peer].into_iter();
        let mut kinds = ends.flat_map(|host| ON_THE_WAY.iter().map(move |kind| (host, *kind)));
        if let Some(fault) = kinds.find_map(|(host, kind)| host.fault(kind)) {
            strike(&self.sim, fault.index);
        }
    }

    pub(super) async fn answer_travels(&self) {
        let micros = self.host.draw(|rng| 200 + rng.below(REFUSED_AFTER_MAX_MICROS - 200));
        self.wait(Duration::from_micros(micros)).await;
    }
}
