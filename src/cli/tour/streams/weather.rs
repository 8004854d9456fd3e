use std::collections::BTreeMap;

use seaworthy::stream::{TryGenerate, try_generate};
use serde::Deserialize;

/// The file itself, so that the command has it anywhere.
pub(super) const SOURCE: &str = include_str!("../../../../examples/data/weather.csv");

pub(super) const CITIES: [&str; 2] = ["New York", "Seattle"];

/// A row of the file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Day {
    pub(super) location: String,
    pub(super) date: String,
    /// In millimetres.
    pub(super) precipitation: f64,
}

impl Day {
    /// In tenths of a millimetre, which add up without rounding.
    pub(super) fn precipitation_tenths(&self) -> u64 {
        (self.precipitation * 10.0).round() as u64
    }
}

/// The days of a city as they stand in the file.
pub(super) fn days(city: &'static str) -> TryGenerate<'static, Day, csv::Error> {
    try_generate(move |mut out| async move {
        for row in csv::Reader::from_reader(SOURCE.as_bytes()).deserialize() {
            let day: Day = row?;
            if day.location == city {
                out.send(day).await;
            }
        }
        Ok(())
    })
}

/// What comes of the days of a city: how many there are, and what fell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) days: u64,
    pub(super) precipitation_tenths: u64,
}

impl Sum {
    pub(super) fn add(&mut self, day: &Day) {
        self.days += 1;
        self.precipitation_tenths += day.precipitation_tenths();
    }
}

/// What must come out, by a second way: each line cut at its commas, and numbers read as digits.
#[derive(Debug)]
pub(super) struct Expected(BTreeMap<String, Sum>);

impl Expected {
    pub(super) fn of(source: &str) -> Self {
        let mut sums = BTreeMap::<String, Sum>::new();
        for line in source.lines().skip(1) {
            let mut fields = line.split(',');
            let (Some(city), Some(precipitation)) = (fields.next(), fields.nth(1)) else { continue };
            let sum = sums.entry(city.to_owned()).or_default();
            sum.days += 1;
            // `10.9` is 109 tenths.
            sum.precipitation_tenths += precipitation.replace('.', "").parse::<u64>().unwrap_or(0);
        }
        Self(sums)
    }

    pub(super) fn rows(&self) -> u64 {
        self.0.values().map(|sum| sum.days).sum()
    }

    pub(super) fn city(&self, name: &str) -> Sum {
        self.0.get(name).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_four_years_of_two_cities() {
        let expected = Expected::of(SOURCE);
        assert_eq!(expected.rows(), 2_922);
        // As `awk` adds them up.
        let [new_york, seattle] = CITIES.map(|city| expected.city(city));
        assert_eq!(new_york, Sum { days: 1_461, precipitation_tenths: 41_786 });
        assert_eq!(seattle, Sum { days: 1_461, precipitation_tenths: 44_260 });
    }
}
