//! The same seed gives the same run, on another thread and in another process.

use std::{
    collections::{HashMap, HashSet},
    env,
    fmt::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use super::{armed, c};

/// Set in the child process, to its seed.
const SEED: &str = "SEAWORTHY_INTERPOSE_SEED";
const MARK: &str = "testimony: ";

/// A little of all that is interposed, in the order in which a program might ask.
fn testimony(seed: u64) -> String {
    armed(seed, |simulated| {
        let mut said = String::new();
        for _ in 0..3 {
            let map: HashMap<u32, u32> = (0..20).map(|key| (key, key)).collect();
            let set: HashSet<&str> = ["one", "two", "three", "four", "five"].into();
            let mut bytes = [0; 11];
            getrandom::fill(&mut bytes).unwrap();
            simulated.advance(Duration::from_micros(u64::from(bytes[0])));
            write!(said, "{map:?} {set:?} {bytes:?} {:?} {:?} ", SystemTime::now(), Instant::now()).unwrap();
            assert_eq!(c::syscall_getrandom(&mut bytes), Ok(11));
            write!(said, "{bytes:?} {:?} ", c::gettimeofday()).unwrap();
            assert_eq!(c::getentropy(&mut bytes), Ok(()));
            write!(said, "{bytes:?} {:?} ", c::clock_gettime(libc::CLOCK_BOOTTIME)).unwrap();
        }
        said
    })
}

#[test]
fn two_threads_say_the_same() {
    assert_eq!(testimony(3), testimony(3));
    assert_ne!(testimony(3), testimony(4));
}

/// The child's part: nothing to do unless it is the child.
#[test]
fn a_child_testifies() {
    if let Ok(seed) = env::var(SEED) {
        println!("\n{MARK}{}", testimony(seed.parse().unwrap()));
    }
}

#[test]
fn two_processes_say_the_same() {
    let child = |seed: u64| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "replay::a_child_testifies", "--nocapture"]).env(SEED, seed.to_string());
        let output = child.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{:?}", output.status);
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().find_map(|line| line.strip_prefix(MARK)).expect("it testifies").to_owned()
    };
    assert_eq!(child(3), child(3));
    assert_eq!(child(3), testimony(3));
    assert_ne!(child(3), child(4));
}
