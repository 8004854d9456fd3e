use super::state::Cause;

/// What became of the items, and why batches were handed over; the causes add up to `batches`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchStats {
    /// Batches handed over.
    pub batches: u64,
    /// Items in them.
    pub items: u64,
    /// Batches that had [`items_max`](super::Batch::items_max) items.
    pub by_items: u64,
    /// Batches that had [`bytes_max`](super::Batch::bytes_max) bytes, or no room for the next item.
    pub by_bytes: u64,
    /// Batches whose first item had waited for [`wait_max`](super::Batch::wait_max).
    pub by_time: u64,
    /// Batches that went because the source ended or failed.
    pub by_end: u64,
    /// Batches that were taken by `flush`.
    pub by_flush: u64,
}

impl BatchStats {
    pub(super) fn count(&mut self, cause: Cause, items: usize) {
        self.batches += 1;
        self.items += items as u64;
        *match cause {
            Cause::Items => &mut self.by_items,
            Cause::Bytes => &mut self.by_bytes,
            Cause::Time => &mut self.by_time,
            Cause::End => &mut self.by_end,
            Cause::Flush => &mut self.by_flush,
        } += 1;
    }
}
