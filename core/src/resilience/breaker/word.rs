use super::State;

/// On cache lines of its own: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// The state and the generation, and whether calls pass without asking the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

const PASSES: u64 = 1;
const STATE_SHIFT: u32 = 1;
const STATES: u64 = 7;
const GENERATION_SHIFT: u32 = 4;

impl Word {
    pub(super) fn new(state: State, generation: u64, needs_machine: bool) -> Self {
        let (number, passes) = match state {
            State::Closed => (0, !needs_machine),
            State::Open => (1, false),
            State::HalfOpen => (2, false),
            State::ForcedOpen => (3, false),
            State::ForcedClosed => (4, true),
            State::Disabled => (5, true),
        };
        Self((generation << GENERATION_SHIFT) | (number << STATE_SHIFT) | u64::from(passes))
    }

    pub(super) fn state(self) -> State {
        match (self.0 >> STATE_SHIFT) & STATES {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::ForcedOpen,
            4 => State::ForcedClosed,
            _ => State::Disabled,
        }
    }

    pub(super) fn passes(self) -> bool {
        self.0 & PASSES != 0
    }

    pub(super) fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }
}
