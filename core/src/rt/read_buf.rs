#![expect(
    unsafe_code,
    reason = "reading without zeroing first saves most of what the boxed seam costs an HTTP request"
)]

use std::{fmt, mem::MaybeUninit};

/// A buffer that is read into, which knows how much of it is filled and how much was ever initialised.
///
/// It counts both itself, so a wrong [`Connection`](super::Connection) cannot make safe code read uninitialised memory:
/// [`advance`](Self::advance) never goes past what is known to be initialised.
///
/// ```
/// use seaworthy_core::rt::ReadBuf;
///
/// let mut memory = [std::mem::MaybeUninit::uninit(); 8];
/// let mut buf = ReadBuf::uninit(&mut memory);
/// buf.put_slice(b"salt");
/// assert_eq!(buf.filled(), b"salt");
/// assert_eq!(buf.remaining(), 4);
/// ```
pub struct ReadBuf<'a> {
    // Invariant: filled ≤ initialized ≤ memory.len(), and memory[..initialized] is initialised.
    memory: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

impl<'a> ReadBuf<'a> {
    /// An empty buffer over memory that is initialised.
    pub fn new(memory: &'a mut [u8]) -> Self {
        let initialized = memory.len();
        let (start, len) = (memory.as_mut_ptr().cast::<MaybeUninit<u8>>(), memory.len());
        // SAFETY: same address, length and layout, borrowed for the same lifetime. Nothing uninitialised is ever
        // written through it: `unfilled_mut` is unsafe and demands just that.
        let memory = unsafe { std::slice::from_raw_parts_mut(start, len) };
        Self { memory, filled: 0, initialized }
    }

    /// An empty buffer over memory that may not be initialised.
    pub fn uninit(memory: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { memory, filled: 0, initialized: 0 }
    }

    /// What was read.
    pub fn filled(&self) -> &[u8] {
        let filled = &self.memory[..self.filled];
        // SAFETY: filled ≤ initialized, and all below `initialized` is initialised.
        unsafe { filled.assume_init_ref() }
    }

    /// How many bytes it can hold in all.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// How many bytes can still be added.
    pub fn remaining(&self) -> usize {
        self.memory.len() - self.filled
    }

    /// How many bytes from the start are known to be initialised.
    pub fn initialized(&self) -> usize {
        self.initialized
    }

    /// The free part as plain bytes; what never was initialised is zeroed first.
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.memory[self.initialized..].fill(MaybeUninit::new(0));
        self.initialized = self.memory.len();
        let unfilled = &mut self.memory[self.filled..];
        // SAFETY: the whole buffer is initialised as of two lines above.
        unsafe { unfilled.assume_init_mut() }
    }

    /// Counts `n` more bytes of the free part as filled.
    ///
    /// # Panics
    ///
    /// If these bytes are not known to be initialised: the caller claims to have read more than fits.
    pub fn advance(&mut self, n: usize) {
        let filled = self.filled.checked_add(n).filter(|filled| *filled <= self.initialized);
        self.filled = filled.expect("a reader claims more bytes than it was given room for");
    }

    /// Appends `bytes`.
    ///
    /// # Panics
    ///
    /// If they do not fit in [`remaining`](Self::remaining).
    pub fn put_slice(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.remaining(), "{} bytes do not fit in {}", bytes.len(), self.remaining());
        let end = self.filled + bytes.len();
        self.memory[self.filled..end].write_copy_of_slice(bytes);
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }

    /// The free part as it is.
    ///
    /// # Safety
    ///
    /// The caller writes initialised bytes only: some of this memory may be initialised already and must stay so.
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.memory[self.filled..]
    }

    /// Says that the first `n` bytes of the free part have been initialised. Follow it with [`advance`](Self::advance).
    ///
    /// # Safety
    ///
    /// They must have been.
    pub unsafe fn assume_init(&mut self, n: usize) {
        let end = self.filled.saturating_add(n).min(self.memory.len());
        self.initialized = self.initialized.max(end);
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, filled, initialized } = self;
        f.debug_struct("ReadBuf")
            .field("filled", filled)
            .field("initialized", initialized)
            .field("capacity", &memory.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initialised_bytes_are_zeroed_once() {
        let mut memory = [MaybeUninit::uninit(); 4];
        let mut buf = ReadBuf::uninit(&mut memory);
        assert_eq!(buf.initialize_unfilled(), [0; 4]);
        buf.initialize_unfilled()[0] = 7;
        assert_eq!(buf.initialize_unfilled(), [7, 0, 0, 0]);
        buf.advance(1);
        assert_eq!(buf.initialize_unfilled(), [0, 0, 0]);
        assert_eq!(buf.filled(), [7]);
    }

    #[test]
    #[should_panic(expected = "claims more bytes")]
    fn nobody_can_fill_what_is_not_initialised() {
        let mut memory = [MaybeUninit::uninit(); 4];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"ab");
        buf.advance(1);
    }

    #[test]
    #[should_panic(expected = "claims more bytes")]
    fn a_count_that_overflows_is_refused() {
        let mut memory = *b"abcd";
        let mut buf = ReadBuf::new(&mut memory);
        buf.advance(1);
        buf.advance(usize::MAX);
    }
}
