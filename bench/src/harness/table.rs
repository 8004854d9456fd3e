use std::fmt;

use serde::{Deserialize, Serialize};
use tabled::{
    builder::Builder,
    settings::{Alignment, Style, object::Columns},
};

/// The outcome of one comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(super) title: String,
    /// Per what; less is better.
    pub(super) unit: String,
    /// What was measured and how.
    pub(super) conditions: String,
    pub(super) rounds: usize,
    pub(super) target: Option<Target>,
    pub(super) rows: Vec<Row>,
    pub(super) notes: Vec<String>,
}

/// What ours is meant not to exceed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// To the best peer.
    Ratio(f64),
    Figure(f64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) is_best_peer: bool,
    pub(super) figure: Quartiles,
    /// To the best peer, within each round.
    pub(super) ratio: Option<Quartiles>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Ours,
    Peer,
    Reference,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Quartiles {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

pub(super) fn quartiles(mut figures: Vec<f64>) -> Quartiles {
    figures.sort_by(f64::total_cmp);
    let at = |quarter: usize| figures[(figures.len() - 1) * quarter / 4];
    Quartiles { low: at(1), median: at(2), high: at(3) }
}

/// Markdown, on the terminal as in the file.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        let mut table = Builder::new();
        table.push_record(["", &self.unit, "quartiles", "× best peer", "quartiles"]);
        for row in &self.rows {
            let ratio = row.ratio.map(|ratio| {
                (format!("{:.2}", ratio.median), format!("{:.2} to {:.2}", ratio.low, ratio.high))
            });
            let (ratio, ratio_spread) = ratio.unwrap_or_default();
            let spread = format!("{} to {}", figure(row.figure.low), figure(row.figure.high));
            table.push_record([row.label(), figure(row.figure.median), spread, ratio, ratio_spread]);
        }
        let mut table = table.build();
        table.with(Style::markdown()).modify(Columns::new(1..), Alignment::right());
        writeln!(f, "{table}\n")?;
        writeln!(f, "Less is better; {}; median of {} rounds.", self.conditions, self.rounds)?;
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        self.verdicts().try_for_each(|verdict| writeln!(f, "\n{verdict}"))
    }
}

impl Table {
    /// What it says of ours.
    fn verdicts(&self) -> impl Iterator<Item = String> {
        let best = self.rows.iter().find(|row| row.is_best_peer);
        let ours = self.rows.iter().filter(|row| row.role == Role::Ours);
        ours.filter_map(move |row| {
            let (ratio, best) = (row.ratio?.median, best?);
            let against = match (ratio * 100.0).round() as i64 {
                ..100 => "beats",
                100 => "equals",
                _ => "loses to",
            };
            let verdict = format!("**{}** {against} {}: {ratio:.2} ×", row.name, best.name);
            let met = |is_met| if is_met { "met" } else { "missed" };
            Some(match self.target {
                None => format!("{verdict}."),
                Some(Target::Ratio(most)) => {
                    format!("{verdict}; the target of {most:.2} × is {}.", met(ratio <= most))
                }
                Some(Target::Figure(most)) => {
                    let is_met = row.figure.median <= most;
                    format!("{verdict}; the target of {} {} is {}.", figure(most), self.unit, met(is_met))
                }
            })
        })
    }
}

impl Row {
    fn label(&self) -> String {
        match self.role {
            Role::Ours => format!("**{}**", self.name),
            Role::Peer => self.name.clone(),
            Role::Reference => format!("({})", self.name),
        }
    }
}

/// Three digits that count.
fn figure(figure: f64) -> String {
    match figure {
        ..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_stand_where_a_quarter_a_half_and_three_quarters_are_passed() {
        let of = quartiles(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((of.low, of.median, of.high), (2.0, 3.0, 4.0));
        let one = quartiles(vec![7.0]);
        assert_eq!((one.low, one.median, one.high), (7.0, 7.0, 7.0));
    }

    #[test]
    fn a_table_says_who_loses_and_whether_the_target_is_met() {
        let row = |name: &str, role, median: f64| {
            let figure = Quartiles { low: median, median, high: median };
            Row { name: name.to_owned(), role, is_best_peer: role == Role::Peer, figure, ratio: Some(figure) }
        };
        let table = Table {
            title: String::new(),
            unit: String::new(),
            conditions: String::new(),
            rounds: 1,
            target: Some(Target::Ratio(1.1)),
            rows: vec![
                row("quick", Role::Ours, 0.5),
                row("near", Role::Ours, 1.05),
                row("slow", Role::Ours, 2.0),
                row("peer", Role::Peer, 1.0),
            ],
            notes: Vec::new(),
        };
        let verdicts: Vec<_> = table.verdicts().collect();
        assert_eq!(verdicts[0], "**quick** beats peer: 0.50 ×; the target of 1.10 × is met.");
        assert_eq!(verdicts[1], "**near** loses to peer: 1.05 ×; the target of 1.10 × is met.");
        assert_eq!(verdicts[2], "**slow** loses to peer: 2.00 ×; the target of 1.10 × is missed.");
    }
}
