//! The C functions, as C calls them.

use std::{
    ffi::{c_int, c_long, c_void},
    io,
    mem::MaybeUninit,
    ptr::null_mut,
    time::Duration,
};

/// What a call returned, or the `errno` it left.
pub(crate) type Answer<T> = Result<T, i32>;

fn answer<T>(code: c_long, value: T) -> Answer<T> {
    if code == -1 { Err(io::Error::last_os_error().raw_os_error().unwrap()) } else { Ok(value) }
}

/// `getrandom`, and how many bytes it said it wrote.
pub(crate) fn getrandom(buffer: &mut [u8], flags: u32) -> Answer<usize> {
    // SAFETY: the buffer may be written for its length.
    let count = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    answer(count as c_long, count as usize)
}

pub(crate) fn getrandom_to_null(length: usize) -> Answer<usize> {
    // SAFETY: the kernel checks the address.
    let count = unsafe { libc::getrandom(null_mut(), length, 0) };
    answer(count as c_long, count as usize)
}

pub(crate) fn getentropy(buffer: &mut [u8]) -> Answer<()> {
    // SAFETY: the buffer may be written for its length.
    let code = unsafe { libc::getentropy(buffer.as_mut_ptr().cast(), buffer.len()) };
    answer(code.into(), ())
}

/// `getrandom` on ring's way.
pub(crate) fn syscall_getrandom(buffer: &mut [u8]) -> Answer<usize> {
    let (to, length): (*mut c_void, usize) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the buffer may be written for its length.
    let count = unsafe { libc::syscall(libc::SYS_getrandom, to, length, 0_u32) };
    answer(count, count as usize)
}

/// A page from the kernel, which looks at all six arguments, `offset` last: it must be a whole number of pages.
pub(crate) fn syscall_mmap(offset: usize) -> Answer<()> {
    let (protection, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let at = null_mut::<c_void>();
    // SAFETY: it asks for memory that nobody has yet.
    let page = unsafe { libc::syscall(libc::SYS_mmap, at, 4096_usize, protection, flags, -1, offset) };
    if page != -1 {
        // SAFETY: this is the page, and nobody was given it.
        assert_eq!(unsafe { libc::syscall(libc::SYS_munmap, page, 4096_usize) }, 0);
    }
    answer(page, ())
}

/// Seconds and nanoseconds of a clock.
pub(crate) fn clock_gettime(id: c_int) -> Answer<(i64, i64)> {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: there is room for a `timespec`.
    let code = unsafe { libc::clock_gettime(id, time.as_mut_ptr()) };
    // SAFETY: zeros, or what was written, are a `timespec`.
    let time = unsafe { time.assume_init() };
    answer(code.into(), (time.tv_sec, time.tv_nsec))
}

/// What comes of asking for an alarm clock without a place to write to. The usual clocks crash on it.
pub(crate) fn clock_gettime_to_null() -> Answer<()> {
    // SAFETY: the kernel answers for this clock, and checks the address.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_ALARM, null_mut()) };
    answer(code.into(), ())
}

/// A clock of the kernel's, past everything that stands between.
pub(crate) fn kernel_clock(id: c_int) -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: there is room for a `timespec`.
    let code = unsafe { libc::syscall(libc::SYS_clock_gettime, id, time.as_mut_ptr()) };
    assert_eq!(code, 0);
    // SAFETY: zeros, or what was written, are a `timespec`.
    let time = unsafe { time.assume_init() };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Seconds and microseconds of `gettimeofday`, and what became of a zone of `[7, 7]`.
pub(crate) fn gettimeofday() -> ((i64, i64), [c_int; 2]) {
    let mut time = MaybeUninit::<libc::timeval>::zeroed();
    let mut zone = [7, 7];
    // SAFETY: there is room for a `timeval`, and `struct timezone` is two ints.
    let code = unsafe { libc::gettimeofday(time.as_mut_ptr(), zone.as_mut_ptr().cast()) };
    assert_eq!(code, 0);
    // SAFETY: zeros, or what was written, are a `timeval`.
    let time = unsafe { time.assume_init() };
    ((time.tv_sec, time.tv_usec), zone)
}

pub(crate) fn gettimeofday_to_null() -> c_int {
    // SAFETY: it accepts null for both.
    unsafe { libc::gettimeofday(null_mut(), null_mut()) }
}

/// Where a library that looks `name` up finds it, and where this program does.
pub(crate) fn addresses(name: &std::ffi::CStr, ours: *const c_void) -> (*const c_void, *const c_void) {
    // SAFETY: the name ends with a zero, and `RTLD_DEFAULT` is a handle that is always open.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (found, ours)
}
