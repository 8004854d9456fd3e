use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration, time::Instant};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;

use super::dial::Repeated;
use crate::rt::Rt;

/// The addresses of names, for a while. Those who ask for a name at the same time share one lookup.
pub(in crate::http) struct Names {
    rt: Rt,
    ttl: Duration,
    names_max: usize,
    entries: Mutex<BTreeMap<(Box<str>, u16), Entry>>,
}

struct Entry {
    lookup: Lookup,
    asked: Instant,
}

type Lookup = Shared<BoxFuture<'static, Result<Arc<[SocketAddr]>, Arc<io::Error>>>>;

impl Names {
    pub(in crate::http) fn new(rt: &Rt, ttl: Duration, names_max: usize) -> Self {
        Self { rt: rt.clone(), ttl, names_max, entries: Mutex::default() }
    }

    /// The addresses of `host`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves the lookup to the others who wait for it.
    pub(in crate::http) async fn lookup(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        let now = self.rt.now();
        let key = (Box::from(host), port);
        let (lookup, old) = {
            let mut entries = self.entries.lock();
            let fresh = |entry: &&Entry| {
                let failed = matches!(entry.lookup.peek(), Some(Err(_)));
                !failed && now.saturating_duration_since(entry.asked) < self.ttl
            };
            match entries.get(&key).filter(fresh) {
                Some(entry) => (entry.lookup.clone(), None),
                None => {
                    let lookup = self.ask(host.to_owned(), port);
                    let mut old = Vec::new();
                    if entries.len() >= self.names_max && !entries.contains_key(&key) {
                        let oldest = entries.iter().min_by_key(|(_, entry)| entry.asked);
                        let oldest = oldest.map(|(key, _)| key.clone());
                        old.extend(oldest.and_then(|key| entries.remove(&key)));
                    }
                    old.extend(entries.insert(key, Entry { lookup: lookup.clone(), asked: now }));
                    (lookup, Some(old))
                }
            }
        };
        // What is dropped here may be a lookup of the runtime's, so not under the lock.
        drop(old);
        lookup.await.map_err(|error| io::Error::new(error.kind(), Repeated::of(error)))
    }

    /// Forgets what was asked for a name up to `begun`: it was no use. What was asked later may be.
    pub(in crate::http) fn forget(&self, host: &str, port: u16, begun: Instant) {
        let key = (Box::from(host), port);
        let mut entries = self.entries.lock();
        let is_old = entries.get(&key).is_some_and(|entry| entry.asked <= begun);
        let forgotten = if is_old { entries.remove(&key) } else { None };
        drop(entries);
        drop(forgotten);
    }

    fn ask(&self, host: String, port: u16) -> Lookup {
        let rt = self.rt.clone();
        async move {
            let found = rt.resolve(&host, port).await;
            found.map(Arc::from).map_err(Arc::new)
        }
        .boxed()
        .shared()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_name_is_looked_up_again_when_its_time_is_over() {
        testing::run(1, |rt| async move {
            let names = Names::new(&rt, Duration::from_secs(60), 2);
            let first = names.lookup("localhost", 80).await.unwrap();
            assert!(Arc::ptr_eq(&first, &names.lookup("localhost", 80).await.unwrap()));
            rt.sleep(Duration::from_secs(60)).await;
            assert!(!Arc::ptr_eq(&first, &names.lookup("localhost", 80).await.unwrap()));
        });
    }

    #[test]
    fn failures_are_not_kept_and_names_are_bounded() {
        testing::run(1, |rt| async move {
            let names = Names::new(&rt, Duration::from_secs(60), 2);
            for port in 1..9 {
                let error = names.lookup("nowhere.invalid", port).await.unwrap_err();
                assert!(error.to_string().contains("nowhere.invalid"), "{error}");
                assert!(names.entries.lock().len() <= 2);
            }
        });
    }

    #[test]
    fn those_who_ask_at_once_share_a_lookup_also_when_the_first_leaves() {
        testing::run(1, |rt| async move {
            let names = Names::new(&rt, Duration::from_secs(60), 2);
            let mut first = Box::pin(names.lookup("localhost", 80));
            let polled = first.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
            assert!(polled.is_pending(), "another is to take the lookup over");
            let second = names.lookup("localhost", 80);
            drop(first);
            assert!(!second.await.unwrap().is_empty());
            let asked = rt.now();
            names.forget("localhost", 80, asked - Duration::from_secs(1));
            assert_eq!(names.entries.lock().len(), 1, "it was asked for later");
            names.forget("localhost", 80, asked);
            assert!(names.entries.lock().is_empty());
        });
    }
}
