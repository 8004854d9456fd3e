use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

use super::Limit;

/// The last N calls, without a lock: one bit a call, and one word with how many are set.
///
/// # How it works
///
/// `head` holds, from its low bits up: how many calls were reported (36 bits), the low 12 bits of the number of the era,
/// and how many failures are in the window (16 bits). A report takes its place in the ring by adding one to the first,
/// a failure adds one to the last in the same step. Then it puts its bit into its place, and if that takes a failure out
/// of the window, it takes one off the count. **While the window is full of successes another success changes nothing**,
/// so it is one load and no write.
///
/// # Why it is right
///
/// - *On one thread* the window holds exactly the last N calls: place `n % N` belongs to call number `n`.
/// - *Under concurrency* reports that overlap in time count in some order. A bit is set after its failure was counted and
///   the count goes down after the bit was cleared, so **the count is never less than the bits that are set**: it is a hint
///   that misses nothing. When it says that there are too many failures, the bits are counted, and they decide. All is
///   `SeqCst`: of two reports that together are too many, the one whose bit was set last sees both bits, and the calls that
///   took their places before.
/// - *Across eras:* each word of the ring has the number of its era beside its bits and is changed by compare and exchange
///   only, and so is the count when it goes down. Only the step that takes a place cannot compare: a report that was delayed
///   between the look at the breaker's state and that step may use up a place of a later era, as a success would; a
///   failure takes itself off the count again, and a count without bits opens nothing. It is counted as late.
/// - The number of calls is set back by a multiple of N long before it could overflow into the era.
#[derive(Debug)]
pub(in super::super) struct Ring {
    /// The head, the failures since the ring was made, and the words: the low half of the number of the era above, 32 calls
    /// below. In one array, so that a report of a small ring has to fetch one line from the other threads and no more.
    lines: Box<[Line]>,
    /// A hint: the window seems to be full of successes. On a line that is hardly ever written, so that reports of a window
    /// with failures in it do not fetch `head` twice, to look at it and to change it.
    is_quiet: AtomicBool,
    len: u32,
    /// 2⁶⁴ / `len`, rounded up.
    reciprocal: u64,
    /// The number of the call that sets the number of calls back: a multiple of `len`.
    turn: u64,
    limit: Limit,
}

/// Two cache lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([AtomicU64; LINE]);

const LINE: usize = 16;
/// How many numbers stand before the words.
const BEFORE: usize = 2;

/// What a report did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Verdict {
    Counted,
    /// It came after its era.
    Late,
    /// Now there are too many.
    Exceeded {
        failures: u32,
        calls: u32,
    },
}

/// A value of `Ring::head`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Head(u64);

pub(in super::super) const CALL: u64 = 1;
const CALLS: u64 = (1 << 36) - 1;
const ERA_SHIFT: u32 = 36;
const ERA: u64 = (1 << 12) - 1;
pub(in super::super) const FAILURE: u64 = 1 << 48;

impl Head {
    fn new(era: u64, calls: u64) -> Self {
        Self(((era & ERA) << ERA_SHIFT) | calls)
    }

    fn calls(self) -> u64 {
        self.0 & CALLS
    }

    /// The number of the call that was the last when this was the head.
    fn call(self) -> u64 {
        self.calls() - 1
    }

    fn failures(self) -> u32 {
        (self.0 >> 48) as u32
    }

    fn is_of(self, era: u64) -> bool {
        ((self.0 >> ERA_SHIFT) ^ era) & ERA == 0
    }
}

impl Ring {
    /// For `len` calls, 1 to 10,000, in era 0.
    pub(in super::super) fn new(len: u32, limit: Limit) -> Self {
        debug_assert!((1..=10_000).contains(&len), "checked with the config");
        let lines = (BEFORE + len.div_ceil(32) as usize).div_ceil(LINE);
        Self {
            lines: (0..lines).map(|_| Line::default()).collect(),
            is_quiet: AtomicBool::new(false),
            len,
            reciprocal: (u64::MAX / u64::from(len)).saturating_add(1),
            turn: (CALLS >> 1) / u64::from(len) * u64::from(len),
            limit,
        }
    }

    pub(in super::super) fn len(&self) -> u32 {
        self.len
    }

    fn head(&self) -> &AtomicU64 {
        &self.lines[0].0[0]
    }

    fn failures(&self) -> &AtomicU64 {
        &self.lines[0].0[1]
    }

    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        self.lines.iter().flat_map(|line| &line.0).skip(BEFORE)
    }

    /// Forgets all, for a new era. Under the machine's lock, before anyone can have a permit of that era.
    pub(in super::super) fn start(&self, era: u64) {
        for word in self.words() {
            word.store(era << 32, SeqCst);
        }
        self.head().store(Head::new(era, 0).0, SeqCst);
    }

    #[inline]
    pub(in super::super) fn report(&self, era: u64, failed: bool) -> Verdict {
        if failed {
            return self.failed(era);
        }
        if self.is_quiet.load(Relaxed) {
            let head = Head(self.head().load(SeqCst));
            if self.is_full_of_successes(head) && head.is_of(era) {
                return Verdict::Counted;
            }
        }
        self.succeeded(era)
    }

    fn succeeded(&self, era: u64) -> Verdict {
        let Some(taken) = self.take(era, CALL) else { return Verdict::Late };
        self.settle_success(era, taken)
    }

    fn failed(&self, era: u64) -> Verdict {
        let Some(taken) = self.take(era, CALL + FAILURE) else { return Verdict::Late };
        self.failures().fetch_add(1, Relaxed);
        self.hint(false);
        self.settle_failure(era, taken)
    }

    /// Takes the next place: the head with this call in it. `None` if the era is over.
    pub(in super::super) fn take(&self, era: u64, more: u64) -> Option<Head> {
        let before = Head(self.head().fetch_add(more, SeqCst));
        if before.is_of(era) {
            let taken = Head(before.0 + more);
            self.turn_back(era, taken.call());
            return Some(taken);
        }
        if more >= FAILURE {
            self.uncount(before.0 >> ERA_SHIFT);
        }
        None
    }

    pub(in super::super) fn settle_success(&self, era: u64, taken: Head) -> Verdict {
        let (word, bit) = self.locate(self.place(taken.call()));
        if word.load(SeqCst) & bit != 0 && change(word, era, bit, 0) {
            self.uncount(era);
            // One failure less: it was no more before.
            return Verdict::Counted;
        }
        if self.is_full_of_successes(taken) {
            self.hint(true);
        }
        // The first look at the rate may be due to a success, when the window has enough calls.
        self.judge(taken)
    }

    pub(in super::super) fn settle_failure(&self, era: u64, taken: Head) -> Verdict {
        let (word, bit) = self.locate(self.place(taken.call()));
        if !change(word, era, 0, bit) {
            // A failure takes the place of one, or the era is over.
            self.uncount(era);
        }
        // Not by the head that was taken: a failure that comes to this after those that overtook it may be the last to
        // set its bit, so it is the one that must see all calls there are.
        let head = Head(self.head().load(SeqCst));
        if head.is_of(era) { self.judge(head) } else { Verdict::Counted }
    }

    fn is_full_of_successes(&self, head: Head) -> bool {
        head.failures() == 0 && head.calls() >= u64::from(self.len)
    }

    /// What it says is looked up before it is believed, so it may come late.
    fn hint(&self, is_quiet: bool) {
        if self.is_quiet.load(Relaxed) != is_quiet {
            self.is_quiet.store(is_quiet, Relaxed);
        }
    }

    /// The count is a hint, the bits decide.
    fn judge(&self, head: Head) -> Verdict {
        let calls = self.calls(head);
        if !self.limit.is_exceeded(head.failures(), calls) {
            return Verdict::Counted;
        }
        let failures = self.bits();
        if self.limit.is_exceeded(failures, calls) {
            return Verdict::Exceeded { failures, calls };
        }
        Verdict::Counted
    }

    /// Takes one off the count, unless the era is over: then the count is another one.
    fn uncount(&self, era: u64) {
        let less = |head: u64| Head(head).is_of(era).then(|| head - FAILURE);
        let _over = self.head().fetch_update(SeqCst, SeqCst, less);
    }

    /// Sets the number of calls back, if this was the call to do it. The window stays full, and places what they are.
    fn turn_back(&self, era: u64, call: u64) {
        if call == self.turn {
            let less = |head: u64| Head(head).is_of(era).then(|| head - (self.turn - u64::from(self.len)));
            let _over = self.head().fetch_update(SeqCst, SeqCst, less);
        }
    }

    /// `call % len`, by multiplication: exact for `call` below 2⁴⁸ and `len` below 2¹⁶, because the error of the
    /// reciprocal, less than `len` / 2⁶⁴, times `call` stays below one `len`-th. D. Lemire et al., *Faster remainder by
    /// direct computation*, 2019.
    pub(in super::super) fn place(&self, call: u64) -> u32 {
        if self.len == 1 {
            return 0;
        }
        let quotient = (u128::from(self.reciprocal) * u128::from(call)) >> 64;
        (call - quotient as u64 * u64::from(self.len)) as u32
    }

    fn locate(&self, place: u32) -> (&AtomicU64, u64) {
        let index = BEFORE + (place / 32) as usize;
        (&self.lines[index / LINE].0[index % LINE], 1 << (place % 32))
    }

    fn calls(&self, head: Head) -> u32 {
        head.calls().min(u64::from(self.len)) as u32
    }

    fn bits(&self) -> u32 {
        self.words().map(|word| (word.load(SeqCst) as u32).count_ones()).sum()
    }

    /// How many calls have failed since it was made.
    pub(in super::super) fn failures_total(&self) -> u64 {
        self.failures().load(Relaxed)
    }

    /// How many calls failed, of how many.
    pub(in super::super) fn count(&self) -> (u32, u32) {
        (self.bits(), self.calls(Head(self.head().load(SeqCst))))
    }
}

#[cfg(test)]
impl Ring {
    /// The hint.
    pub(in super::super) fn counted(&self) -> u32 {
        Head(self.head().load(SeqCst)).failures()
    }

    /// A multiple of the length, at least twice as much.
    pub(in super::super) fn set_back_at(mut self, turn: u64) -> Self {
        self.turn = turn;
        self
    }
}

/// Clears and sets bits of a word of the ring. False if that changes nothing, or the era is over.
fn change(word: &AtomicU64, era: u64, clear: u64, set: u64) -> bool {
    let changed = |old: u64| {
        let new = (old & !clear) | set;
        ((old >> 32) as u32 == era as u32 && new != old).then_some(new)
    };
    word.fetch_update(SeqCst, SeqCst, changed).is_ok()
}
