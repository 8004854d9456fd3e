//! The network of the test runtime: streams in memory.

mod connection;
mod listener;
mod network;
mod pipe;
mod registry;

use std::{
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

pub(super) use registry::Registry;

pub use self::network::{ConnectionInfo, Fate, Network, Side};
use self::{
    connection::MemoryConnection,
    listener::{Backlog, MemoryListener},
};
use super::{
    runtime::TestRuntime,
    timers::VirtualTimer,
    world::{World, nanos},
};
use crate::rt::{Address, BoxConnection, BoxFuture, BoxListener, Net};

impl Net for TestRuntime {
    fn connect(&self, to: &Address) -> BoxFuture<'static, io::Result<BoxConnection>> {
        Box::pin(connect(Arc::clone(&self.0), reachable(to)))
    }

    fn listen(&self, on: &Address) -> BoxFuture<'static, io::Result<BoxListener>> {
        let (world, on) = (Arc::clone(&self.0), on.clone());
        Box::pin(async move {
            let mut registry = world.registry.lock();
            let backlog = registry.listen(&on)?;
            let network = registry.network();
            drop(registry);
            Ok(Box::new(MemoryListener { world, network, backlog }) as BoxListener)
        })
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let (world, host) = (Arc::clone(&self.0), host.to_owned());
        Box::pin(async move {
            let ips = look_up(&world, &host).await?;
            Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
        })
    }
}

async fn connect(world: Arc<World>, to: Address) -> io::Result<BoxConnection> {
    let network = world.registry.lock().network();
    match network.fate(&to) {
        Fate::Proceed => {}
        Fate::Delay(delay) => wait(&world, nanos(delay)).await,
        Fate::Fail(kind) => {
            travel(&world).await;
            return Err(kind.into());
        }
        Fate::Hang => pending().await,
    }
    travel(&world).await;
    let (backlog, number, client) = find_place(&world, &to).await?;
    let (ours, theirs) = MemoryConnection::pair(&world, &client, &to);
    let info = ConnectionInfo { number, side: Side::Server, local: to.clone(), peer: client.clone() };
    backlog.push(theirs, info);
    travel(&world).await;
    let info = ConnectionInfo { number, side: Side::Client, local: client, peer: to };
    Ok(network.wrapped(Box::new(ours), &info))
}

/// Waits for a place among those that wait to be accepted.
async fn find_place(world: &World, to: &Address) -> io::Result<(Arc<Backlog>, u64, Address)> {
    loop {
        let backlog = world.registry.lock().find(to)?;
        // Listen first and look then: a place that becomes free in between is not missed.
        let changed = backlog.changed.listen();
        if backlog.has_room(world.config.backlog_max) {
            let mut registry = world.registry.lock();
            let client = match to.tcp() {
                Some(server) => (source(server.ip()), registry.free_port()).into(),
                None => Address::Unix(PathBuf::new()),
            };
            return Ok((backlog, registry.next_connection(), client));
        }
        changed.await;
    }
}

/// The address that is meant by one: `0.0.0.0` is this host.
fn reachable(to: &Address) -> Address {
    match to.tcp() {
        Some(address) if address.ip().is_unspecified() => (loopback(address.ip()), address.port()).into(),
        _ => to.clone(),
    }
}

/// The address a client has who connects to `server`.
fn source(server: IpAddr) -> IpAddr {
    if server.is_loopback() { loopback(server) } else { server }
}

fn loopback(like: IpAddr) -> IpAddr {
    if like.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

async fn look_up(world: &Arc<World>, host: &str) -> io::Result<Vec<IpAddr>> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    travel(world).await;
    let network = world.registry.lock().network();
    if let Some(addresses) = network.addresses(host) {
        return Ok(addresses);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let text = "the test network has no such name; `testing::Network::name` makes it known";
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// The time something takes to the other side.
async fn travel(world: &Arc<World>) {
    wait(world, world.draw_latency()).await;
}

async fn wait(world: &Arc<World>, duration: u64) {
    VirtualTimer::new(world, world.now().saturating_add(duration), false).await;
}
