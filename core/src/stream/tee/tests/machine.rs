//! The machine against a simple model: the number of items there ever were, and of each reader the next.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{
    Config, OnLag,
    state::{Line, Read},
};

#[derive(Clone, Debug)]
enum Step {
    Fork(usize),
    Leave(usize),
    Read { which: usize, items: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<usize>().prop_map(Step::Fork),
        1 => any::<usize>().prop_map(Step::Leave),
        8 => (any::<usize>(), 1..6_usize).prop_map(|(which, items)| Step::Read { which, items }),
    ]
}

struct Pair {
    line: Line<u64>,
    config: Config,
    /// How many items there were.
    end: u64,
    /// All before this one were dropped because there was no room.
    floor: u64,
    readers: BTreeMap<usize, u64>,
}

impl Pair {
    fn pick(&self, which: usize) -> Option<usize> {
        let readers: Vec<usize> = self.readers.keys().copied().collect();
        (!readers.is_empty()).then(|| readers[which % readers.len()])
    }

    /// The first item that somebody has yet to read, and that is still there.
    fn first(&self) -> u64 {
        self.readers.values().copied().min().unwrap_or(self.end).max(self.floor)
    }

    fn kept(&self) -> u64 {
        self.end - self.first()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Fork(which) => {
                let Some(reader) = self.pick(which) else { return };
                let fork = self.line.fork(reader);
                let next = self.readers[&reader];
                assert_eq!(self.readers.insert(fork, next), None);
            }
            Step::Leave(which) => {
                let Some(reader) = self.pick(which) else { return };
                let first = self.first();
                self.readers.remove(&reader);
                let gone = self.line.leave(reader);
                assert_eq!(gone, (first..self.first()).collect::<Vec<_>>(), "what it alone had not read");
            }
            Step::Read { which, items } => {
                let Some(reader) = self.pick(which) else { return };
                for _ in 0..items {
                    self.read(reader);
                }
            }
        }
        assert_eq!(self.line.len() as u64, self.kept());
        assert!(self.line.len() <= self.config.lag_max);
        assert_eq!((self.line.end(), self.line.readers()), (self.end, self.readers.len()));
        for (reader, next) in &self.readers {
            assert_eq!(self.line.lag(*reader), self.end - next);
        }
    }

    fn read(&mut self, reader: usize) {
        let next = self.readers[&reader];
        let is_full = self.config.on_lag == OnLag::Wait && self.kept() >= self.config.lag_max as u64;
        assert_eq!(self.line.is_full(), is_full);
        let expected = match next {
            next if next < self.floor => Read::Missed(self.floor - next),
            next if next < self.end => Read::Item(next),
            _ if is_full => Read::Full,
            _ => Read::Wanted,
        };
        let read = self.line.read(reader);
        assert_eq!(read, expected);
        match read {
            Read::Item(_) => *self.readers.get_mut(&reader).expect("picked") += 1,
            Read::Missed(_) => *self.readers.get_mut(&reader).expect("picked") = self.floor,
            Read::Full => {}
            Read::Wanted => self.push(reader),
        }
    }

    fn push(&mut self, reader: usize) {
        let is_alone = self.readers.len() == 1;
        let oldest = (!is_alone && self.kept() == self.config.lag_max as u64).then(|| self.first());
        assert!(oldest.is_none() || self.config.on_lag == OnLag::Skip, "nobody pushes when all wait");
        let gone = self.line.push(reader, self.end);
        assert_eq!(gone, if is_alone { Some(self.end) } else { oldest });
        if let Some(oldest) = oldest {
            self.floor = oldest + 1;
        }
        self.end += 1;
        *self.readers.get_mut(&reader).expect("picked") += 1;
    }
}

proptest! {
    #[test]
    fn every_reader_gets_every_item_or_is_told_what_it_missed(
        lag_max in 1..6_usize,
        skips in any::<bool>(),
        steps in prop::collection::vec(any_step(), 0..200),
    ) {
        let on_lag = if skips { OnLag::Skip } else { OnLag::Wait };
        let config = Config { lag_max, on_lag };
        let mut line = Line::new(config.clone());
        let readers = BTreeMap::from([(line.join(), 0)]);
        let mut pair = Pair { line, config, end: 0, floor: 0, readers };
        for step in steps {
            pair.step(step);
        }
    }
}
