//! The C functions that stand before libc's.
//!
//! The linker takes the executable's own definition of a name before a library's. So the calls of the whole program come
//! here, from each of its threads, and go on to libc unless the thread is armed.
#![expect(
    unsafe_code,
    reason = "interposing libc is done in C's terms; nothing else of the simulator is unsafe"
)]

use std::{
    ffi::{CStr, c_int, c_long, c_uint, c_void},
    hint, mem,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

use libc::{clockid_t, size_t, ssize_t, timespec, timeval};

use super::{Clock, Time, now, world};

/// `getentropy` gives no more at a time.
const ENTROPY_BYTES_MAX: usize = 256;

/// C's `struct timezone`, which the crate `libc` does not spell out: minutes west of Greenwich, kind of summer time.
type Timezone = [c_int; 2];

/// Names the functions, lest the linker leave this object out as one that nothing asks for.
pub(super) fn keep() {
    hint::black_box([
        getrandom as *const (),
        getentropy as *const (),
        syscall as *const (),
        clock_gettime as *const (),
        gettimeofday as *const (),
    ]);
}

/// Calls libc's function of this name and type; if it has none, fails as a kernel without the call does.
macro_rules! libc_call {
    ($name:literal as $signature:ty, $($argument:expr),+) => {{
        static ADDRESS: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
        let address = look_up(&ADDRESS, $name);
        // SAFETY: an `Option` of a function pointer is a pointer that may be null. This one is null or libc's function of
        // that name, and the type given with it is the one in libc's header.
        let function = unsafe { mem::transmute::<*mut c_void, Option<$signature>>(address) };
        match function {
            // SAFETY: the arguments are those of our caller, who keeps libc's contract for them.
            Some(function) => unsafe { function($($argument),+) },
            None => {
                fail(libc::ENOSYS);
                -1
            }
        }
    }};
}

/// Where the next library after the executable, which is libc, has its `name`. It allocates nothing unless it fails.
fn look_up(address: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let known = address.load(Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: the name ends with a zero, and `RTLD_NEXT` is a handle that is always open.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    address.store(found, Relaxed);
    found
}

fn fail(error: c_int) {
    // SAFETY: it takes nothing, and returns the address of this thread's `errno`.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: that address is good for as long as the thread lives, and for no other thread.
    unsafe { *errno = error };
}

/// Fills from the seed; false where libc is to answer.
///
/// # Safety
/// `to` is null, or may be written for `length` bytes.
unsafe fn fill(to: *mut c_void, length: usize) -> bool {
    if to.is_null() {
        return false;
    }
    let Some(world) = world() else { return false };
    for at in (0..length).step_by(8) {
        let drawn = world.draw();
        let some = &drawn[..drawn.len().min(length - at)];
        // SAFETY: `at` is less than `length`, so this is within what may be written.
        let place = unsafe { to.cast::<u8>().add(at) };
        // SAFETY: `some` is at most `length - at` long, and lies on our stack, so the two do not overlap.
        unsafe { place.copy_from_nonoverlapping(some.as_ptr(), some.len()) };
    }
    true
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(to: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    let known = flags & !(libc::GRND_NONBLOCK | libc::GRND_RANDOM | libc::GRND_INSECURE) == 0
        && flags & (libc::GRND_RANDOM | libc::GRND_INSECURE) != libc::GRND_RANDOM | libc::GRND_INSECURE;
    // SAFETY: our caller lets `to` be written for `length` bytes, or gives null.
    if known && unsafe { fill(to, length) } {
        return length.cast_signed();
    }
    libc_call!(
        c"getrandom" as unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t,
        to,
        length,
        flags
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(to: *mut c_void, length: size_t) -> c_int {
    // SAFETY: our caller lets `to` be written for `length` bytes, or gives null.
    if length <= ENTROPY_BYTES_MAX && unsafe { fill(to, length) } {
        return 0;
    }
    libc_call!(c"getentropy" as unsafe extern "C" fn(*mut c_void, size_t) -> c_int, to, length)
}

/// C declares it variadic. On both architectures such arguments travel where those of a plain function do: in registers, and
/// on x86_64 the last one on the stack. Which of the six a call has is for the kernel to know. Like libc's, this one hands
/// all of them on; where there is none, it reads what the register held, or a word of the caller's frame.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: *mut c_void,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    if number == libc::SYS_getrandom {
        // The kernel takes an unsigned int for the flags, and no notice of what else is in the register.
        let flags = c as c_uint;
        // SAFETY: these are the arguments of the system call, under the same contract.
        return unsafe { getrandom(a, b, flags) } as c_long;
    }
    libc_call!(c"syscall" as unsafe extern "C" fn(c_long, ...) -> c_long, number, a, b, c, d, e, f)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(id: clockid_t, to: *mut timespec) -> c_int {
    let clock = match id {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_REALTIME_ALARM | libc::CLOCK_TAI => {
            Some(Clock::Wall)
        }
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_BOOTTIME
        | libc::CLOCK_BOOTTIME_ALARM => Some(Clock::Steady),
        _ => None,
    };
    if !to.is_null()
        && let Some(Time { seconds, nanos }) = clock.and_then(now)
    {
        // SAFETY: it is not null, so our caller lets a `timespec` be written there.
        unsafe { to.write(timespec { tv_sec: seconds, tv_nsec: nanos.into() }) };
        return 0;
    }
    libc_call!(c"clock_gettime" as unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int, id, to)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(to: *mut timeval, zone: *mut Timezone) -> c_int {
    if !to.is_null()
        && let Some(Time { seconds, nanos }) = now(Clock::Wall)
    {
        // SAFETY: it is not null, so our caller lets a `timeval` be written there.
        unsafe { to.write(timeval { tv_sec: seconds, tv_usec: (nanos / 1000).into() }) };
        if !zone.is_null() {
            // SAFETY: it is not null, so our caller lets a `timezone` be written there. Zero is what glibc puts there.
            unsafe { zone.write([0, 0]) };
        }
        return 0;
    }
    libc_call!(c"gettimeofday" as unsafe extern "C" fn(*mut timeval, *mut Timezone) -> c_int, to, zone)
}
