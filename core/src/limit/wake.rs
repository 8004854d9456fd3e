pub(super) use crate::wait::wake_all;
