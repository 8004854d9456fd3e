//! A push and a pop at 100,000 items held.

use std::{
    cell::OnceCell,
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex as StdMutex, PoisonError},
};

use futures::executor::block_on;
use parking_lot::Mutex;
use seaworthy_core::{
    task::PriorityQueue,
    wait::{Key, Ordered},
};

use crate::harness::{Comparison, Meter, Settings, Table};

const CAPACITY: usize = 1_000_000;

pub(crate) fn run(settings: Settings) -> Vec<Table> {
    let held = settings.size(100_000);
    let pairs = settings.size(50_000);
    let any = Input::new(held + pairs, |random| random as i32);
    let few = Input::new(held + pairs, |random| (random % 8) as i32);
    vec![compare(settings, "any priority", held, &any), compare(settings, "8 priorities", held, &few)]
}

fn compare(settings: Settings, what: &str, held: usize, input: &Input) -> Table {
    let pairs = input.priorities.len() - held;
    Comparison::new(format!("A push and a pop at {held} held, {what}"), "ns/pair", pairs)
        .pinned()
        .target(1.0)
        .ours("PriorityQueue, try_push and try_pop", |meter| {
            let queue = PriorityQueue::new(CAPACITY).expect("a good capacity");
            let push = async |priority, item| queue.try_push(priority, item).expect("it has room");
            input.replay(meter, held, push, async || queue.try_pop().ok());
        })
        .ours("PriorityQueue, push and pop", |meter| {
            let queue = PriorityQueue::new(CAPACITY).expect("a good capacity");
            let push = async |priority, item| queue.push(priority, item).await.expect("it is open");
            input.replay(meter, held, push, async || queue.pop().await);
        })
        .ours("wait::Ordered in a mutex", |meter| {
            let line = Mutex::new(Ordered::default());
            input.replay(
                meter,
                held,
                async |priority, item| {
                    line.lock().insert(Key::strict(priority), item);
                },
                async || line.lock().pop(),
            );
        })
        .peer("BinaryHeap in a mutex of parking_lot", |meter| {
            let heap = Mutex::new(Heap::default());
            let push = async |priority, item| heap.lock().push(priority, item);
            input.replay(meter, held, push, async || heap.lock().pop());
        })
        .peer("BinaryHeap in a mutex of std", |meter| {
            let heap = StdMutex::new(Heap::default());
            let lock = || heap.lock().unwrap_or_else(PoisonError::into_inner);
            let push = async |priority, item| lock().push(priority, item);
            input.replay(meter, held, push, async || lock().pop());
        })
        .note(format!("Filled anew for each round, which pushes and pops {pairs} times."))
        .run(settings)
}

/// What people write by hand: the highest priority first, then first in, first out.
#[derive(Default)]
struct Heap {
    items: BinaryHeap<(i32, Reverse<u64>, u64)>,
    pushed: u64,
}

impl Heap {
    fn push(&mut self, priority: i32, item: u64) {
        self.items.push((priority, Reverse(self.pushed), item));
        self.pushed += 1;
    }

    fn pop(&mut self) -> Option<u64> {
        self.items.pop().map(|(.., item)| item)
    }
}

/// The priorities of all items, the same for everyone.
struct Input {
    priorities: Vec<i32>,
    /// What the popped items add up to, by whoever came first.
    sum: OnceCell<u64>,
}

impl Input {
    fn new(items: usize, priority: impl Fn(u64) -> i32) -> Self {
        // Vigna's SplitMix64.
        let random = |number: usize| {
            let mut z = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let priorities = (0..items).map(|number| priority(random(number))).collect();
        Self { priorities, sum: OnceCell::new() }
    }

    fn replay(
        &self,
        meter: &mut Meter,
        held: usize,
        push: impl AsyncFn(i32, u64),
        pop: impl AsyncFn() -> Option<u64>,
    ) {
        let (before, timed) = self.priorities.split_at(held);
        block_on(async {
            for (number, priority) in before.iter().enumerate() {
                push(*priority, number as u64).await;
            }
        });
        let pairs = async {
            let mut sum = 0_u64;
            for (number, priority) in timed.iter().enumerate() {
                push(*priority, (held + number) as u64).await;
                sum += pop().await.expect("it holds some");
            }
            sum
        };
        let sum = meter.time(|| block_on(pairs));
        assert_eq!(sum, *self.sum.get_or_init(|| sum), "each gives out the same items");
    }
}
