use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Enter {
        priority: i32,
        patience: u64,
    },
    /// A caller in line is polled.
    Poll(usize),
    /// A caller in line is dropped.
    Leave(usize),
    GiveBack {
        which: usize,
        broken: bool,
    },
    Detach(usize),
    Connected(usize),
    ConnectFailed {
        which: usize,
        is_fatal: bool,
    },
    ConnectDropped(usize),
    CheckEnds {
        which: usize,
        passed: bool,
    },
    /// A connection comes back and has to be reset.
    GiveBackDirty(usize),
    /// A look at an idle connection begins.
    SetAside(usize),
    /// A reset, a keepalive or a look at an idle connection ends.
    AsideEnds {
        which: usize,
        passed: bool,
    },
    Gone(usize),
    TryTake,
    Wait(u64),
    Resize(usize),
    ExpireAll,
    Warm(usize),
    Close,
}

fn any_step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    prop_oneof![
        12 => (-2..3_i32, prop_oneof![0..40_u64, Just(100_000)])
            .prop_map(|(priority, patience)| Step::Enter { priority, patience }),
        8 => which().prop_map(Step::Poll),
        3 => which().prop_map(Step::Leave),
        10 => (which(), prop::bool::weighted(0.1))
            .prop_map(|(which, broken)| Step::GiveBack { which, broken }),
        1 => which().prop_map(Step::Detach),
        10 => which().prop_map(Step::Connected),
        2 => (which(), prop::bool::weighted(0.3))
            .prop_map(|(which, is_fatal)| Step::ConnectFailed { which, is_fatal }),
        1 => which().prop_map(Step::ConnectDropped),
        4 => (which(), prop::bool::weighted(0.6)).prop_map(|(which, passed)| Step::CheckEnds { which, passed }),
        2 => which().prop_map(Step::GiveBackDirty),
        1 => which().prop_map(Step::SetAside),
        4 => (which(), prop::bool::weighted(0.6)).prop_map(|(which, passed)| Step::AsideEnds { which, passed }),
        6 => which().prop_map(Step::Gone),
        2 => Just(Step::TryTake),
        8 => (0..30_u64).prop_map(Step::Wait),
        1 => (0..6_usize).prop_map(Step::Resize),
        1 => Just(Step::ExpireAll),
        1 => (0..5_usize).prop_map(Step::Warm),
    ]
}

pub(super) fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let steps = prop::collection::vec(any_step(), 0..250);
    (steps, prop::bool::weighted(0.3)).prop_map(|(mut steps, closes)| {
        if closes {
            let at = steps.len() * 3 / 4;
            steps.insert(at, Step::Close);
        }
        steps
    })
}
