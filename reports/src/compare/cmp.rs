//! Stored launches of two runs that were not paired: what may be said, and what may not.
//!
//! Launches of different runs met different hours of the machine. That the two sets differ can be tested, by
//! ranks and exactly; why they differ cannot: the build, the hour and the host are all in the same
//! difference. So there is no verdict here, and no state that a gate would take: a paired run has to follow.
//! Exact counts are another matter: they do not depend on the hour.

use crate::stats::mann_whitney::{rank_sum, shift, smallest_p};
use crate::stats::sign_test::{Estimate, estimate};
use crate::stats::{benjamini_hochberg, sorted};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the two runs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// One machine, by its fingerprint.
    SameMachine,
    /// Two: times are not compared at all.
    OtherMachine,
}

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Depends on the hour: times, rates, tails.
    Noisy,
    /// The same in every launch: step counters of a seeded replay.
    Exact,
}

/// One cell of both runs: a number per launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Unpaired {
    /// The cell's id.
    pub cell: String,
    /// What the numbers are.
    pub measure: Measure,
    /// The older run's launches.
    pub old: Vec<f64>,
    /// The newer run's.
    pub new: Vec<f64>,
}

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statement {
    /// Exact counts, and the same.
    CountsEqual,
    /// Exact counts, and not the same: this needs no pairing.
    CountsDiffer,
    /// The sets differ by more than chance; the cause is open.
    Apart,
    /// The launches show no difference; that is not equality.
    NotApart,
    /// Even complete separation would not be significant.
    TooFew,
    /// Not compared: other machines.
    OtherMachine,
    /// One side has no number.
    Missing,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CountsEqual => "counts equal",
            Self::CountsDiffer => "counts differ",
            Self::Apart => "apart (build, hour or host: run `ab`)",
            Self::NotApart => "no difference seen",
            Self::TooFew => "too few launches",
            Self::OtherMachine => "other machine: not compared",
            Self::Missing => "no number",
        })
    }
}

/// One side's launches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launches {
    /// How many.
    pub n: usize,
    /// Their median; nothing of none.
    pub median: Option<f64>,
    /// The exact interval of the median at 95 % or more; nothing below six launches.
    pub interval: Option<(f64, f64)>,
}

/// One cell of both runs, side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The cell's id.
    pub cell: String,
    /// The older run.
    pub old: Launches,
    /// The newer run.
    pub new: Launches,
    /// Median over median, new / old; nothing where a side has none, or is not above zero.
    pub ratio: Option<f64>,
    /// The interval of the ratio by ranks, if a factor is all that changed; at the level of the sweep.
    pub ratio_interval: Option<(f64, f64)>,
    /// The rank test's probability, where it was made.
    pub p: Option<f64>,
    /// The same after correction for all cells.
    pub adjusted: Option<f64>,
    /// What may be said.
    pub statement: Statement,
}

/// All cells, corrected together after Benjamini and Hochberg at the rate `q`.
#[must_use]
pub fn differences(cells: &[Unpaired], origin: Origin, q: f64) -> Vec<Difference> {
    let settled: Vec<Option<Statement>> = cells.iter().map(|cell| settled(cell, origin, q)).collect();
    let open = || cells.iter().zip(&settled).filter(|(_, settled)| settled.is_none());
    let p: Vec<f64> = open().map(|(cell, _)| probability(cell)).collect();
    let level = benjamini_hochberg::level(&p, q);
    let mut tested = p.iter().copied().zip(benjamini_hochberg::adjusted(&p));
    let one = |(cell, settled): (&Unpaired, &Option<Statement>)| match settled {
        Some(statement) => difference(cell, *statement),
        None => with_test(cell, tested.next(), level),
    };
    cells.iter().zip(&settled).map(one).collect()
}

/// What needs no rank test.
fn settled(cell: &Unpaired, origin: Origin, q: f64) -> Option<Statement> {
    let (old, new) = (sorted(&cell.old), sorted(&cell.new));
    if old.is_empty() || new.is_empty() {
        return Some(Statement::Missing);
    }
    let one_value = |side: &[f64]| side.first() == side.last();
    if cell.measure == Measure::Exact && one_value(&old) && one_value(&new) {
        let equal = old.first() == new.first();
        return Some(if equal { Statement::CountsEqual } else { Statement::CountsDiffer });
    }
    if origin == Origin::OtherMachine {
        return Some(Statement::OtherMachine);
    }
    (smallest_p(old.len(), new.len()) > q).then_some(Statement::TooFew)
}

fn probability(cell: &Unpaired) -> f64 {
    rank_sum(&cell.old, &cell.new).map_or(1.0, |test| test.p)
}

fn with_test(cell: &Unpaired, tested: Option<(f64, f64)>, level: f64) -> Difference {
    let (p, adjusted) = tested.unwrap_or((1.0, 1.0));
    let statement = if p <= level { Statement::Apart } else { Statement::NotApart };
    let interval = ratio_interval(cell, level);
    Difference {
        ratio_interval: interval,
        p: Some(p),
        adjusted: Some(adjusted),
        ..difference(cell, statement)
    }
}

fn difference(cell: &Unpaired, statement: Statement) -> Difference {
    let (old, new) = (launches(&cell.old), launches(&cell.new));
    let ratio = new.median.zip(old.median).map(|(new, old)| new / old);
    // Times of two machines have no ratio that means anything.
    let meant = statement != Statement::OtherMachine;
    Difference {
        cell: cell.cell.clone(),
        old,
        new,
        ratio: ratio.filter(|ratio| meant && ratio.is_finite() && *ratio > 0.0),
        ratio_interval: None,
        p: None,
        adjusted: None,
        statement,
    }
}

fn launches(values: &[f64]) -> Launches {
    let found = estimate(values, crate::stats::sign_test::ALPHA);
    let interval = found.and_then(|Estimate { interval, .. }| interval).map(|(low, high, _)| (low, high));
    Launches { n: sorted(values).len(), median: found.map(|found| found.median), interval }
}

fn ratio_interval(cell: &Unpaired, level: f64) -> Option<(f64, f64)> {
    let logs = |values: &[f64]| {
        let logs: Vec<f64> = sorted(values).iter().map(|x| x.ln()).collect();
        logs.iter().all(|x| x.is_finite()).then_some(logs)
    };
    let (low, high, _) = shift(&logs(&cell.old)?, &logs(&cell.new)?, level)?.interval?;
    Some((low.exp(), high.exp()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn cell(measure: Measure, old: &[f64], new: &[f64]) -> Unpaired {
        Unpaired { cell: "c".to_owned(), measure, old: old.to_vec(), new: new.to_vec() }
    }

    fn one(cell: Unpaired, origin: Origin) -> Difference {
        differences(&[cell], origin, 0.05).pop().unwrap()
    }

    const OLD: [f64; 6] = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0];
    const NEW: [f64; 6] = [110.5, 111.5, 112.5, 113.5, 114.5, 115.5];

    #[test]
    fn sets_that_are_apart() {
        let apart = one(cell(Measure::Noisy, &OLD, &NEW), Origin::SameMachine);
        assert_eq!(apart.statement, Statement::Apart);
        // Complete separation of six and six: 2 / 924.
        assert!((apart.p.unwrap() - 2.0 / 924.0).abs() < 1e-12);
        assert!((apart.ratio.unwrap() - 113.0 / 102.5).abs() < 1e-12);
        let (low, high) = apart.ratio_interval.unwrap();
        assert!(low > 1.05 && high < 1.16 && low < high, "{low} {high}");
        assert_eq!(apart.old.interval, Some((100.0, 105.0)));
    }

    #[test]
    fn sets_that_are_not_and_sets_that_cannot_be() {
        let mixed =
            one(cell(Measure::Noisy, &OLD, &[100.5, 101.5, 102.5, 103.5, 104.5]), Origin::SameMachine);
        assert_eq!(mixed.statement, Statement::NotApart);
        let (low, high) = mixed.ratio_interval.unwrap();
        assert!(low < 1.0 && high > 1.0);
        let few = one(cell(Measure::Noisy, &OLD[..3], &NEW[..3]), Origin::SameMachine);
        assert_eq!((few.statement, few.p, few.ratio_interval), (Statement::TooFew, None, None));
        assert!(few.ratio.is_some());
        let none = one(cell(Measure::Noisy, &[], &NEW), Origin::SameMachine);
        assert_eq!((none.statement, none.ratio, none.old.n), (Statement::Missing, None, 0));
    }

    #[test]
    fn machines_are_not_mixed_but_counts_are_counts() {
        let other = one(cell(Measure::Noisy, &OLD, &NEW), Origin::OtherMachine);
        assert_eq!((other.statement, other.ratio, other.p), (Statement::OtherMachine, None, None));
        let same = one(cell(Measure::Exact, &[7.0, 7.0], &[7.0]), Origin::OtherMachine);
        assert_eq!(same.statement, Statement::CountsEqual);
        let differ = one(cell(Measure::Exact, &[7.0, 7.0], &[8.0]), Origin::SameMachine);
        assert_eq!(differ.statement, Statement::CountsDiffer);
        // Counts that vary from launch to launch are no exact ones.
        let loose = one(cell(Measure::Exact, &OLD, &NEW), Origin::SameMachine);
        assert_eq!(loose.statement, Statement::Apart);
    }

    #[test]
    fn many_cells_are_corrected_together() {
        // Five and five, one pair out of order: 4 / 252 by itself.
        let near = cell(Measure::Noisy, &[1.0, 2.0, 3.0, 4.0, 6.0], &[5.0, 7.0, 8.0, 9.0, 10.0]);
        let alone = one(near.clone(), Origin::SameMachine);
        assert!((alone.p.unwrap() - 4.0 / 252.0).abs() < 1e-12);
        assert_eq!(alone.statement, Statement::Apart);
        let mut cells = vec![cell(Measure::Noisy, &OLD, &OLD); 9];
        cells.insert(4, near);
        let all = differences(&cells, Origin::SameMachine, 0.05);
        assert_eq!(all[4].statement, Statement::NotApart);
        assert!((all[4].adjusted.unwrap() - 40.0 / 252.0).abs() < 1e-12);
        assert!(all.iter().all(|difference| difference.p.is_some()));
    }
}
