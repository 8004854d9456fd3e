//! What all hosts of one simulation share.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use seaworthy_core::rt::Rng;

use super::{Cause, Config, Links};

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) config: Config,
    /// The seed's own stream, forked and never drawn from.
    pub(crate) rng: Rng,
    pub(crate) links: Arc<Links>,
    /// The instant that stands for the start. One for all hosts, so that their instants can be compared; those of
    /// tokio's clocks cannot, since each begins with a reading of the real one.
    start: Instant,
    ticks: AtomicU64,
    hosts: Mutex<BTreeMap<Arc<str>, Entry>>,
    cause: Mutex<Option<Cause>>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    client: bool,
    ended: bool,
    boots: u64,
}

impl Run {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            rng: Rng::from_seed(config.seed),
            config,
            links: Arc::default(),
            start: Instant::now(),
            ticks: AtomicU64::new(0),
            hosts: Mutex::default(),
            cause: Mutex::default(),
        }
    }

    pub(crate) fn instant(&self, elapsed: Duration) -> Instant {
        self.start + elapsed
    }

    pub(crate) fn date(&self, now: Instant) -> SystemTime {
        self.config.epoch + now.saturating_duration_since(self.start)
    }

    /// Which tick this is.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    pub(crate) fn next_tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    /// # Panics
    ///
    /// If the name is taken.
    pub(crate) fn register(&self, host: Arc<str>, address: IpAddr, client: bool) {
        let entry = Entry { address, client, ended: false, boots: 0 };
        let mut hosts = self.hosts.lock();
        assert!(!hosts.contains_key(&host), "there is a host `{host}` already");
        hosts.insert(host, entry);
    }

    pub(crate) fn has_clients(&self) -> bool {
        self.hosts.lock().values().any(|entry| entry.client)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.hosts.lock().values().all(|entry| entry.ended || !entry.client)
    }

    pub(crate) fn clients_running(&self) -> Vec<String> {
        let hosts = self.hosts.lock();
        let running = hosts.iter().filter(|(_, entry)| entry.client && !entry.ended);
        running.map(|(name, _)| name.to_string()).collect()
    }

    /// The address of a host that starts, and how often it has started before.
    pub(crate) fn boot(&self, host: &str) -> (IpAddr, u64) {
        let mut hosts = self.hosts.lock();
        let entry = hosts.get_mut(host).expect("only registered hosts start");
        entry.ended = false;
        entry.boots += 1;
        (entry.address, entry.boots - 1)
    }

    pub(crate) fn ended(&self, host: &str) {
        if let Some(entry) = self.hosts.lock().get_mut(host) {
            entry.ended = true;
        }
    }

    /// What a name stands for. turmoil's own lookup would invent an address for a name it does not know.
    pub(crate) fn address_of(&self, name: &str) -> Option<IpAddr> {
        if name == "localhost" {
            return Some(self.localhost());
        }
        name.parse().ok().or_else(|| self.hosts.lock().get(name).map(|entry| entry.address))
    }

    fn localhost(&self) -> IpAddr {
        if self.config.ipv6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() }
    }

    /// Fails the run. Only the first cause is kept: what follows is often its consequence.
    pub(crate) fn fail(&self, cause: Cause) {
        self.cause.lock().get_or_insert(cause);
    }

    pub(crate) fn take_cause(&self) -> Option<Cause> {
        self.cause.lock().take()
    }
}
