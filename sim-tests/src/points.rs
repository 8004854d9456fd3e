/// A law: what must hold wherever a run comes by.
///
/// `always!(sim, condition, "law", "how {it} was broken")`, where `sim` is a [`Sim`](crate::Sim) or a
/// [`Host`](crate::scenario::Host). A broken law ends the run, which fails with the law, the text, the time and the host.
#[macro_export]
macro_rules! always {
    ($sim:expr, $holds:expr, $law:expr, $($text:tt)+) => {
        let holds: bool = $holds;
        if !holds {
            $sim.violated($law, format_args!($($text)+));
        }
    };
}

/// A point that some run of a sweep must reach, or the sweep proves less than it seems to.
///
/// `sometimes!(sim, condition, "point")`. The point must be among the scenario's
/// [`points`](crate::scenario::Scenario::points).
#[macro_export]
macro_rules! sometimes {
    ($sim:expr, $reached:expr, $point:expr) => {
        if $reached {
            $sim.reached($point);
        }
    };
}
