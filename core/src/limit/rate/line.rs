//! Those who wait, in order, and for how many tokens: a treap (Seidel and Aragon, 1996) each of whose nodes knows the sum of
//! the tokens below it, so that whoever comes learns in O(log n) what is before it, however many wait behind.

use slab::Slab;

use super::state::Demand;
use crate::wait::Key;

/// A place in line: by key, then by arrival.
pub(in crate::limit) type Place = (Key, u64);

#[derive(Debug, Default)]
pub(super) struct Line {
    nodes: Slab<Node>,
    root: Link,
    arrivals: u64,
}

type Link = Option<usize>;

#[derive(Debug)]
struct Node {
    place: Place,
    demand: Demand,
    left: Link,
    right: Link,
    /// Of this one and all below it.
    tokens: u64,
}

impl Node {
    /// Which of two stands above the other: at random, but the same in each run.
    fn height(&self) -> u64 {
        // The finaliser of SplitMix64.
        let mut bits = self.place.1.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    pub(super) fn first(&self) -> Option<(Place, Demand)> {
        let mut first = &self.nodes[self.root?];
        while let Some(left) = first.left {
            first = &self.nodes[left];
        }
        Some((first.place, first.demand))
    }

    /// Behind all of that key.
    pub(super) fn join(&mut self, key: Key, demand: Demand) -> Place {
        let place = (key, self.arrivals);
        self.arrivals += 1;
        let tokens = u64::from(demand.tokens);
        let node = self.nodes.insert(Node { place, demand, left: None, right: None, tokens });
        let (before, behind) = self.split(self.root, place);
        let before = self.merge(before, Some(node));
        self.root = self.merge(before, behind);
        place
    }

    pub(super) fn leave(&mut self, place: Place) -> Option<Demand> {
        let (before, rest) = self.split(self.root, place);
        let (one, behind) = self.split(rest, (place.0, place.1 + 1));
        self.root = self.merge(before, behind);
        one.map(|one| self.nodes.remove(one).demand)
    }

    /// How many tokens are waited for by those who are not behind that key.
    pub(super) fn tokens_up_to(&self, key: Key) -> u64 {
        let (mut sum, mut link) = (0, self.root);
        while let Some(node) = link.map(|node| &self.nodes[node]) {
            if node.place.0 <= key {
                sum += node.tokens - self.tokens(node.right);
                link = node.right;
            } else {
                link = node.left;
            }
        }
        sum
    }

    /// All, from the first to the last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, Demand)> {
        let mut above = Vec::new();
        let mut link = self.root;
        std::iter::from_fn(move || {
            while let Some(node) = link {
                above.push(node);
                link = self.nodes[node].left;
            }
            let node = &self.nodes[above.pop()?];
            link = node.right;
            Some((node.place, node.demand))
        })
    }

    fn tokens(&self, link: Link) -> u64 {
        link.map_or(0, |node| self.nodes[node].tokens)
    }

    fn add_up(&mut self, node: usize) {
        let Node { demand, left, right, .. } = self.nodes[node];
        self.nodes[node].tokens = u64::from(demand.tokens) + self.tokens(left) + self.tokens(right);
    }

    /// Those before `place`, and the others.
    fn split(&mut self, link: Link, place: Place) -> (Link, Link) {
        let Some(node) = link else { return (None, None) };
        let (before, behind);
        if self.nodes[node].place < place {
            let (middle, rest) = self.split(self.nodes[node].right, place);
            self.nodes[node].right = middle;
            (before, behind) = (link, rest);
        } else {
            let (rest, middle) = self.split(self.nodes[node].left, place);
            self.nodes[node].left = middle;
            (before, behind) = (rest, link);
        }
        self.add_up(node);
        (before, behind)
    }

    /// Of two lines the first of which is before the second.
    fn merge(&mut self, before: Link, behind: Link) -> Link {
        let (Some(first), Some(second)) = (before, behind) else { return before.or(behind) };
        if self.nodes[first].height() > self.nodes[second].height() {
            self.nodes[first].right = self.merge(self.nodes[first].right, behind);
            self.add_up(first);
            before
        } else {
            self.nodes[second].left = self.merge(before, self.nodes[second].left);
            self.add_up(second);
            behind
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, task::Waker};

    use proptest::prelude::*;

    use super::*;
    use crate::wait::WaitQueue;

    fn demand(tokens: u32) -> Demand {
        let waiter = WaitQueue::<()>::new(1).join(Key(0), Waker::noop().clone()).expect("room").waiter();
        Demand { tokens, deadline: None, waiter }
    }

    impl Line {
        fn depth(&self, link: Link) -> usize {
            link.map_or(0, |node| {
                let Node { left, right, .. } = self.nodes[node];
                1 + self.depth(left).max(self.depth(right))
            })
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_map_that_can_add_up(
            steps in prop::collection::vec((0..3_u8, 0..9_u64, 1..9_u32, any::<usize>()), 0..300),
        ) {
            let (mut line, mut model) = (Line::default(), BTreeMap::<Place, u32>::new());
            for (step, key, tokens, any) in steps {
                if step < 2 {
                    let place = line.join(Key(key), demand(tokens));
                    prop_assert!(model.keys().all(|other| other.1 < place.1), "arrivals rise");
                    model.insert(place, tokens);
                } else if !model.is_empty() {
                    let place = *model.keys().nth(any % model.len()).expect("in range");
                    let left = line.leave(place).map(|demand| demand.tokens);
                    prop_assert_eq!(left, model.remove(&place));
                    prop_assert!(line.leave(place).is_none(), "once");
                }
                prop_assert_eq!((line.len(), line.is_empty()), (model.len(), model.is_empty()));
                let first = model.first_key_value().map(|(place, tokens)| (*place, *tokens));
                prop_assert_eq!(line.first().map(|(place, demand)| (place, demand.tokens)), first);
                let up_to = model.iter().filter(|(place, _)| place.0.0 <= key).map(|(_, tokens)| u64::from(*tokens));
                prop_assert_eq!(line.tokens_up_to(Key(key)), up_to.sum::<u64>());
                let all: Vec<_> = line.iter().map(|(place, demand)| (place, demand.tokens)).collect();
                prop_assert_eq!(all, model.iter().map(|(place, tokens)| (*place, *tokens)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn it_is_shallow_whatever_the_order_of_arrival() {
        for key in [|number| number, |number: u64| 10_000 - number, |number| number * 7919 % 10_000, |_| 0] {
            let mut line = Line::default();
            for number in 0..10_000 {
                line.join(Key(key(number)), demand(1));
            }
            let depth = line.depth(line.root);
            assert!(depth <= 50, "{depth}");
            while line.len() > 5_000 {
                let (first, _) = line.first().expect("not empty");
                line.leave(first);
            }
            let depth = line.depth(line.root);
            assert!(depth <= 50, "{depth}");
        }
    }
}
