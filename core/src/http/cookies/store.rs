//! The pure machine: `draft-ietf-httpbis-rfc6265bis`, "Storage Model" and "Retrieval Model".

use std::{cmp::Reverse, collections::BTreeMap, time::SystemTime};

use url::Url;

use super::{Config, Cookie, Refused, domain, parse};

/// What a [`CookieJar`](super::CookieJar) holds and what became of the rest.
///
/// `stored = cookies + removed + expired + evicted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many it holds, those included that have expired and were not noticed yet.
    pub cookies: usize,
    /// How many were new, those it [loaded](super::CookieJar::load) included.
    pub stored: u64,
    /// How many took the place of one with the same name, domain and path.
    pub replaced: u64,
    /// How many were removed: by their server, which lets them expire, or by whoever has the jar.
    pub removed: u64,
    /// How many expired.
    pub expired: u64,
    /// How many had to go because the jar, or the part of it that is for one domain, was full.
    pub evicted: u64,
    /// How many were refused, and never stored.
    pub refused: u64,
}

#[derive(Debug)]
pub(super) struct Store {
    config: Config,
    /// By domain; no list is empty. A list is in the order in which they were first set.
    domains: BTreeMap<String, Vec<Entry>>,
    /// Counts calls: what was set and used when, without a clock.
    tick: u64,
    stats: Stats,
}

#[derive(Debug)]
struct Entry {
    cookie: Cookie,
    created: u64,
    used: u64,
}

impl Store {
    pub(super) fn new(config: Config) -> Self {
        Self { config, domains: BTreeMap::new(), tick: 0, stats: Stats::default() }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes a `Set-Cookie` of a response to a request for `url`.
    pub(super) fn set(&mut self, now: SystemTime, url: &Url, header: &[u8]) -> Result<(), Refused> {
        let cookie = self.permitted(now, url, header).inspect_err(|_| self.stats.refused += 1)?;
        self.put(now, cookie);
        Ok(())
    }

    /// The cookie that `header` sets, if it may.
    fn permitted(&self, now: SystemTime, url: &Url, header: &[u8]) -> Result<Cookie, Refused> {
        let host = domain::of(url).ok_or(Refused::NoHost)?;
        let set = parse::set_cookie(header, self.config.cookie_bytes_max)?;
        let expires = set.until(now, self.config.age_max);
        let (domain, host_only) = owner(host, set.domain.as_deref())?;
        let path = set.path.filter(|path| path.starts_with('/'));
        let has_root_path = path.as_deref() == Some("/");
        let cookie = Cookie {
            name: set.name,
            value: set.value,
            domain,
            host_only,
            path: path.unwrap_or_else(|| domain::default_path(url).to_owned()),
            secure: set.secure,
            http_only: set.http_only,
            same_site: set.same_site,
            expires,
        };
        if !domain::is_secure(url) {
            if cookie.secure {
                return Err(Refused::NotSecure);
            }
            if self.hides_secure(now, &cookie) {
                return Err(Refused::HidesSecure);
            }
        }
        if !cookie.keeps_its_promise(has_root_path) {
            return Err(Refused::Prefix);
        }
        Ok(cookie)
    }

    /// Whether a server that got both `cookie` and a secure one of the same name could not tell which is which.
    fn hides_secure(&self, now: SystemTime, cookie: &Cookie) -> bool {
        let hidden = |entry: &Entry| {
            let Cookie { name, secure, domain, path, .. } = &entry.cookie;
            *secure
                && !entry.cookie.has_expired(now)
                && *name == cookie.name
                && (domain::matches(domain, &cookie.domain) || domain::matches(&cookie.domain, domain))
                && domain::path_matches(&cookie.path, path)
        };
        self.domains.values().flatten().any(hidden)
    }

    /// Stores a cookie that was found in order, or removes it if it comes expired.
    pub(super) fn put(&mut self, now: SystemTime, cookie: Cookie) {
        self.tick += 1;
        let tick = self.tick;
        let domain = cookie.domain.clone();
        let entries = self.domains.entry(domain.clone()).or_default();
        let at = entries.iter().position(|entry| entry.cookie.is_same(&cookie));
        match at {
            Some(at) if cookie.has_expired(now) => {
                // One that was over already is no longer there to be removed.
                let over = entries.remove(at).cookie.has_expired(now);
                *(if over { &mut self.stats.expired } else { &mut self.stats.removed }) += 1;
                self.stats.cookies -= 1;
            }
            // It keeps its place: the time it was first set.
            Some(at) if !entries[at].cookie.has_expired(now) => {
                (entries[at].cookie, entries[at].used) = (cookie, tick);
                self.stats.replaced += 1;
            }
            None if cookie.has_expired(now) => {}
            at => {
                if let Some(at) = at {
                    entries.remove(at);
                    self.stats.expired += 1;
                    self.stats.cookies -= 1;
                }
                entries.push(Entry { cookie, created: tick, used: tick });
                self.stats.stored += 1;
                self.stats.cookies += 1;
            }
        }
        if entries.is_empty() {
            self.domains.remove(&domain);
        }
        self.make_room(now, &domain);
    }

    /// Evicts as the end of "Storage Model" has it: what has expired, then what the domain has too much of, the insecure
    /// first, then what was used longest ago.
    fn make_room(&mut self, now: SystemTime, domain: &str) {
        let per_domain_max = self.config.per_domain_max;
        if self.domains.get(domain).is_some_and(|entries| entries.len() > per_domain_max) {
            self.expire(now, Some(domain));
            let entries = self.domains.get(domain).into_iter().flatten();
            let least = entries.min_by_key(|entry| (entry.cookie.secure, entry.used));
            let crowded = self.domains.get(domain).is_some_and(|entries| entries.len() > per_domain_max);
            if let Some(created) = least.map(|entry| entry.created).filter(|_| crowded) {
                self.evict(created);
            }
        }
        if self.stats.cookies > self.config.cookies_max {
            self.expire(now, None);
        }
        if self.stats.cookies > self.config.cookies_max {
            let least = self.domains.values().flatten().min_by_key(|entry| entry.used);
            if let Some(created) = least.map(|entry| entry.created) {
                self.evict(created);
            }
        }
    }

    fn evict(&mut self, created: u64) {
        self.stats.evicted += self.retain(None, |entry| entry.created != created);
    }

    fn expire(&mut self, now: SystemTime, domain: Option<&str>) {
        self.stats.expired += self.retain(domain, |entry| !entry.cookie.has_expired(now));
    }

    /// Keeps what is to be kept, of one domain or of all, and says how many were not.
    fn retain(&mut self, domain: Option<&str>, keep: impl Fn(&Entry) -> bool) -> u64 {
        let before = self.stats.cookies;
        let mut retain = |entries: &mut Vec<Entry>| {
            let had = entries.len();
            entries.retain(&keep);
            self.stats.cookies -= had - entries.len();
            !entries.is_empty()
        };
        match domain {
            Some(domain) => {
                if self.domains.get_mut(domain).is_some_and(|entries| !retain(entries)) {
                    self.domains.remove(domain);
                }
            }
            None => self.domains.retain(|_, entries| retain(entries)),
        }
        (before - self.stats.cookies) as u64
    }

    /// The text of the `Cookie` header of a request for `url`.
    pub(super) fn header(&mut self, now: SystemTime, url: &Url) -> Option<String> {
        if self.domains.is_empty() {
            return None;
        }
        let host = domain::of(url)?;
        let (path, secure) = (url.path(), domain::is_secure(url));
        self.tick += 1;
        let tick = self.tick;
        let meant = |cookie: &Cookie| {
            (!cookie.host_only || cookie.domain == host)
                && domain::path_matches(path, &cookie.path)
                && (secure || !cookie.secure)
                && !cookie.has_expired(now)
        };
        for domain in domain::with_parents(&host) {
            let entries = self.domains.get_mut(domain).into_iter().flatten();
            entries.filter(|entry| meant(&entry.cookie)).for_each(|entry| entry.used = tick);
        }
        let domains = domain::with_parents(&host).filter_map(|domain| self.domains.get(domain));
        // No other call has this tick.
        let mut used: Vec<_> = domains.flatten().filter(|entry| entry.used == tick).collect();
        used.sort_unstable_by_key(|entry| (Reverse(entry.cookie.path.len()), entry.created));
        (!used.is_empty()).then(|| text(used.iter().map(|entry| &entry.cookie)))
    }

    pub(super) fn all(&self, now: SystemTime) -> impl Iterator<Item = &Cookie> {
        let cookies = self.domains.values().flatten().map(|entry| &entry.cookie);
        cookies.filter(move |cookie| !cookie.has_expired(now))
    }

    pub(super) fn remove(&mut self, domain: &str, path: &str, name: &str) -> usize {
        let other = |entry: &Entry| entry.cookie.path != path || entry.cookie.name != name;
        let removed = self.retain(Some(domain), other);
        self.stats.removed += removed;
        removed as usize
    }

    pub(super) fn clear(&mut self) {
        self.stats.removed += self.retain(None, |_| false);
    }
}

/// Which domain a cookie set by `host` is for, and whether for that host alone.
fn owner(host: String, attribute: Option<&str>) -> Result<(String, bool), Refused> {
    let Some(attribute) = attribute.filter(|attribute| !attribute.is_empty()) else {
        return Ok((host, true));
    };
    let domain = domain::canonical(attribute).ok_or(Refused::NoDomain)?;
    if domain::is_public_suffix(&domain) {
        // A site that is a public suffix itself may have cookies of its own.
        return if domain == host { Ok((host, true)) } else { Err(Refused::PublicSuffix) };
    }
    if !domain::matches(&host, &domain) {
        return Err(Refused::OtherDomain);
    }
    Ok((domain, false))
}

fn text<'a>(cookies: impl Iterator<Item = &'a Cookie>) -> String {
    let mut text = String::new();
    for cookie in cookies {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if !cookie.name.is_empty() {
            text.push_str(&cookie.name);
            text.push('=');
        }
        text.push_str(&cookie.value);
    }
    text
}
