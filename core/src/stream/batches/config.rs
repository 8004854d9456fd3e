use std::time::Duration;

use crate::ConfigError;

/// When a batch is handed over: at the first of these bounds it reaches. Checked once, when the adapter is made.
///
/// Nothing is allocated ahead, however large the bounds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use seaworthy_core::stream::Batch;
///
/// let batch = Batch { items_max: 500, wait_max: Duration::from_secs(2), ..Batch::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Batch {
    /// How many items it holds at most; at least 1. Default: 100.
    pub items_max: usize,
    /// How many bytes it holds at most, as counted by the function given to
    /// [`batches_sized`](crate::stream::RtStreamExt::batches_sized); at least 1. An item larger than that goes alone. Default:
    /// no bound.
    pub bytes_max: Option<usize>,
    /// How long its first item may wait for company; above zero. Default: 500 ms.
    #[cfg_attr(feature = "serde", serde(with = "crate::time::text"))]
    pub wait_max: Duration,
}

impl Default for Batch {
    fn default() -> Self {
        Self { items_max: 100, bytes_max: None, wait_max: Duration::from_millis(500) }
    }
}

impl Batch {
    pub(super) fn check(&self, sized: bool) -> Result<(), ConfigError> {
        if self.items_max == 0 {
            return Err(ConfigError::new("stream::Batch::items_max", 0, "at least 1"));
        }
        match self.bytes_max {
            Some(0) => return Err(ConfigError::new("stream::Batch::bytes_max", 0, "at least 1, or none")),
            Some(bytes_max) if !sized => {
                let allowed = "none here; `batches_sized` and `try_batches_sized` know how large an item is";
                return Err(ConfigError::new("stream::Batch::bytes_max", bytes_max, allowed));
            }
            _ => {}
        }
        if self.wait_max.is_zero() {
            let allowed = "above zero; to take what is ready and never wait, use `ready_chunks` of `futures`";
            return Err(ConfigError::new("stream::Batch::wait_max", "0s", allowed));
        }
        Ok(())
    }
}
