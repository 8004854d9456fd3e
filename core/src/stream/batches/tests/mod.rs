//! The laws of batches, each with a test that goes red when it is broken.

mod bounds;
mod clock;
mod dropping;
mod ending;
mod machine;
mod user_code;

use std::time::{Duration, Instant};

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

use super::Batch;
use crate::rt::Rt;

const SECOND: Duration = Duration::from_secs(1);

fn by_count(items_max: usize) -> Batch {
    Batch { items_max, wait_max: SECOND, ..Batch::default() }
}

/// Gives each item at its time, in milliseconds from now.
fn arriving<T: Send + 'static>(
    rt: &Rt,
    arrivals: impl IntoIterator<Item = (u64, T), IntoIter: Send + 'static>,
) -> BoxStream<'static, T> {
    let (rt, start) = (rt.clone(), rt.now());
    let wait = move |(at, item)| {
        let rt = rt.clone();
        async move {
            let at = start + Duration::from_millis(at);
            // What is there is ready at once.
            if rt.now() < at {
                rt.sleep_until(at).await;
            }
            item
        }
    };
    stream::iter(arrivals).then(wait).boxed()
}

/// All that comes, each with its time in milliseconds since `start`.
async fn timed<S: Stream + Unpin>(rt: &Rt, start: Instant, mut stream: S) -> Vec<(u64, S::Item)> {
    let mut all = Vec::new();
    while let Some(item) = stream.next().await {
        all.push(((rt.now() - start).as_millis() as u64, item));
    }
    all
}
