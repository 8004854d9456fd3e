//! What can be seen from outside.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use futures::{FutureExt, StreamExt};
use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::{
    super::{Breakers, CircuitBreaker, Config, Event, Events, State, Transition, Why},
    SECOND, breaker, config, fail, half_open, opened, succeed,
};
use crate::{
    rt::strangers::{calling, counting, grumpy},
    testing,
};

fn taken(event: Option<Option<Event>>) -> Transition {
    match event {
        Some(Some(Event::Changed(transition))) => transition,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_transition_is_one_event_with_its_generation() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        let start = rt.now();
        let events = breaker.events();
        fail(&breaker, 10);
        rt.sleep(6 * SECOND).await;
        for _ in 0..5 {
            assert_eq!(breaker.state(), State::HalfOpen);
            assert_eq!(breaker.check(), Ok(()));
        }
        fail(&breaker, 1);
        rt.sleep(10 * SECOND).await;
        succeed(&breaker, 1);
        breaker.force_open();
        breaker.force_open();
        breaker.auto();
        drop(breaker);

        let told: Vec<_> = events.map(|event| taken(Some(Some(event)))).collect().await;
        let numbers: Vec<_> = told.iter().map(|told| told.generation).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
        assert!(told.windows(2).all(|pair| pair[0].to == pair[1].from));
        let whys: Vec<_> = told.iter().map(|told| (told.to, told.why)).collect();
        let expected = [
            (State::Open, Why::Failures { failures: 10, calls: 10 }),
            (State::HalfOpen, Why::OpenFor(5 * SECOND)),
            (State::Open, Why::ProbeFailed),
            (State::HalfOpen, Why::OpenFor(10 * SECOND)),
            (State::Closed, Why::ProbesSucceeded(1)),
            (State::ForcedOpen, Why::ByHand),
            (State::Closed, Why::ByHand),
        ];
        assert_eq!(whys, expected);
        let times: Vec<_> = told.iter().map(|told| (told.at - start).as_secs()).collect();
        assert_eq!(times, [0, 5, 6, 16, 16, 16, 16]);
        let open: Vec<_> = told.iter().map(|told| told.open_for.map(|time| time.as_secs())).collect();
        assert_eq!(open, [Some(5), None, Some(10), None, None, None, None]);
    });
}

#[test]
fn a_slow_reader_of_events_is_told_what_it_missed() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, Config { events_max: 3, ..config() });
        let (mut slow, mut quick) = (breaker.events(), breaker.events());
        for generation in 1..=10 {
            breaker.reset();
            assert_eq!(taken(quick.next().now_or_never()).generation, generation);
        }
        assert_eq!(slow.next().await, Some(Event::Missed(7)));
        for generation in 8..=10 {
            assert_eq!(taken(slow.next().now_or_never()).generation, generation);
        }
        assert_eq!(slow.next().now_or_never(), None);
        drop((slow, quick));
        breaker.reset();
        let mut late = breaker.events();
        breaker.reset();
        assert_eq!(taken(late.next().now_or_never()).generation, 12, "from where it joined");
    });
}

#[test]
fn a_reader_is_woken_and_may_be_dropped_anywhere() {
    testing::for_each_seed(0..20, |rt| async move {
        let breaker = breaker(&rt, config());
        let mut events = breaker.events();
        assert_eq!(events.next().now_or_never(), None);
        let reader = rt.spawn("reader", async move { taken(Some(events.next().await)).to });
        let failing = breaker.clone();
        rt.spawn("caller", async move { fail(&failing, 10) }).await.unwrap();
        assert_eq!(reader.await.unwrap(), State::Open);
    });
}

/// Uses the breaker and its readers when it is woken, and when it is dropped.
struct Reenters(CircuitBreaker);

impl Wake for Reenters {
    fn wake(self: Arc<Self>) {
        self.0.stats();
        assert_eq!(self.0.events().next().now_or_never(), None);
    }
}

impl Drop for Reenters {
    fn drop(&mut self) {
        self.0.stats();
        let _events = self.0.events();
    }
}

#[test]
fn wakers_may_use_the_breaker() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        let mut events = breaker.events();
        for _ in 0..2 {
            let waker = Waker::from(Arc::new(Reenters(breaker.clone())));
            assert!(events.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        }
        fail(&breaker, 10);
        assert!(events.next().now_or_never().is_some());
        let waker = Waker::from(Arc::new(Reenters(breaker.clone())));
        assert!(events.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        drop(events);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_waker_may_drop_another_reader() {
    testing::run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        let readers = Arc::new(Mutex::new(vec![breaker.events(), breaker.events()]));
        let drops = calling({
            let readers = readers.clone();
            move || {
                let gone = readers.lock().unwrap().pop();
                drop(gone);
            }
        });
        for reader in readers.lock().unwrap().iter_mut() {
            assert!(reader.poll_next_unpin(&mut Context::from_waker(&drops)).is_pending());
        }
        fail(&breaker, 10);
        assert!(readers.lock().unwrap().is_empty());
        let mut last = breaker.events();
        assert!(last.poll_next_unpin(&mut Context::from_waker(&drops)).is_pending());
        drop(breaker);
        assert_eq!(last.next().await, None);
    });
}

#[test]
fn a_waker_that_panics_leaves_no_reader_asleep() {
    let ended = testing::try_run(1, |rt| async move {
        let breaker = breaker(&rt, config());
        let woken = Arc::new(AtomicUsize::new(0));
        let mut readers = [(); 3].map(|()| breaker.events());
        let poll = |readers: &mut [Events; 3]| {
            for (reader, waker) in readers.iter_mut().zip([grumpy(), counting(&woken), grumpy()]) {
                assert!(reader.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
            }
        };
        poll(&mut readers);
        fail(&breaker, 10);
        assert_eq!((woken.load(Ordering::Relaxed), rt.unobserved_panics()), (1, 2), "the call is not harmed");
        assert!(readers.iter_mut().all(|reader| reader.next().now_or_never().is_some()));
        poll(&mut readers);
        drop(breaker);
        assert_eq!((woken.load(Ordering::Relaxed), rt.unobserved_panics()), (2, 4), "nor is the last owner");
    });
    assert!(ended.expect_err("it is reported").to_string().contains("not now"));
}

#[test]
fn a_rejection_says_what_where_and_how_long() {
    testing::run(1, |rt| async move {
        let breaker = opened(&rt, config());
        let text = breaker.try_acquire().unwrap_err().to_string();
        assert_eq!(text, "`dependency` was not called: its breaker is open; come back in 5s");
        let breaker = half_open(&rt, config()).await;
        let _probe = breaker.try_acquire();
        let text = breaker.try_acquire().unwrap_err().to_string();
        assert_eq!(text, "`dependency` was not called: its breaker is half open; come back in 5s");
    });
}

#[test]
fn to_show_a_set_asks_none_of_its_breakers() {
    testing::run(1, |rt| async move {
        let breakers = Breakers::new(&rt, config(), 9).unwrap();
        breakers.get("dependency").unwrap();
        assert_eq!(format!("{breakers:?}"), "Breakers { breakers: 1, breakers_max: 9, .. }");
    });
}

/// Notes level and name of each event of breakers, and asks the breaker in between: no lock may be held.
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    breaker: CircuitBreaker,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "why" {
            self.0 = format!(": {value:?}");
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let metadata = event.metadata();
        if metadata.name().starts_with("seaworthy.breaker") {
            let mut why = Text(String::new());
            event.record(&mut why);
            self.lines.lock().unwrap().push(format!("{} {}{}", metadata.level(), metadata.name(), why.0));
            self.breaker.stats();
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn only_opening_is_logged_as_a_warning() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    testing::run(1, |rt| {
        let lines = Arc::clone(&lines);
        async move {
            let breaker = breaker(&rt, config());
            let log = Log { lines, breaker: breaker.clone() };
            let _logged = tracing::subscriber::set_default(log);
            fail(&breaker, 10);
            rt.sleep(5 * SECOND).await;
            succeed(&breaker, 1);
            breaker.disable();
        }
    });
    let expected = [
        "WARN seaworthy.breaker.opened: 10 of 10 calls failed",
        "DEBUG seaworthy.breaker.half_open: it was open for 5s",
        "INFO seaworthy.breaker.closed: 1 probes succeeded",
        "INFO seaworthy.breaker.forced",
    ];
    assert_eq!(*lines.lock().unwrap(), expected);
}
