//! Clocks follow the simulated one, on the armed thread only.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use seaworthy_interpose::arm;

use super::{Simulated, armed, c, epoch, on_a_thread};

const WALL: [i32; 4] =
    [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE, libc::CLOCK_REALTIME_ALARM, libc::CLOCK_TAI];
const STEADY: [i32; 5] = [
    libc::CLOCK_MONOTONIC,
    libc::CLOCK_MONOTONIC_RAW,
    libc::CLOCK_MONOTONIC_COARSE,
    libc::CLOCK_BOOTTIME,
    libc::CLOCK_BOOTTIME_ALARM,
];
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn instants_move_with_the_clock_only() {
    armed(0, |simulated| {
        let start = Instant::now();
        let spun = c::kernel_clock(libc::CLOCK_MONOTONIC) + Duration::from_millis(2);
        while c::kernel_clock(libc::CLOCK_MONOTONIC) < spun {}
        assert_eq!(start.elapsed(), Duration::ZERO);
        simulated.advance(Duration::from_nanos(1));
        assert_eq!(start.elapsed(), Duration::from_nanos(1));
        simulated.advance(HOUR);
        assert_eq!(start.elapsed(), HOUR + Duration::from_nanos(1));
    });
}

#[test]
fn clocks_of_a_kind_answer_alike() {
    armed(0, |simulated| {
        simulated.advance(Duration::new(61, 999_999_999));
        for id in WALL {
            assert_eq!(c::clock_gettime(id), Ok((1_700_000_062, 4)), "clock {id}");
        }
        for id in STEADY {
            assert_eq!(c::clock_gettime(id), Ok((1061, 999_999_999)), "clock {id}");
        }
        assert_eq!(c::gettimeofday(), ((1_700_000_062, 0), [0, 0]));
        simulated.advance(Duration::from_micros(7));
        assert_eq!(c::gettimeofday(), ((1_700_000_062, 7), [0, 0]));
        assert_eq!(SystemTime::now(), epoch() + simulated.0.get());
    });
}

#[test]
fn an_epoch_may_lie_before_1970() {
    on_a_thread(|| {
        let epoch = UNIX_EPOCH - Duration::from_millis(1500);
        let _armed = arm(0, || Duration::from_millis(100), epoch);
        assert_eq!(c::clock_gettime(libc::CLOCK_REALTIME), Ok((-2, 600_000_000)));
        assert_eq!(SystemTime::now(), epoch + Duration::from_millis(100));
    });
}

#[test]
fn times_beyond_the_last_are_the_last() {
    on_a_thread(|| {
        let _armed = arm(0, || Duration::MAX, epoch());
        assert_eq!(c::clock_gettime(libc::CLOCK_MONOTONIC), Ok((i64::MAX, 999_999_999)));
        assert_eq!(c::clock_gettime(libc::CLOCK_REALTIME).unwrap().0, i64::MAX);
    });
}

#[test]
fn the_clock_never_goes_back() {
    armed(0, |simulated| {
        let start = c::clock_gettime(libc::CLOCK_MONOTONIC);
        for (to, shown) in [(5, 5), (3, 5), (5, 5), (6, 6), (0, 6)] {
            simulated.0.set(Duration::from_secs(to));
            assert_eq!(c::clock_gettime(libc::CLOCK_MONOTONIC), Ok((1000 + shown, 0)));
            assert_eq!(SystemTime::now(), epoch() + Duration::from_secs(shown as u64));
        }
        assert_eq!(start, Ok((1000, 0)));
    });
}

#[test]
fn cpu_time_stays_real_and_unknown_clocks_unknown() {
    armed(0, |_| {
        for id in [libc::CLOCK_PROCESS_CPUTIME_ID, libc::CLOCK_THREAD_CPUTIME_ID] {
            let (before, real) = (c::clock_gettime(id).unwrap(), c::kernel_clock(id));
            let after = c::clock_gettime(id).unwrap();
            let real = (real.as_secs() as i64, i64::from(real.subsec_nanos()));
            assert!(before <= real && real <= after, "clock {id}: {before:?}, {real:?}, {after:?}");
        }
        assert_eq!(c::clock_gettime(15), Err(libc::EINVAL));
    });
}

#[test]
fn null_is_nothing_to_write_to() {
    assert_eq!(c::gettimeofday_to_null(), 0);
    assert_eq!(armed(0, |_| c::gettimeofday_to_null()), 0);
    let really = c::clock_gettime_to_null();
    assert!(really.is_err());
    assert_eq!(armed(0, |_| c::clock_gettime_to_null()), really);
}

/// Real clocks agree with the kernel's own answers before and after.
fn assert_real() {
    let before = c::kernel_clock(libc::CLOCK_REALTIME);
    let asked = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let after = c::kernel_clock(libc::CLOCK_REALTIME);
    assert!(before <= asked && asked <= after, "{before:?}, {asked:?}, {after:?}");

    let before = c::kernel_clock(libc::CLOCK_MONOTONIC);
    let (seconds, nanos) = c::clock_gettime(libc::CLOCK_MONOTONIC).unwrap();
    let asked = Duration::new(seconds as u64, nanos as u32);
    let after = c::kernel_clock(libc::CLOCK_MONOTONIC);
    assert!(before <= asked && asked <= after, "{before:?}, {asked:?}, {after:?}");

    let before = c::kernel_clock(libc::CLOCK_REALTIME).as_micros();
    let (seconds, micros) = c::gettimeofday().0;
    let after = c::kernel_clock(libc::CLOCK_REALTIME).as_micros();
    let asked = seconds as u128 * 1_000_000 + micros as u128;
    assert!(before <= asked && asked <= after, "{before}, {asked}, {after}");
}

#[test]
fn other_threads_keep_the_real_clocks() {
    assert_real();
    armed(0, |_| {
        on_a_thread(assert_real);
        assert_eq!(SystemTime::now(), epoch());
    });
}

#[test]
fn disarming_restores_the_real_clocks() {
    on_a_thread(|| {
        for _ in 0..2 {
            let armed = Simulated::default().arm(0);
            assert_eq!(SystemTime::now(), epoch());
            drop(armed);
            assert_real();
        }
    });
}

#[test]
fn a_clock_that_reads_clocks_gets_the_real_ones() {
    on_a_thread(|| {
        let asked = Rc::new(Cell::new(0));
        let counter = Rc::clone(&asked);
        let clock = move || {
            counter.set(counter.get() + 1);
            assert_real();
            Duration::from_secs(counter.get())
        };
        let _armed = arm(0, clock, epoch());
        assert_eq!(c::clock_gettime(libc::CLOCK_MONOTONIC), Ok((1001, 0)));
        assert_eq!(SystemTime::now(), epoch() + Duration::from_secs(2));
        assert_eq!(c::gettimeofday().0, (1_700_000_003, 0));
        assert_eq!(asked.get(), 3);
    });
}

#[test]
fn a_clock_that_draws_takes_from_the_stream() {
    let drawn = on_a_thread(|| {
        let _armed = arm(
            0,
            || {
                let mut bytes = [0; 8];
                assert_eq!(c::getrandom(&mut bytes, 0), Ok(8));
                Duration::from_nanos(u64::from_le_bytes(bytes) >> 8)
            },
            epoch(),
        );
        SystemTime::now()
    });
    assert_eq!(drawn, epoch() + Duration::from_nanos(0xe220_a839_7b1d_cdaf >> 8));
}

/// Panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload, too");
    }
}

#[test]
fn a_clock_that_panics_answers_what_it_answered_last() {
    on_a_thread(|| {
        let calls = Rc::new(Cell::new(0));
        let counter = Rc::clone(&calls);
        let clock = move || {
            counter.set(counter.get() + 1);
            match counter.get() {
                1 => panic!("planted, before the first answer"),
                2 => Duration::from_secs(2),
                3 => panic_any(Bomb),
                _ => Duration::from_secs(4),
            }
        };
        let _armed = arm(0, clock, epoch());
        let shown: Vec<_> = (0..4).map(|_| c::clock_gettime(libc::CLOCK_MONOTONIC)).collect();
        assert_eq!(shown, [Ok((1000, 0)), Ok((1002, 0)), Ok((1002, 0)), Ok((1004, 0))]);
        assert_eq!(calls.get(), 4);
    });
}

#[test]
fn a_clock_may_be_read_while_a_panic_unwinds() {
    struct Reads(Rc<Cell<Option<SystemTime>>>);
    impl Drop for Reads {
        fn drop(&mut self) {
            self.0.set(Some(SystemTime::now()));
        }
    }
    armed(0, |simulated| {
        simulated.advance(HOUR);
        let seen = Rc::new(Cell::new(None));
        let reads = Reads(Rc::clone(&seen));
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _reads = reads;
            panic!("planted");
        }));
        assert!(unwound.is_err());
        assert_eq!(seen.get(), Some(epoch() + HOUR));
    });
}
