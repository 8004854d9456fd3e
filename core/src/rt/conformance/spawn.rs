//! From where a task can be spawned, and what it carries.

use std::{sync::Arc, thread::ThreadId};

use futures::channel::oneshot;
use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::with_default,
};
use tracing_core::span::Current;

use super::{
    Case,
    pair::{OnDrop, panic_quietly},
};
use crate::rt::{Rt, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(a_task_spawns_a_chain_of_tasks),
    case!(a_destructor_can_spawn),
    case!(a_tracing_span_is_carried_into_the_task),
    case!(an_unobserved_panic_is_counted_and_harms_nothing, SurvivesUnobservedPanics),
];

async fn a_task_spawns_a_chain_of_tasks(rt: Rt) {
    fn link(rt: Rt, left: u32) -> crate::rt::BoxFuture<'static, u32> {
        Box::pin(async move {
            if left == 0 {
                return 0;
            }
            let next = rt.spawn("link", link(rt.clone(), left - 1));
            1 + next.await.expect("the next link ends well")
        })
    }
    assert_eq!(link(rt, 1000).await, 1000);
}

async fn a_destructor_can_spawn(rt: Rt) {
    let (done, is_done) = oneshot::channel();
    let (spawner, mut done) = (rt.clone(), Some(done));
    let task = rt.spawn("spawns at its end", async move {
        let _guard = OnDrop(move || {
            let done = done.take();
            spawner.spawn("spawned by a destructor", async move { done.map(|done| done.send(())) }).detach();
        });
        yield_now().await;
    });
    task.await.expect("it ends well");
    is_done.await.expect("the task of the destructor runs");
}

async fn a_tracing_span_is_carried_into_the_task(rt: Rt) {
    let spans = Spans::default();
    let task = with_default(spans.clone(), || {
        let spans = spans.clone();
        tracing::error_span!("voyage").in_scope(|| {
            rt.spawn("traveller", async move {
                let before = spans.entered_here();
                yield_now().await;
                (before, spans.entered_here())
            })
        })
    });
    assert_eq!(task.await.expect("it ends well"), (true, true), "(at the first poll, at the second)");
    assert!(!spans.entered_here(), "the span is left with the task");
}

async fn an_unobserved_panic_is_counted_and_harms_nothing(rt: Rt) {
    rt.spawn("panics unseen", async { panic_quietly("overboard") }).detach();
    while rt.unobserved_panics() == 0 {
        yield_now().await;
    }
    assert_eq!(rt.unobserved_panics(), 1);
    assert_eq!(rt.spawn("later", async { 1 }).await.expect("new tasks run"), 1);
}

/// Knows on which threads a span is entered. A task runs on any thread, so a thread's own subscriber is no help.
#[derive(Clone, Default)]
struct Spans(Arc<Entered>);

#[derive(Default)]
struct Entered {
    made: Mutex<Vec<&'static Metadata<'static>>>,
    threads: Mutex<Vec<(ThreadId, Id)>>,
}

impl Spans {
    fn entered_here(&self) -> bool {
        self.innermost().is_some()
    }

    fn innermost(&self) -> Option<Id> {
        let here = std::thread::current().id();
        self.0.threads.lock().iter().rev().find(|(thread, _)| *thread == here).map(|(_, id)| id.clone())
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut made = self.0.made.lock();
        made.push(span.metadata());
        Id::from_u64(made.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.0.threads.lock().push((std::thread::current().id(), id.clone()));
    }

    fn exit(&self, id: &Id) {
        let left = (std::thread::current().id(), id.clone());
        let mut threads = self.0.threads.lock();
        if let Some(place) = threads.iter().rposition(|entered| *entered == left) {
            threads.remove(place);
        }
    }

    fn current_span(&self) -> Current {
        match self.innermost() {
            Some(id) => {
                let metadata = self.0.made.lock()[id.into_u64() as usize - 1];
                Current::new(id, metadata)
            }
            None => Current::none(),
        }
    }
}
