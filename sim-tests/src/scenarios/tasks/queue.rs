use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use futures::FutureExt;
use parking_lot::Mutex;
use seaworthy_core::{
    rt::{Rng, Scope},
    task::PriorityQueue,
};

use crate::{always, scenario::Host, sometimes};

/// The items of one queue that have not come out.
type Inside = Arc<Mutex<Book>>;

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
    let queue = Arc::new(PriorityQueue::new(capacity).expect("a capacity of at least one"));
    let inside = Inside::default();
    let (producers, consumers) = (Scope::new(host.rt()), Scope::new(host.rt()));
    for number in 0..3 {
        let rng = |label: &str| host.sim().rng(label, number);
        let (producer, items) = (Arc::clone(&queue), Arc::clone(&inside));
        producers.spawn("producer", produce(host.clone(), producer, items, rng("producer"), number));
        consumers.spawn(
            "consumer",
            consume(host.clone(), Arc::clone(&queue), Arc::clone(&inside), rng("consumer")),
        );
    }
    producers.join().await.expect("producers do not panic");
    queue.close();
    consumers.join().await.expect("consumers do not panic");
    let left = std::mem::take(&mut inside.lock().inside);
    always!(host, left.is_empty(), "a queue loses nothing", "{left:?} went in and did not come out");
}

async fn produce(host: Host, queue: Arc<PriorityQueue<Item>>, inside: Inside, mut rng: Rng, producer: u64) {
    for item in 0.. {
        if host.is_healed() {
            return;
        }
        host.rt().sleep(rng.duration(Duration::ZERO, Duration::from_millis(300))).await;
        let number = producer << 32 | item;
        // Before it goes in: it may be out again before the push returns.
        inside.lock().inside.insert(number);
        let item = Item { number, book: Arc::clone(&inside) };
        let priority = rng.below(3) as i32;
        let push = async {
            let mut push = pin!(queue.push(priority, item));
            let first = push.as_mut().now_or_never();
            sometimes!(host, first.is_none(), "a producer waits for room");
            match first {
                Some(pushed) => pushed.is_ok(),
                None => push.await.is_ok(),
            }
        };
        let pushed = host.cancellable(push).await;
        always!(host, pushed != Some(false), "an open queue takes what is pushed", "{number:#x}");
        if pushed.is_none() {
            host.reached("a producer gives up");
            let mut book = inside.lock();
            let is_back = book.dropped.remove(&number) && book.inside.remove(&number);
            drop(book);
            always!(host, is_back, "a push that was dropped has not happened", "{number:#x}");
        }
    }
}

async fn consume(host: Host, queue: Arc<PriorityQueue<Item>>, inside: Inside, mut rng: Rng) {
    loop {
        host.rt().sleep(rng.duration(Duration::ZERO, Duration::from_millis(400))).await;
        sometimes!(host, queue.is_empty(), "an item is waited for");
        match host.cancellable(queue.pop()).await {
            None => host.reached("a waiter for an item gives up"),
            Some(None) => return,
            Some(Some(item)) => {
                let was_there = inside.lock().inside.remove(&item.number);
                always!(host, was_there, "an item comes out once", "{:#x}", item.number);
            }
        }
    }
}
