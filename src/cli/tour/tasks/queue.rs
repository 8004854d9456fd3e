use std::pin::pin;

use futures::{
    FutureExt,
    future::{Either, select, try_join_all},
};
use seaworthy::{rt::yield_now, task::PriorityQueue};

use super::{
    Context,
    text::{count, number_of, time},
};

const PRODUCERS: u32 = 4;
const CONSUMERS: usize = 4;
const ITEMS: u32 = 10_000;
const CAPACITY: usize = 64;

/// A queue of items instead of tasks: whoever waits at it gets the most urgent.
pub(super) async fn of_items(cx: &Context) -> anyhow::Result<()> {
    cx.scene(format_args!(
        "A priority queue of {CAPACITY} places, {PRODUCERS} producers, {CONSUMERS} consumers"
    ));
    most_urgent_first(cx)?;
    through_a_narrow_queue(cx).await
}

/// The priority of an item; each occurs many times.
fn priority(item: u32) -> i32 {
    (item * 7919 % 10) as i32
}

fn most_urgent_first(cx: &Context) -> anyhow::Result<()> {
    let queue = PriorityQueue::new(CAPACITY)?;
    for item in 0..CAPACITY as u32 {
        queue.try_push(priority(item), item)?;
    }
    let taken: Vec<_> = std::iter::from_fn(|| queue.try_pop().ok()).collect();
    // Highest first, and among equals the first that came.
    let in_order =
        taken.windows(2).filter(|pair| (-priority(pair[0]), pair[0]) < (-priority(pair[1]), pair[1]));
    let in_order = in_order.count() + 1;
    cx.claim(
        in_order == CAPACITY && taken.len() == CAPACITY,
        format_args!("{in_order} of {CAPACITY}"),
        "items out in order: the highest priority, then the first that came",
        "all",
    );
    Ok(())
}

async fn through_a_narrow_queue(cx: &Context) -> anyhow::Result<()> {
    let rt = &cx.rt;
    let queue = PriorityQueue::new(CAPACITY)?;
    // Whoever gives up waiting must not take a wake-up along.
    let mut dropped = (0..100).filter(|_| queue.pop().now_or_never().is_none()).count() as u64;
    let start = rt.now();
    let produce = |queue: PriorityQueue<u32>, first| async move {
        for item in (first..ITEMS).step_by(PRODUCERS as usize) {
            queue.push(priority(item), item).await?;
        }
        anyhow::Ok(())
    };
    let producers: Vec<_> =
        (0..PRODUCERS).map(|first| rt.spawn("tour.producer", produce(queue.clone(), first))).collect();
    let consumers: Vec<_> =
        (0..CONSUMERS).map(|_| rt.spawn("tour.consumer", consume(queue.clone()))).collect();
    for produced in try_join_all(producers).await? {
        produced?;
    }
    queue.close();
    let mut taken = Vec::new();
    for (mut items, pops) in try_join_all(consumers).await? {
        taken.append(&mut items);
        dropped += pops;
    }
    let took = rt.now() - start;
    taken.sort_unstable();
    cx.claim(
        taken.iter().copied().eq(0..ITEMS),
        count(taken.len() as u64),
        format_args!("items taken, each once; {} dropped while waiting", number_of(dropped, "pop")),
        format_args!("each of {ITEMS} exactly once"),
    );
    cx.fact(time(took / ITEMS), "an item, from hand to hand");
    Ok(())
}

/// Takes items until the queue is closed, and drops every other pop that has to wait.
async fn consume(queue: PriorityQueue<u32>) -> (Vec<u32>, u64) {
    let (mut taken, mut dropped, mut patient) = (Vec::new(), 0, false);
    loop {
        patient = !patient;
        let popped = if patient {
            queue.pop().await
        } else {
            match select(pin!(queue.pop()), pin!(yield_now())).await {
                Either::Left((popped, _)) => popped,
                Either::Right(_) => {
                    dropped += 1;
                    continue;
                }
            }
        };
        let Some(item) = popped else { return (taken, dropped) };
        taken.push(item);
    }
}
