//! What a request tells those who trace.

use std::{fmt, num::NonZeroU64};

use parking_lot::Mutex;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

use super::*;
use crate::testing::run;

/// A span: which one it is in, its name, its fields.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    within: Option<usize>,
    name: &'static str,
    fields: Vec<String>,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.push(format!("{}={value:?}", field.name()));
    }
}

/// Keeps the spans of the client, in the order in which they began.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<(Vec<Seen>, Vec<usize>)>>);

fn index(id: &Id) -> usize {
    id.into_u64() as usize - 1
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name().starts_with("seaworthy.http.")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let (spans, entered) = &mut *self.0.lock();
        let mut seen =
            Seen { within: entered.last().copied(), name: span.metadata().name(), fields: Vec::new() };
        span.record(&mut seen);
        spans.push(seen);
        Id::from_non_zero_u64(NonZeroU64::new(spans.len() as u64).expect("one was pushed"))
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut self.0.lock().0[index(id)]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.0.lock().1.push(index(id));
    }

    fn exit(&self, _: &Id) {
        self.0.lock().1.pop();
    }
}

#[test]
fn each_request_is_a_span_and_each_attempt_one_within_it() {
    let spans = Spans::default();
    let requests = || {
        run(1, |rt| async move {
            let server = serve(&rt, |request: &Received| match (request.path(), request.nth) {
                ("/redirect", _) => Reply::redirect(307, "/flaky"),
                (_, 2) => Reply::new(503),
                _ => Reply::text("ahoy"),
            })
            .await;
            let client = client(&rt, config());
            text(&client, server.url("/redirect?token=secret")).await;
            server.set_accept(Accept::Refuse).await.unwrap();
            let url = server.url("/");
            drop(server);
            rt.sleep(secs(1)).await;
            client.get(&url).attempts_max(1).send().await.unwrap_err();
            url
        })
    };
    // A span that is met for the first time while another thread meets it, too, may be taken for unwanted, since that one
    // has nobody who listens. So what is known of all spans is asked for anew, and once more if one was just being met.
    let url = with_default(spans.clone(), || {
        for _ in 0..10 {
            tracing_core::callsite::rebuild_interest_cache();
            spans.0.lock().0.clear();
            let url = requests();
            let has = |name| spans.0.lock().0.iter().any(|span: &Seen| span.name == name);
            if has("seaworthy.http.request") && has("seaworthy.http.attempt") {
                return url;
            }
        }
        panic!("no spans: {:?}", spans.0.lock().0);
    });
    let seen = spans.0.lock().0.clone();
    let line = |seen: &Seen| {
        let name = seen.name.trim_start_matches("seaworthy.http.");
        format!(
            "{} {name} {}",
            seen.within.map_or("-".to_owned(), |at| at.to_string()),
            seen.fields.join(" ")
        )
    };
    let lines: Vec<String> = seen.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            format!("- request method=GET url=\"{url}redirect\" attempts=3 status=200"),
            "0 attempt hop=0 number=1 is_reused=false status=307".to_owned(),
            "0 attempt hop=1 number=1 is_reused=true status=503".to_owned(),
            "0 attempt hop=1 number=2 is_reused=true status=200".to_owned(),
            format!("- request method=GET url=\"{url}\" attempts=1"),
            "4 attempt hop=0 number=1 is_reused=false error=cannot reach it, in phase connect".to_owned(),
        ]
    );
}
