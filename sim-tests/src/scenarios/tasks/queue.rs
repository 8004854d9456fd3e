use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::FutureExt;
use parking_lot::Mutex;
use seaworthy_core::{
    rt::{Rng, Scope},
    task::PriorityQueue,
};

use crate::{
    always,
    scenario::Host,
    scenarios::watch::{Ended, Line},
    sometimes,
};

/// The items of one queue that have not come out.
type Inside = Arc<Mutex<Book>>;

/// A queue, and its two lines.
struct Exchange {
    host: Host,
    queue: PriorityQueue<Item>,
    inside: Inside,
    for_room: Line,
    for_items: Line,
}

impl Exchange {
    /// Nobody waits in vain: what there is has been promised to somebody who will come for it.
    fn check(&self) {
        let (len, room) = (self.queue.len(), self.queue.capacity() - self.queue.len());
        for (line, there) in [(&self.for_items, len), (&self.for_room, room)] {
            let (waiting, told) = (line.waiting(), line.told());
            let in_vain = waiting > 0 && there > told;
            let text =
                format_args!("{waiting} wait, {there} of {} are there for {told}", self.queue.capacity());
            always!(self.host, !in_vain, "nobody waits at a queue in vain", "{text}");
        }
    }
}

#[derive(Default)]
struct Book {
    inside: BTreeSet<u64>,
    /// Dropped, and not by a consumer.
    dropped: BTreeSet<u64>,
}

/// What goes through the queue, and is seen when it is dropped.
struct Item {
    number: u64,
    book: Inside,
}

impl Drop for Item {
    fn drop(&mut self) {
        let mut book = self.book.lock();
        if book.inside.contains(&self.number) {
            book.dropped.insert(self.number);
        }
    }
}

/// Producers and consumers of one queue, who give up now and then: each item comes out once.
pub(super) async fn hand_over(host: Host, capacity: usize) {
    let exchange = Arc::new(Exchange {
        queue: PriorityQueue::new(capacity).expect("a capacity of at least one"),
        inside: Inside::default(),
        for_room: Line::new(&host, "room"),
        for_items: Line::new(&host, "an item"),
        host: host.clone(),
    });
    let (producers, consumers) = (Scope::new(host.rt()), Scope::new(host.rt()));
    for number in 0..3 {
        let rng = |label: &str| host.sim().rng(label, number);
        producers.spawn("producer", produce(Arc::clone(&exchange), rng("producer"), number));
        consumers.spawn("consumer", consume(Arc::clone(&exchange), rng("consumer")));
    }
    producers.join().await.expect("producers do not panic");
    exchange.queue.close();
    consumers.join().await.expect("consumers do not panic");
    let left = std::mem::take(&mut exchange.inside.lock().inside);
    always!(host, left.is_empty(), "a queue loses nothing", "{left:?} went in and did not come out");
}

async fn produce(exchange: Arc<Exchange>, mut rng: Rng, producer: u64) {
    let Exchange { host, queue, inside, for_room, .. } = &*exchange;
    for item in 0.. {
        if host.is_healed() {
            return;
        }
        host.rt().sleep(rng.duration(Duration::ZERO, Duration::from_millis(300))).await;
        exchange.check();
        let number = producer << 32 | item;
        // Before it goes in: it may be out again before the push returns.
        inside.lock().inside.insert(number);
        let item = Item { number, book: Arc::clone(inside) };
        let priority = rng.below(3) as i32;
        // Not in the order of arrival: by priority.
        match host.cancellable(for_room.wait(true, queue.push(priority, item))).await {
            Some(Ended { value, told }) => {
                sometimes!(host, told.is_some(), "a producer waits for room");
                always!(host, value.is_ok(), "an open queue takes what is pushed", "{number:#x}");
            }
            None => {
                host.reached("a producer gives up");
                let mut book = inside.lock();
                let is_back = book.dropped.remove(&number) && book.inside.remove(&number);
                drop(book);
                always!(host, is_back, "a push that was dropped has not happened", "{number:#x}");
            }
        }
    }
}

async fn consume(exchange: Arc<Exchange>, mut rng: Rng) {
    let Exchange { host, queue, inside, for_items, .. } = &*exchange;
    loop {
        host.rt().sleep(rng.duration(Duration::ZERO, Duration::from_millis(400))).await;
        exchange.check();
        let pop = queue.pop().map(|item| item.ok_or(()));
        match host.cancellable(for_items.wait(false, pop)).await {
            None => host.reached("a waiter for an item gives up"),
            Some(Ended { value: Err(()), .. }) => return,
            Some(Ended { value: Ok(item), told }) => {
                sometimes!(host, told.is_some(), "an item is waited for");
                let was_there = inside.lock().inside.remove(&item.number);
                always!(host, was_there, "an item comes out once", "{:#x}", item.number);
            }
        }
    }
}
