use std::collections::VecDeque;

use slab::Slab;

use super::Key;

/// A priority queue from whose middle members can be removed.
///
/// The least [`Key`] comes first; equal keys come first in, first out. `insert` and `pop` cost O(log n), and O(1) for
/// whoever comes with a key not below all others, as in a plain queue; `remove` costs O(1) amortised. An entry is 16
/// bytes beside the member itself, and members do not move.
///
/// A sorted lane for those who come in order, and for the others a heap with four children a node. An entry packs the
/// key, the order of arrival and the member's place into one integer: four children fill one cache line and are compared
/// without following a pointer. Removing marks the entry as dead; dead ones are swept when they outnumber the living.
///
/// # Examples
///
/// ```
/// use seaworthy_core::wait::{Key, Ordered};
///
/// let mut line = Ordered::default();
/// let late = line.insert(Key(2), "late");
/// line.insert(Key(1), "early");
/// line.insert(Key(1), "early too");
/// assert_eq!(line.remove(late), Some("late"));
/// assert_eq!(line.pop(), Some("early"));
/// assert_eq!(line.pop(), Some("early too"));
/// assert_eq!(line.pop(), None);
/// ```
#[derive(Debug)]
pub struct Ordered<T> {
    /// In ascending order. Who comes last in line when it comes stands here.
    lane: VecDeque<Entry>,
    heap: Vec<Entry>,
    slots: Slab<Slot<T>>,
    /// Entries whose member is still in line. The first of the lane and the root of the heap always are.
    live: usize,
    next_arrival: u32,
}

/// Where a member is. It is good until the member is removed or popped.
#[derive(Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    pub(super) fn at(index: u32) -> Self {
        Self(index)
    }

    pub(super) fn index(&self) -> u32 {
        self.0
    }
}

#[derive(Debug)]
struct Slot<T> {
    value: T,
    /// The arrival of its entry while it is in line.
    in_line: Option<u32>,
}

/// `key`, `arrival` and `place` from high bits to low: comparing two is one comparison of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    fn new(key: Key, arrival: u32, place: u32) -> Self {
        Self(u128::from(key.0) << 64 | u128::from(arrival) << 32 | u128::from(place))
    }

    fn key(self) -> Key {
        Key((self.0 >> 64) as u64)
    }

    fn arrival(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn place(self) -> usize {
        self.0 as u32 as usize
    }
}

const CHILDREN: usize = 4;
/// Fewer dead entries than this are not worth a sweep.
const DEAD_MIN: usize = 64;

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self { lane: VecDeque::new(), heap: Vec::new(), slots: Slab::new(), live: 0, next_arrival: 0 }
    }
}

impl<T> Ordered<T> {
    /// How many are in line.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether nobody is in line.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Puts `value` in line.
    ///
    /// # Panics
    ///
    /// If there are 2³² members; bound the line before.
    pub fn insert(&mut self, key: Key, value: T) -> Place {
        if self.next_arrival == u32::MAX {
            self.renumber();
        }
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let place = self.slots.insert(Slot { value, in_line: Some(arrival) });
        let place = u32::try_from(place).expect("a line of 2^32 members");
        self.live += 1;
        let entry = Entry::new(key, arrival, place);
        if self.lane.back().is_none_or(|last| *last < entry) {
            self.lane.push_back(entry);
        } else {
            self.heap.push(entry);
            self.rise(self.heap.len() - 1);
        }
        Place(place)
    }

    /// The key of the first in line.
    pub fn first_key(&self) -> Option<Key> {
        match (self.lane.front(), self.heap.first()) {
            (Some(lane), Some(heap)) => Some((*lane).min(*heap).key()),
            (lane, heap) => lane.or(heap).map(|entry| entry.key()),
        }
    }

    /// Removes and returns the first in line.
    pub fn pop(&mut self) -> Option<T> {
        let place = self.advance()?;
        self.remove(place)
    }

    /// Takes the first out of the line but keeps it as a member, to be found by its place until it is removed.
    pub fn advance(&mut self) -> Option<Place> {
        let first = match (self.lane.front(), self.heap.first()) {
            (Some(lane), Some(heap)) if heap < lane => self.pop_heap(),
            (Some(_), _) => self.lane.pop_front(),
            (None, _) => self.pop_heap(),
        }?;
        if let Some(slot) = self.slots.get_mut(first.place()) {
            slot.in_line = None;
        }
        self.live -= 1;
        self.sweep();
        Some(Place(first.place() as u32))
    }

    /// Takes a member out of the line, as [`advance`](Self::advance) does with the first, and says whether it stood there.
    pub fn withdraw(&mut self, place: &Place) -> bool {
        let Some(slot) = self.slots.get_mut(place.0 as usize) else { return false };
        let stood = slot.in_line.take().is_some();
        if stood {
            self.live -= 1;
            self.sweep();
        }
        stood
    }

    /// Takes all members out of the line of whom `leaves` says so. It is asked about each in line once, in no order.
    pub fn withdraw_if(&mut self, mut leaves: impl FnMut(&mut T) -> bool) {
        for (_, slot) in &mut self.slots {
            if slot.in_line.is_some() && leaves(&mut slot.value) {
                slot.in_line = None;
                self.live -= 1;
            }
        }
        self.sweep();
    }

    /// The member at `place`.
    pub fn get_mut(&mut self, place: &Place) -> Option<&mut T> {
        self.slots.get_mut(place.0 as usize).map(|slot| &mut slot.value)
    }

    /// Removes the member at `place`, in line or not.
    pub fn remove(&mut self, place: Place) -> Option<T> {
        let slot = self.slots.try_remove(place.0 as usize)?;
        if slot.in_line.is_some() {
            self.live -= 1;
            self.sweep();
        }
        Some(slot.value)
    }

    /// All members, those in line and those taken out of it, in no order of meaning.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(|(_, slot)| &mut slot.value)
    }

    fn is_live(&self, entry: Entry) -> bool {
        self.slots.get(entry.place()).is_some_and(|slot| slot.in_line == Some(entry.arrival()))
    }

    /// Keeps those in front alive, and the dead fewer than the living.
    fn sweep(&mut self) {
        let dead = self.lane.len() + self.heap.len() - self.live;
        if dead == 0 {
            return;
        }
        if dead > DEAD_MIN && dead > self.live {
            self.rebuild();
            return;
        }
        while self.lane.front().is_some_and(|first| !self.is_live(*first)) {
            self.lane.pop_front();
        }
        while self.heap.first().is_some_and(|root| !self.is_live(*root)) {
            self.pop_heap();
        }
    }

    fn rebuild(&mut self) {
        let mut lane = std::mem::take(&mut self.lane);
        lane.retain(|entry| self.is_live(*entry));
        self.lane = lane;
        let mut heap = std::mem::take(&mut self.heap);
        heap.retain(|entry| self.is_live(*entry));
        // A sorted list is a heap.
        heap.sort_unstable();
        self.heap = heap;
    }

    /// Arrivals are 32 bits wide. When they are used up, those in line are numbered anew in their order.
    #[cold]
    fn renumber(&mut self) {
        self.rebuild();
        self.next_arrival = 0;
        let mut line: Vec<Entry> = std::mem::take(&mut self.lane).into();
        line.append(&mut self.heap);
        line.sort_unstable();
        for entry in &mut line {
            let place = entry.place();
            *entry = Entry::new(entry.key(), self.next_arrival, place as u32);
            self.slots[place].in_line = Some(self.next_arrival);
            self.next_arrival += 1;
        }
        self.lane = line.into();
    }

    fn pop_heap(&mut self) -> Option<Entry> {
        let last = self.heap.pop()?;
        let Some(root) = self.heap.first_mut() else { return Some(last) };
        let first = std::mem::replace(root, last);
        self.sink();
        Some(first)
    }

    fn rise(&mut self, mut at: usize) {
        let entry = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if self.heap[parent] <= entry {
                break;
            }
            self.heap[at] = self.heap[parent];
            at = parent;
        }
        self.heap[at] = entry;
    }

    /// Lets the root sink to its place. It came from the end, so it belongs near the end: the path of least children
    /// is followed to the bottom without comparing to it, and it rises from there the little it has to.
    fn sink(&mut self) {
        let heap = self.heap.as_mut_slice();
        let entry = heap[0];
        let mut at = 0;
        loop {
            let first = at * CHILDREN + 1;
            let Some(children) = heap.get(first..) else { break };
            let children = &children[..children.len().min(CHILDREN)];
            let Some(least) = least(children) else { break };
            heap[at] = heap[first + least];
            at = first + least;
        }
        heap[at] = entry;
        self.rise(at);
    }
}

/// The index of the least of up to four children.
fn least(children: &[Entry]) -> Option<usize> {
    if let &[a, b, c, d] = children {
        // Two independent comparisons and one more, instead of a chain of three.
        let (left, i) = if b < a { (b, 1) } else { (a, 0) };
        let (right, j) = if d < c { (d, 3) } else { (c, 2) };
        return Some(if right < left { j } else { i });
    }
    (0..children.len()).min_by_key(|index| children[*index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Pop,
        Advance,
        Withdraw(usize),
        WithdrawIf(usize),
        Remove(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0_u64..6).prop_map(Step::Insert),
            2 => Just(Step::Pop),
            1 => Just(Step::Advance),
            1 => any::<usize>().prop_map(Step::Withdraw),
            1 => (1..6_usize).prop_map(Step::WithdrawIf),
            3 => any::<usize>().prop_map(Step::Remove),
        ];
        prop::collection::vec(step, 0..400)
    }

    /// Runs `steps` against a sorted list of (key, arrival), from a first arrival number on.
    fn check(steps: Vec<Step>, first_arrival: u32) {
        let mut line = Ordered { next_arrival: first_arrival, ..Ordered::default() };
        let mut model: Vec<(u64, usize)> = Vec::new();
        let mut places: Vec<(usize, Place)> = Vec::new();
        let mut out_of_line: Vec<(usize, Place)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(key) => {
                    places.push((number, line.insert(Key(key), number)));
                    model.push((key, number));
                    model.sort_unstable();
                }
                Step::Pop => {
                    let expected = (!model.is_empty()).then(|| model.remove(0).1);
                    assert_eq!(line.pop(), expected);
                    places.retain(|(number, _)| Some(*number) != expected);
                }
                Step::Advance => {
                    let expected = (!model.is_empty()).then(|| model.remove(0).1);
                    let place = line.advance();
                    let got = place.as_ref().and_then(|place| line.get_mut(place)).copied();
                    assert_eq!(got, expected);
                    places.retain(|(number, _)| Some(*number) != expected);
                    out_of_line.extend(expected.zip(place));
                }
                Step::Remove(any) if !places.is_empty() => {
                    let (number, place) = places.swap_remove(any % places.len());
                    assert_eq!(line.remove(place), Some(number));
                    model.retain(|(_, other)| *other != number);
                }
                Step::Withdraw(any) if !places.is_empty() => {
                    let (number, place) = places.swap_remove(any % places.len());
                    assert!(line.withdraw(&place));
                    assert!(!line.withdraw(&place), "it stands there no more");
                    assert_eq!(line.get_mut(&place), Some(&mut { number }));
                    model.retain(|(_, other)| *other != number);
                    out_of_line.push((number, place));
                }
                Step::WithdrawIf(divisor) => {
                    let leaves = |number: usize| number.is_multiple_of(divisor);
                    let mut asked = 0;
                    line.withdraw_if(|number| {
                        asked += 1;
                        leaves(*number)
                    });
                    assert_eq!(asked, model.len(), "those in line are asked about, each once");
                    model.retain(|(_, number)| !leaves(*number));
                    let (out, left) = places.into_iter().partition(|(number, _)| leaves(*number));
                    places = left;
                    out_of_line.extend::<Vec<_>>(out);
                }
                Step::Withdraw(_) | Step::Remove(_) => {
                    if let Some((number, place)) = out_of_line.pop() {
                        assert_eq!(line.remove(place), Some(number));
                    }
                }
            }
            assert_eq!(line.len(), model.len());
            assert_eq!(line.first_key(), model.first().map(|(key, _)| Key(*key)));
            let entries = line.lane.len() + line.heap.len();
            assert!(entries <= 2 * model.len().max(DEAD_MIN) + 1, "the dead are swept");
        }
        let rest: Vec<usize> = std::iter::from_fn(|| line.pop()).collect();
        assert_eq!(rest, model.into_iter().map(|(_, number)| number).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn the_first_is_always_the_least_key_then_the_first_come(steps in steps()) {
            check(steps, 0);
        }

        #[test]
        fn order_survives_the_end_of_the_arrival_numbers(steps in steps(), left in 0_u32..100) {
            check(steps, u32::MAX - left);
        }
    }
}
