/// How many bytes an item has, for [`Batch::bytes_max`](super::Batch::bytes_max): any `FnMut(&T) -> usize`, or
/// [`Uncounted`].
pub trait Size<T> {
    /// Whether bytes are counted at all.
    const COUNTED: bool;

    /// The bytes of `item`.
    fn bytes(&mut self, item: &T) -> usize;
}

impl<T, F: FnMut(&T) -> usize> Size<T> for F {
    const COUNTED: bool = true;

    fn bytes(&mut self, item: &T) -> usize {
        self(item)
    }
}

/// No bytes are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uncounted;

impl<T> Size<T> for Uncounted {
    const COUNTED: bool = false;

    fn bytes(&mut self, _item: &T) -> usize {
        0
    }
}
