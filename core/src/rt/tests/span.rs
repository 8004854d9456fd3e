use std::{future::pending, num::NonZeroU64};

use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Span, Subscriber, info_span,
    span::{Attributes, Id, Record},
    subscriber::with_default,
};
use tracing_core::span::Current;

use super::*;

/// Knows which span is entered, and nothing else.
#[derive(Default)]
struct Spans {
    known: Mutex<Vec<&'static Metadata<'static>>>,
    entered: Mutex<Vec<Id>>,
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut known = self.known.lock();
        known.push(span.metadata());
        Id::from_non_zero_u64(NonZeroU64::new(known.len() as u64).expect("one was pushed"))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.entered.lock().push(span.clone());
    }

    fn exit(&self, _: &Id) {
        self.entered.lock().pop();
    }

    fn current_span(&self) -> Current {
        let entered = self.entered.lock();
        let Some(id) = entered.last() else { return Current::none() };
        Current::new(id.clone(), self.known.lock()[id.into_u64() as usize - 1])
    }
}

/// The name of the span that is entered; empty for none.
fn current() -> &'static str {
    Span::current().metadata().map_or("", Metadata::name)
}

#[test]
fn a_task_carries_the_span_it_was_spawned_in() {
    let run = || {
        run(1, |rt| async move {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let (polled, dropped) = (Arc::clone(&seen), Arc::clone(&seen));
            let guard = OnDrop(move || dropped.lock().push(current()));
            let request = async move {
                let _guard = guard;
                polled.lock().push(current());
                yield_now().await;
                polled.lock().push(current());
                pending::<()>().await;
            };
            let task = info_span!("request").in_scope(|| rt.spawn("handler", request));
            let job = info_span!("job").in_scope(|| rt.spawn_blocking("job", current));
            let outside = rt.spawn("outside", async { current() });
            rt.sleep(ms(1)).await;
            assert!(task.cancel().await.is_err());
            assert_eq!(*seen.lock(), ["request"; 3]);
            assert_eq!(job.await.expect("no panic"), "job");
            assert_eq!(outside.await.expect("no panic"), "");
            assert_eq!(current(), "");
        });
    };
    with_default(Spans::default(), run);
}
