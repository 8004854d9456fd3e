/// Keeps this thread, and those it starts, on the core it is on.
#[cfg(target_os = "linux")]
pub(super) fn pin_to_this_core() {
    use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

    let mut cores = CpuSet::new();
    cores.set(sched_getcpu());
    // Where the system forbids it, the spread is wider and nothing else changes.
    let _refused = sched_setaffinity(None, &cores);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn pin_to_this_core() {}
