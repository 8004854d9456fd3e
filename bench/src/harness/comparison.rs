use std::iter;

use super::{
    Clock, Meter, Settings, Table, pin,
    table::{Role, Row, Target, quartiles},
};

/// One table in the making: the same work, done by several.
pub(crate) struct Comparison<'a> {
    title: String,
    unit: &'static str,
    ops: usize,
    clock: Clock,
    pinned: bool,
    counted: bool,
    target: Option<Target>,
    entrants: Vec<Entrant<'a>>,
    notes: Vec<String>,
}

struct Entrant<'a> {
    name: String,
    role: Role,
    run: Box<dyn FnMut(&mut Meter) + 'a>,
}

impl<'a> Comparison<'a> {
    /// `ops` is by how much the figure of a round is divided; less is better, always.
    pub(crate) fn new(title: impl Into<String>, unit: &'static str, ops: usize) -> Self {
        Self {
            title: title.into(),
            unit,
            ops,
            clock: Clock::Wall,
            pinned: false,
            counted: false,
            target: None,
            entrants: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Pins the calling thread, and with it the threads it starts from now on, to one core, and counts processor time.
    pub(crate) fn pinned(mut self) -> Self {
        pin::pin_to_this_core();
        self.pinned = true;
        self.clock = Clock::Cpu;
        self
    }

    /// The ratio to the best peer that ours is meant not to exceed.
    pub(crate) fn target(mut self, ratio: f64) -> Self {
        self.target = Some(Target::Ratio(ratio));
        self
    }

    /// The figure that ours is meant not to exceed.
    pub(crate) fn limit(mut self, figure: f64) -> Self {
        self.target = Some(Target::Figure(figure));
        self
    }

    /// Says that what is taken is no time.
    pub(crate) fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn ours(self, name: impl Into<String>, run: impl FnMut(&mut Meter) + 'a) -> Self {
        self.entrant(name, Role::Ours, run)
    }

    /// One that does the same work.
    pub(crate) fn peer(self, name: impl Into<String>, run: impl FnMut(&mut Meter) + 'a) -> Self {
        self.entrant(name, Role::Peer, run)
    }

    /// One that does less, shown to compare with and never the best peer.
    pub(crate) fn reference(self, name: impl Into<String>, run: impl FnMut(&mut Meter) + 'a) -> Self {
        self.entrant(name, Role::Reference, run)
    }

    fn entrant(mut self, name: impl Into<String>, role: Role, run: impl FnMut(&mut Meter) + 'a) -> Self {
        self.entrants.push(Entrant { name: name.into(), role, run: Box::new(run) });
        self
    }

    /// Runs a round to warm up and then all rounds.
    pub(crate) fn run(mut self, settings: Settings) -> Table {
        eprintln!("  {}", self.title);
        if !settings.quick {
            self.round(false);
        }
        let rounds: Vec<Vec<f64>> = (0..settings.rounds).map(|number| self.round(number % 2 == 1)).collect();
        let figures = |entrant: usize| rounds.iter().map(move |round| round[entrant]).collect::<Vec<_>>();
        let best_peer = (0..self.entrants.len())
            .filter(|entrant| self.entrants[*entrant].role == Role::Peer)
            .min_by(|a, b| quartiles(figures(*a)).median.total_cmp(&quartiles(figures(*b)).median));
        let row = |(number, entrant): (usize, &Entrant<'_>)| Row {
            name: entrant.name.clone(),
            role: entrant.role,
            is_best_peer: best_peer == Some(number),
            figure: quartiles(figures(number)),
            ratio: best_peer.map(|peer| {
                quartiles(iter::zip(figures(number), figures(peer)).map(|(one, peer)| one / peer).collect())
            }),
        };
        Table {
            rows: self.entrants.iter().enumerate().map(row).collect(),
            conditions: self.conditions().to_owned(),
            title: self.title,
            unit: self.unit.to_owned(),
            rounds: settings.rounds,
            target: self.target,
            notes: self.notes,
        }
    }

    fn conditions(&self) -> &'static str {
        match (self.counted, self.pinned) {
            (true, _) => "counted, not timed",
            (false, true) => "processor time, pinned to one core",
            (false, false) => "wall time",
        }
    }

    /// The figure of each entrant, by its number.
    fn round(&mut self, backwards: bool) -> Vec<f64> {
        let mut figures = vec![0.0; self.entrants.len()];
        let mut order: Vec<usize> = (0..self.entrants.len()).collect();
        if backwards {
            order.reverse();
        }
        for number in order {
            let mut meter = Meter::new(self.clock);
            (self.entrants[number].run)(&mut meter);
            figures[number] = meter.total() / self.ops as f64;
        }
        figures
    }
}
