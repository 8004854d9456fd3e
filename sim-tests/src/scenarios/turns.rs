//! Whether those who are looked at get their turns in time: where not, what they see of an order or a limit says nothing.

use std::time::Duration;

use crate::{fault::FaultKind, scenario::Host};

/// By when what a fault made late is done.
const BEHIND: Duration = Duration::from_secs(2);

/// Whether nothing has kept this host from running in time since `began`.
pub(super) fn are_on_time(host: &Host, began: Duration) -> bool {
    let late = |kind| matches!(kind, FaultKind::Pause | FaultKind::SlowTasks | FaultKind::LateTimers);
    let mut faults = host.sim().schedule().faults.iter();
    !faults.any(|fault| {
        late(fault.kind)
            && fault.on == host.name()
            && fault.at() <= host.now()
            && fault.end() + BEHIND >= began
    })
}

/// Whether no fault of these kinds happens to this host in the whole run.
pub(super) fn are_spared(host: &Host, kinds: &[FaultKind]) -> bool {
    let mut faults = host.sim().schedule().faults.iter();
    !faults.any(|fault| kinds.contains(&fault.kind) && fault.on == host.name())
}
