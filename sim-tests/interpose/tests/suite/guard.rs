//! What arms and disarms a thread.

use std::{
    cell::{Cell, RefCell},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::mpsc,
    time::{Duration, SystemTime},
};

use seaworthy_interpose::{Armed, arm};

use super::{Simulated, armed, epoch, on_a_thread};

const ZERO: fn() -> Duration = || Duration::ZERO;

#[test]
fn an_armed_thread_is_not_armed_again() {
    armed(0, |simulated| {
        simulated.advance(Duration::from_secs(1));
        let again = catch_unwind(AssertUnwindSafe(|| arm(1, ZERO, epoch())));
        let message = *again.unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("armed already"), "{message}");
        assert_eq!(SystemTime::now(), epoch() + Duration::from_secs(1), "the first is in force still");
    });
}

#[test]
fn the_clock_is_dropped_with_the_guard_on_real_clocks() {
    struct Reads(Rc<Cell<Option<SystemTime>>>);
    impl Drop for Reads {
        fn drop(&mut self) {
            self.0.set(Some(SystemTime::now()));
        }
    }
    on_a_thread(|| {
        let seen = Rc::new(Cell::new(None));
        let reads = Reads(Rc::clone(&seen));
        let armed = arm(0, move || Duration::from_secs(reads.0.get().map_or(1, |_| 2)), epoch());
        assert_eq!(SystemTime::now(), epoch() + Duration::from_secs(1));
        assert!(seen.get().is_none());
        drop(armed);
        assert!(seen.get().unwrap() > epoch() + Duration::from_secs(60));
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("planted");
    }
}

#[test]
fn a_clock_may_disarm_its_thread() {
    on_a_thread(|| {
        let guard = Rc::new(RefCell::new(None::<Armed>));
        let inner = Rc::clone(&guard);
        let bomb = Bomb;
        let clock = move || {
            let _captured = &bomb;
            drop(inner.borrow_mut().take());
            Duration::from_secs(9)
        };
        *guard.borrow_mut() = Some(arm(0, clock, epoch()));
        assert_eq!(SystemTime::now(), epoch() + Duration::from_secs(9), "the answer it gave itself");
        assert!(guard.borrow().is_none());
        assert!(SystemTime::now() > epoch() + Duration::from_secs(60), "disarmed");
        assert_eq!(Rc::strong_count(&guard), 1, "the closure is gone");
        let _armed = arm(0, ZERO, epoch());
        assert_eq!(SystemTime::now(), epoch());
    });
}

/// Reads the clock when its thread ends.
struct AtTheEnd(mpsc::Sender<SystemTime>, Option<Armed>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        drop(self.1.take());
        let _gone = self.0.send(SystemTime::now());
    }
}

thread_local! {
    static AT_THE_END: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

#[test]
fn a_guard_in_a_thread_local_may_outlive_what_it_guards() {
    for before in [true, false] {
        let (tell, told) = mpsc::channel();
        on_a_thread(move || {
            if before {
                // Set up before the world, and so destroyed after it.
                AT_THE_END.set(None);
            }
            let armed = Simulated::default().arm(0);
            AT_THE_END.set(Some(AtTheEnd(tell, Some(armed))));
        });
        assert!(told.recv().unwrap() > epoch() + Duration::from_secs(60));
    }
}

#[test]
fn a_forgotten_guard_leaves_its_thread_armed() {
    on_a_thread(|| {
        #[expect(clippy::mem_forget, reason = "it is what is tested")]
        mem::forget(Simulated::default().arm(0));
        assert_eq!(SystemTime::now(), epoch());
    });
    on_a_thread(|| assert!(SystemTime::now() > epoch() + Duration::from_secs(60)));
}

#[test]
fn what_outlives_the_world_of_its_thread_reads_the_real_clock() {
    let (tell, told) = mpsc::channel();
    on_a_thread(|| {
        AT_THE_END.set(Some(AtTheEnd(tell, None)));
        #[expect(clippy::mem_forget, reason = "the thread is to end armed")]
        mem::forget(Simulated::default().arm(0));
    });
    assert!(told.recv().unwrap() > epoch() + Duration::from_secs(60));
}

#[test]
fn two_threads_are_armed_apart() {
    armed(0, |one| {
        one.advance(Duration::from_secs(1));
        let other = armed(0, |other| {
            other.advance(Duration::from_secs(2));
            SystemTime::now()
        });
        assert_eq!(other, epoch() + Duration::from_secs(2));
        assert_eq!(SystemTime::now(), epoch() + Duration::from_secs(1));
    });
}

#[test]
fn a_guard_shows_its_name() {
    armed(0, |_| ());
    on_a_thread(|| assert_eq!(format!("{:?}", arm(0, ZERO, epoch())), "Armed { .. }"));
}
