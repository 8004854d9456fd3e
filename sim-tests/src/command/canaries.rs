//! `sim canaries`: planted bugs must be found.

use super::{Exit, Usage, args::CanariesArgs};
use crate::scenario::Scenario;

pub(crate) fn canaries(suite: &[&dyn Scenario], args: CanariesArgs) -> Result<Exit, Usage> {
    let _ = (suite, args);
    Err(Usage("not yet".to_owned()))
}
