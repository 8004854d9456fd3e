//! The jar against a model: a list without bounds, read from one end to the other.

use http::HeaderValue;
use proptest::prelude::*;

use super::{
    super::{Config, CookieJar},
    adds_up, at, get_at, url,
};

const HOSTS: [&str; 4] = ["a.org", "b.a.org", "c.b.a.org", "d.org"];
const PATHS: [&str; 4] = ["/", "/x", "/x/y", "/xy"];

#[derive(Clone, Debug)]
enum Step {
    Set {
        host: usize,
        domain: Option<usize>,
        path: usize,
        name: usize,
        secure: bool,
        https: bool,
        age: Option<u64>,
    },
    Get {
        host: usize,
        path: usize,
        https: bool,
    },
    Later(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let set = (0..4_usize, prop::option::of(0..3_usize), 0..4_usize, 0..3_usize, any::<(bool, bool)>());
    prop_oneof![
        4 => (set, prop::option::of(0..20_u64)).prop_map(|((host, domain, path, name, (secure, https)), age)| {
            Step::Set { host, domain, path, name, secure, https, age }
        }),
        2 => (0..4_usize, 0..4_usize, any::<bool>()).prop_map(|(host, path, https)| Step::Get { host, path, https }),
        1 => (1..9_u64).prop_map(Step::Later),
    ]
}

#[derive(Clone, Debug)]
struct Kept {
    name: usize,
    value: usize,
    domain: &'static str,
    host_only: bool,
    path: &'static str,
    secure: bool,
    until: u64,
}

fn below(host: &str, domain: &str) -> bool {
    host == domain || host.ends_with(&format!(".{domain}"))
}

fn within(path: &str, folder: &str) -> bool {
    folder == "/" || path == folder || path.starts_with(&format!("{folder}/"))
}

#[derive(Default)]
struct Model {
    now: u64,
    kept: Vec<Kept>,
}

impl Model {
    fn set(&mut self, value: usize, step: &Step) {
        let Step::Set { host, domain, path, name, secure, https, age } = *step else { return };
        let (host, path) = (HOSTS[host], PATHS[path]);
        let (domain, host_only) = domain.map_or((host, true), |domain| (HOSTS[domain], false));
        let until = age.map_or(u64::MAX, |age| self.now + age);
        let now = self.now;
        self.kept.retain(|kept| kept.until > now);
        let hides = |kept: &Kept| {
            kept.secure
                && kept.name == name
                && (below(kept.domain, domain) || below(domain, kept.domain))
                && within(path, kept.path)
        };
        if !below(host, domain) || (!https && (secure || self.kept.iter().any(hides))) {
            return;
        }
        let new = Kept { name, value, domain, host_only, path, secure, until };
        let same = |kept: &Kept| {
            (kept.name, kept.domain, kept.host_only, kept.path) == (name, domain, host_only, path)
        };
        match self.kept.iter().position(same) {
            Some(at) if until <= now => drop(self.kept.remove(at)),
            Some(at) => self.kept[at] = new,
            None if until <= now => {}
            None => self.kept.push(new),
        }
    }

    fn get(&self, host: usize, path: usize, https: bool) -> String {
        let (host, path) = (HOSTS[host], PATHS[path]);
        let meant = |kept: &&Kept| {
            (if kept.host_only { host == kept.domain } else { below(host, kept.domain) })
                && within(path, kept.path)
                && (https || !kept.secure)
                && kept.until > self.now
        };
        let mut sent: Vec<_> = self.kept.iter().filter(meant).collect();
        sent.sort_by_key(|kept| usize::MAX - kept.path.len());
        let sent: Vec<_> = sent.iter().map(|kept| format!("n{}={}", kept.name, kept.value)).collect();
        sent.join("; ")
    }
}

fn set(jar: &CookieJar, now: u64, value: usize, step: &Step) {
    let Step::Set { host, domain, path, name, secure, https, age } = *step else { return };
    let scheme = if https { "https" } else { "http" };
    let mut text = format!("n{name}={value}; Path={}", PATHS[path]);
    if let Some(domain) = domain {
        text += &format!("; Domain={}", HOSTS[domain]);
    }
    if let Some(age) = age {
        text += &format!("; Max-Age={age}");
    }
    if secure {
        text += "; Secure";
    }
    let header = HeaderValue::try_from(text).unwrap();
    jar.store(at(now), &url(&format!("{scheme}://{}/", HOSTS[host])), [&header]);
}

fn get(jar: &CookieJar, now: u64, host: usize, path: usize, https: bool) -> String {
    let scheme = if https { "https" } else { "http" };
    get_at(jar, now, &format!("{scheme}://{}{}", HOSTS[host], PATHS[path]))
}

proptest! {
    #[test]
    fn the_jar_does_what_the_list_does(steps in prop::collection::vec(step(), 0..60)) {
        let (jar, mut model) = (CookieJar::default(), Model::default());
        for (value, step) in steps.iter().enumerate() {
            match step {
                Step::Set { .. } => {
                    set(&jar, model.now, value, step);
                    model.set(value, step);
                }
                Step::Get { host, path, https } => {
                    prop_assert_eq!(
                        get(&jar, model.now, *host, *path, *https),
                        model.get(*host, *path, *https)
                    );
                }
                Step::Later(seconds) => model.now += seconds,
            }
            adds_up(&jar);
        }
        for (host, path, https) in (0..32).map(|i| (i % 4, i / 4 % 4, i >= 16)) {
            prop_assert_eq!(get(&jar, model.now, host, path, https), model.get(host, path, https));
        }
    }

    #[test]
    fn the_bounds_hold_whatever_happens(
        steps in prop::collection::vec(step(), 0..60),
        per_domain_max in 1..4_usize,
        cookies_max in 1..8_usize,
    ) {
        let jar = CookieJar::new(Config { per_domain_max, cookies_max, ..Config::default() }).unwrap();
        let mut now = 0;
        for (value, step) in steps.iter().enumerate() {
            match step {
                Step::Set { .. } => set(&jar, now, value, step),
                Step::Get { host, path, https } => drop(get(&jar, now, *host, *path, *https)),
                Step::Later(seconds) => now += seconds,
            }
            adds_up(&jar);
            prop_assert!(jar.stats().cookies <= cookies_max);
            for domain in HOSTS {
                prop_assert!(jar.iter(at(0)).filter(|cookie| cookie.domain == domain).count() <= per_domain_max);
            }
        }
    }
}
