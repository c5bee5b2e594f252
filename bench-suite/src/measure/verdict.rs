//! Whether what a suite expected came about.
//!
//! A ratio is paired: launch r of one cell against launch r of the other, which ran in the same round.
//! Its estimate is the median of the logarithms' differences, with the exact sign-test interval.

use super::groups::Group;
use reports::stats::sign_test::{ALPHA, Estimate, estimate};
use std::collections::BTreeMap;
use workloads::suite::Cell;
use workloads::suite::expect::{Claim, Expect, Shape, Subject, Test};

/// Groups by cell id and arm.
pub type Groups<'a> = BTreeMap<(String, Option<String>), Group<'a>>;

/// One comparison that a statement is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The cell under test.
    pub cell: String,
    /// The ratio, or the metric itself.
    pub estimate: Estimate,
}

/// How an expectation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It held, interval and all.
    Holds,
    /// It held in the median; there are too few launches for an interval.
    HoldsInMedian,
    /// The interval reaches over the bound.
    Undecided,
    /// It did not hold.
    Fails,
    /// There are no numbers.
    NoNumbers,
}

impl core::fmt::Display for Verdict {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::HoldsInMedian => "holds in the median (too few launches for an interval)",
            Self::Undecided => "undecided (the interval reaches over the bound)",
            Self::Fails => "FAILS",
            Self::NoNumbers => "no numbers",
        })
    }
}

/// Every comparison of `subject` that the records allow. Oversubscribed cells are left out.
#[must_use]
pub fn compared(subject: &Subject, cells: &[Cell], groups: &Groups<'_>) -> Vec<Compared> {
    let inside = |cell: &&Cell| subject.within.matches(&cell.id, &cell.values);
    let tested = cells.iter().filter(inside).filter(|cell| subject.compare.matches(&cell.id, &cell.values));
    tested.filter_map(|cell| one(subject, cell, cells, groups)).collect()
}

fn one(subject: &Subject, cell: &Cell, cells: &[Cell], groups: &Groups<'_>) -> Option<Compared> {
    let group = groups.get(&(cell.id.clone(), None)).filter(|group| !group.oversubscribed())?;
    let numbers = group.numbers(&subject.metric);
    let Some(against) = &subject.against else {
        let values: Vec<f64> = numbers.into_values().collect();
        return Some(Compared { cell: cell.id.clone(), estimate: estimate(&values, ALPHA)? });
    };
    let free: Vec<&str> = subject.compare.keys().chain(against.keys()).collect();
    let same = |other: &&Cell| {
        other
            .values
            .iter()
            .all(|(key, value)| free.contains(&key.as_str()) || cell.values.get(key) == Some(value))
            && against.matches(&other.id, &other.values)
    };
    let base = cells.iter().find(same)?;
    let base = groups.get(&(base.id.clone(), None))?.numbers(&subject.metric);
    let logs: Vec<f64> =
        numbers.iter().filter_map(|(launch, number)| log_ratio(*number, *base.get(launch)?)).collect();
    Some(Compared { cell: cell.id.clone(), estimate: estimate(&logs, ALPHA)?.exp() })
}

/// ln(a / b); 0 where both are nothing (two exact counts), none where only one is.
fn log_ratio(a: f64, b: f64) -> Option<f64> {
    if a == 0.0 && b == 0.0 {
        return Some(0.0);
    }
    Some((a / b).ln()).filter(|x| x.is_finite())
}

/// An expectation's verdict: the worst of its comparisons.
#[must_use]
pub fn judge(expect: &Expect, compared: &[Compared]) -> Verdict {
    let verdicts: Vec<Verdict> = compared.iter().map(|c| judge_one(expect.test, c.estimate)).collect();
    let order = [Verdict::Fails, Verdict::Undecided, Verdict::HoldsInMedian, Verdict::Holds];
    order.into_iter().find(|worst| verdicts.contains(worst)).unwrap_or(Verdict::NoNumbers)
}

fn judge_one(test: Test, estimate: Estimate) -> Verdict {
    let Some((low, high, _)) = estimate.interval else {
        return if test.holds(estimate.median) { Verdict::HoldsInMedian } else { Verdict::Fails };
    };
    match (test.holds(low) && test.holds(high), test.holds(estimate.median)) {
        (true, _) => Verdict::Holds,
        (false, true) => Verdict::Undecided,
        // Within a band, both ends may lie outside on different sides; then nothing is decided either.
        (false, false) if test.holds(low) || test.holds(high) => Verdict::Undecided,
        (false, false) => Verdict::Fails,
    }
}

/// A claim's verdict: its comparisons have to agree; where they do not, the shape is not the same.
/// Nothing where there are no numbers and the claim needs some.
#[must_use]
pub fn examine(claim: &Claim, compared: &[Compared]) -> Option<Shape> {
    let settled = claim.judge(1.0);
    if matches!(settled, Shape::Undecidable | Shape::OwnNoise) {
        return Some(settled);
    }
    // The end of the interval that is nearer to no effect decides, where there is one.
    let shapes: Vec<Shape> = compared.iter().map(|c| claim.judge(nearest_to_one(c.estimate))).collect();
    let all_same = shapes.iter().all(|shape| *shape == Shape::Same);
    (!shapes.is_empty()).then_some(if all_same { Shape::Same } else { Shape::Not })
}

fn nearest_to_one(estimate: Estimate) -> f64 {
    match estimate.interval {
        Some((low, _, _)) if low > 1.0 => low,
        Some((_, high, _)) if high < 1.0 => high,
        Some(_) => 1.0,
        None => estimate.median,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(median: f64, interval: Option<(f64, f64)>) -> Estimate {
        Estimate { median, interval: interval.map(|(low, high)| (low, high, 0.96)), n: 12 }
    }

    #[test]
    fn an_interval_has_to_lie_on_the_right_side() {
        let below = Test::Below(0.5);
        for (estimate, verdict) in [
            (of(0.3, Some((0.2, 0.4))), Verdict::Holds),
            (of(0.3, Some((0.2, 0.6))), Verdict::Undecided),
            (of(0.7, Some((0.4, 0.9))), Verdict::Undecided),
            (of(0.7, Some((0.6, 0.9))), Verdict::Fails),
            (of(0.3, None), Verdict::HoldsInMedian),
            (of(0.7, None), Verdict::Fails),
        ] {
            assert_eq!(judge_one(below, estimate), verdict, "{estimate:?}");
        }
    }

    #[test]
    fn ratios_of_nothing() {
        assert_eq!(log_ratio(0.0, 0.0), Some(0.0));
        assert_eq!((log_ratio(0.0, 1.0), log_ratio(1.0, 0.0), log_ratio(f64::NAN, 1.0)), (None, None, None));
    }

    #[test]
    fn a_claim_is_judged_by_the_end_that_is_nearer_to_no_effect() {
        assert!((nearest_to_one(of(0.8, Some((0.7, 0.9)))) - 0.9).abs() < 1e-12);
        assert!((nearest_to_one(of(1.2, Some((1.1, 1.3)))) - 1.1).abs() < 1e-12);
        assert!((nearest_to_one(of(1.2, Some((0.9, 1.3)))) - 1.0).abs() < 1e-12);
        assert!((nearest_to_one(of(1.2, None)) - 1.2).abs() < 1e-12);
    }
}
