//! The allocator of the benches: the system's, counted where a bench asks.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// What a piece of work allocated, on whatever thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocations {
    /// Calls of `alloc`, `alloc_zeroed` and `realloc`.
    pub(crate) calls: u64,
    /// Requested bytes that it allocated and did not free.
    pub(crate) live_bytes: i64,
}

impl Allocations {
    /// Counts while `work` runs. One at a time in a process.
    pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, Self) {
        CALLS.store(0, Relaxed);
        LIVE_BYTES.store(0, Relaxed);
        COUNTS.store(true, Relaxed);
        let value = work();
        COUNTS.store(false, Relaxed);
        (value, Self { calls: CALLS.load(Relaxed), live_bytes: LIVE_BYTES.load(Relaxed) })
    }
}

/// Timed benches pay one load of a flag for it, all entrants alike.
struct Counting;

fn count(calls: u64, bytes: i64) {
    if COUNTS.load(Relaxed) {
        CALLS.fetch_add(calls, Relaxed);
        LIVE_BYTES.fetch_add(bytes, Relaxed);
    }
}

fn bytes(size: usize) -> i64 {
    // No allocation is larger than `isize::MAX`.
    size as i64
}

#[expect(unsafe_code, reason = "an allocator is an unsafe trait; this one passes every call on as it came")]
// SAFETY: every method calls the one of the same name of `System` with the same arguments and returns what that
// returned, so `System`'s guarantees are ours and the caller's promises to us are our promises to it. `count` neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, bytes(layout.size()));
        // SAFETY: the caller promises that the layout is not of size zero.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, bytes(layout.size()));
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, bytes(new_size) - bytes(layout.size()));
        // SAFETY: the caller promises that `memory` came from this allocator, which is `System`, with this layout, and
        // that the new size is neither zero nor too large.
        unsafe { System.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, -bytes(layout.size()));
        // SAFETY: the caller promises that `memory` came from this allocator, which is `System`, with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}
