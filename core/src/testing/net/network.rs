use std::{collections::BTreeMap, fmt, io, net::IpAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::rt::{Address, BoxConnection};

/// The names that the network of a run knows, and the faults that it makes.
///
/// It is a handle: give a clone to [`Config::network`](crate::testing::Config::network), keep another, and change it
/// before or during the run. `localhost` and IP addresses need no entry; every other name that was not registered is
/// not found.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// use seaworthy_core::testing::{self, Config, Fate, Network};
///
/// let network = Network::default();
/// network.name("db", [[10, 0, 0, 5].into()]);
/// let config = Config { network: network.clone(), ..Config::default() };
/// testing::run(config, |rt| async move {
///     let _listener = rt.listen(([10, 0, 0, 5], 5432)).await.unwrap();
///     assert!(rt.connect(("db", 5432)).await.is_ok());
///
///     network.on_connect(|_to| Fate::Fail(io::ErrorKind::HostUnreachable));
///     let error = rt.connect(("db", 5432)).await.unwrap_err();
///     assert_eq!(error.kind(), io::ErrorKind::HostUnreachable);
/// });
/// ```
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<Settings>>);

#[derive(Default)]
struct Settings {
    names: BTreeMap<String, Vec<IpAddr>>,
    on_connect: Option<Arc<OnConnect>>,
    wrap: Option<Arc<Wrap>>,
}

type OnConnect = dyn Fn(&Address) -> Fate + Send + Sync;
type Wrap = dyn Fn(BoxConnection, &ConnectionInfo) -> BoxConnection + Send + Sync;

/// What becomes of an attempt to connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It goes its way.
    #[default]
    Proceed,
    /// It goes its way after this much time more.
    Delay(Duration),
    /// It fails with an error of this kind after one latency.
    Fail(io::ErrorKind),
    /// It never ends.
    Hang,
}

/// Which connection it is, for [`Network::wrap`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its number in the run, from 0. Both ends have the same.
    pub number: u64,
    /// Which end.
    pub side: Side,
    /// The address of this end.
    pub local: Address,
    /// The address of the other end.
    pub peer: Address,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that connected.
    Client,
    /// The one that accepted.
    Server,
}

impl Network {
    /// Makes `host` known. The addresses are found in this order; none at all makes it unknown again.
    pub fn name(&self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let addresses: Vec<_> = addresses.into_iter().collect();
        let host = host.to_ascii_lowercase();
        let mut settings = self.0.lock();
        if addresses.is_empty() {
            settings.names.remove(&host);
        } else {
            settings.names.insert(host, addresses);
        }
    }

    /// Lets `decide` say what becomes of each attempt to connect, in place of who did so before.
    pub fn on_connect(&self, decide: impl Fn(&Address) -> Fate + Send + Sync + 'static) {
        // The old one is dropped outside the lock: it is the user's.
        let _old = self.0.lock().on_connect.replace(Arc::new(decide));
    }

    /// Lets `wrap` put something around each end of every new connection, in place of who did so before: a counter, or
    /// a stream that makes faults.
    pub fn wrap(
        &self,
        wrap: impl Fn(BoxConnection, &ConnectionInfo) -> BoxConnection + Send + Sync + 'static,
    ) {
        let _old = self.0.lock().wrap.replace(Arc::new(wrap));
    }

    pub(super) fn addresses(&self, host: &str) -> Option<Vec<IpAddr>> {
        self.0.lock().names.get(&host.to_ascii_lowercase()).cloned()
    }

    pub(super) fn fate(&self, to: &Address) -> Fate {
        let decide = self.0.lock().on_connect.clone();
        decide.map_or(Fate::Proceed, |decide| decide(to))
    }

    pub(super) fn wrapped(&self, connection: BoxConnection, info: &ConnectionInfo) -> BoxConnection {
        let wrap = self.0.lock().wrap.clone();
        match wrap {
            Some(wrap) => wrap(connection, info),
            None => connection,
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.0.lock();
        f.debug_struct("Network")
            .field("names", &settings.names)
            .field("on_connect", &settings.on_connect.is_some())
            .field("wrap", &settings.wrap.is_some())
            .finish()
    }
}
