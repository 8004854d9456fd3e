//! Scenarios that go wrong in every way there is.

use std::{process, thread, time::Duration};

use futures::FutureExt;
use seaworthy_core::rt::yield_now;
use seaworthy_sim::{
    HostResult, always,
    engine::Engine,
    fault::{FaultKind, Storm},
    scenario::{Host, Scenario, Stage},
    sometimes,
};

/// What one client does.
type Act = fn(Host) -> futures::future::BoxFuture<'static, HostResult>;

/// A scenario of one client that the faults of scenarios reach.
struct Play {
    name: &'static str,
    engines: &'static [Engine],
    kinds: &'static [FaultKind],
    points: &'static [&'static str],
    act: Act,
}

impl Scenario for Play {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        "for the tests of the runner"
    }

    fn storm(&self) -> Storm {
        let chaos = Duration::from_secs(10);
        Storm { kinds: self.kinds.to_vec(), chaos, settle: Duration::from_secs(5), ..Storm::default() }
    }

    fn points(&self) -> &'static [&'static str] {
        self.points
    }

    fn canaries(&self) -> &'static [&'static str] {
        &["a-planted-bug"]
    }

    fn engines(&self) -> &'static [Engine] {
        self.engines
    }

    fn seeds_for_coverage(&self) -> u64 {
        30
    }

    fn suffers(&self, _kind: FaultKind, _host: &seaworthy_sim::scenario::HostInfo<'_>) -> bool {
        true
    }

    fn set_up(&self, stage: &mut Stage) {
        let act = self.act;
        let patience = stage.rng("patience").below(100);
        stage.option("patience", patience);
        stage.client("client", act);
    }
}

const CALM: Play = Play {
    name: "",
    engines: &[Engine::Testing],
    kinds: &[FaultKind::Cancel, FaultKind::Panic, FaultKind::SlowReply],
    points: &[],
    act: |_host| async { Ok(()) }.boxed(),
};

/// All laws hold, and all that can be reached is.
const WELL: Play = Play {
    name: "well",
    engines: Engine::ALL,
    kinds: &[FaultKind::Cancel, FaultKind::SlowReply],
    points: &["a reply was slow"],
    act: |host| {
        async move {
            let mut rng = host.rt().rng("client");
            while !host.is_healed() {
                host.rt().sleep(Duration::from_millis(1 + rng.below(50))).await;
                let slow = host.strikes(FaultKind::SlowReply).is_some();
                sometimes!(host, slow, "a reply was slow");
                host.cancellable(host.rt().sleep(Duration::from_millis(10))).await;
                host.note(format_args!("turn {slow}"));
            }
            Ok(())
        }
        .boxed()
    },
};

/// Broken while two kinds of faults are under way at once, for long enough.
const VIOLATES: Play = Play {
    name: "violates",
    act: |host| {
        async move {
            while !host.is_healed() {
                host.rt().sleep(Duration::from_millis(20)).await;
                let size = host.strikes(FaultKind::SlowReply);
                let both = size.is_some() && host.strikes(FaultKind::Panic).is_some();
                always!(host, !both, "slow or panicking, not both", "size {size:?}");
            }
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

const PANICS: Play = Play { name: "panics", act: |_host| async { panic!("on purpose") }.boxed(), ..CALM };

const DEADLOCKS: Play = Play {
    name: "deadlocks",
    act: |host| {
        async move {
            host.healed().await;
            futures::future::pending().await
        }
        .boxed()
    },
    ..CALM
};

/// Always something to do, and time stands still.
const LIVELOCKS: Play = Play {
    name: "livelocks",
    act: |_host| {
        async {
            loop {
                yield_now().await;
            }
        }
        .boxed()
    },
    ..CALM
};

/// Never returns from a poll.
const SPINS: Play = Play {
    name: "spins",
    act: |host| {
        async move {
            host.note(format_args!("on the brink"));
            eprintln!("going to sleep");
            loop {
                thread::sleep(Duration::from_secs(1));
            }
        }
        .boxed()
    },
    ..CALM
};

/// Hangs while a reply is slow.
const HANGS: Play = Play {
    name: "hangs",
    act: |host| {
        async move {
            while !host.is_healed() {
                host.rt().sleep(Duration::from_millis(20)).await;
                if host.strikes(FaultKind::SlowReply).is_some() {
                    host.note(format_args!("on the brink"));
                    loop {
                        thread::sleep(Duration::from_secs(1));
                    }
                }
            }
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

/// Never returns from a poll, and needs a processor for it.
const BURNS: Play = Play {
    name: "burns",
    act: |_host| {
        async {
            loop {
                std::hint::spin_loop();
            }
        }
        .boxed()
    },
    ..CALM
};

/// Takes more memory than there is.
const HOARDS: Play = Play {
    name: "hoards",
    act: |host| {
        async move {
            host.note(format_args!("on the brink"));
            let mut hoard = Vec::new();
            loop {
                hoard.push(std::hint::black_box(Vec::<u8>::with_capacity(256 << 20)));
            }
        }
        .boxed()
    },
    ..CALM
};

const OVERFLOWS: Play = Play {
    name: "overflows",
    act: |host| {
        async move {
            host.note(format_args!("on the brink"));
            std::hint::black_box(deeper(1));
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

fn deeper(depth: u64) -> u64 {
    let page = std::hint::black_box([depth; 512]);
    if depth == 0 { 0 } else { deeper(depth + 1) + page[7] }
}

/// Panics in one of two ways; which is the seed's.
const PANICS_TWO_WAYS: Play = Play {
    name: "panics-two-ways",
    act: |host| {
        async move {
            while !host.is_healed() {
                host.rt().sleep(Duration::from_millis(20)).await;
                assert!(host.strikes(FaultKind::Panic).is_none(), "one way");
                assert!(host.strikes(FaultKind::SlowReply).is_none(), "another way");
            }
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

const ABORTS: Play = Play {
    name: "aborts",
    act: |host| {
        async move {
            host.note(format_args!("on the brink"));
            eprintln!("{}the last straw", "so much to say ".repeat(10_000));
            process::abort()
        }
        .boxed()
    },
    ..CALM
};

const EXITS: Play = Play { name: "exits", act: |_host| async { process::exit(0) }.boxed(), ..CALM };

const LEAVES_BADLY: Play = Play {
    name: "leaves-badly",
    act: |_host| {
        async {
            struct Bomb;
            impl Drop for Bomb {
                fn drop(&mut self) {
                    process::abort();
                }
            }
            let _bomb = Bomb;
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

/// Says much on stdout, but no answer.
const CHATS: Play = Play {
    name: "chats",
    act: |_host| {
        async {
            print!("no newline, {{\"verdict\": \"passed\"}}");
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

/// Says what only the runner should.
const FORGES: Play = Play {
    name: "forges",
    act: |_host| {
        async {
            println!("\n@seaworthy-sim-1 {{}}");
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

const FORGES_AND_EXITS: Play = Play {
    name: "forges-and-exits",
    act: |_host| {
        async {
            println!("\n@seaworthy-sim-1 {{\"Ran\":{{}}}}");
            process::exit(0)
        }
        .boxed()
    },
    ..CALM
};

/// Answers in the runner's place, and then ends badly.
const ANSWERS_AND_FAILS: Play = Play {
    name: "answers-and-fails",
    act: |_host| {
        async {
            println!("\n@seaworthy-sim-1 {{\"Drew\":{{\"options\":{{}},\"schedule\":[]}}}}");
            process::exit(3)
        }
        .boxed()
    },
    ..CALM
};

/// Other every time.
const DIVERGES: Play = Play {
    name: "diverges",
    kinds: &[],
    act: |host| {
        async move {
            host.note(format_args!("the same"));
            host.rt().sleep(Duration::from_millis(3500)).await;
            host.note(format_args!("process {}", process::id()));
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

/// Other every time that a reply is slow.
const DIVERGES_WHEN_SLOW: Play = Play {
    name: "diverges-when-slow",
    act: |host| {
        async move {
            while !host.is_healed() {
                host.rt().sleep(Duration::from_millis(20)).await;
                host.note(format_args!("a turn"));
                let _strikes = host.strikes(FaultKind::Panic);
                if host.strikes(FaultKind::SlowReply).is_some() {
                    host.note(format_args!("process {}", process::id()));
                }
            }
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

/// Has much to tell.
const GOSSIPS: Play = Play {
    name: "gossips",
    kinds: &[],
    act: |host| {
        async move {
            for number in 0..3000 {
                host.note(format_args!("{number}: {}", "and then ".repeat(12)));
            }
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

/// Kinds without effect, and a point out of reach.
const INERT: Play = Play {
    name: "inert",
    points: &["the moon"],
    act: |host| {
        async move {
            host.healed().await;
            Ok(())
        }
        .boxed()
    },
    ..CALM
};

pub(crate) const SUITE: &[&dyn Scenario] = &[
    &WELL,
    &VIOLATES,
    &PANICS,
    &DEADLOCKS,
    &LIVELOCKS,
    &SPINS,
    &HANGS,
    &BURNS,
    &HOARDS,
    &OVERFLOWS,
    &PANICS_TWO_WAYS,
    &ABORTS,
    &EXITS,
    &LEAVES_BADLY,
    &CHATS,
    &FORGES,
    &FORGES_AND_EXITS,
    &ANSWERS_AND_FAILS,
    &DIVERGES,
    &DIVERGES_WHEN_SLOW,
    &GOSSIPS,
    &INERT,
];
