//! Whether what a suite expected came about.
//!
//! A ratio is paired: launch r of one cell against launch r of the other, which ran in the same round.
//! Its estimate is the median of the logarithms' differences, with the exact sign-test interval. In virtual
//! time a number is exact for its seed, and its interval is that number.
//!
//! Invariant: nothing is settled by a median alone.

use super::groups::Group;
use reports::record::RunRecord;
use reports::stats::sign_test::{ALPHA, Estimate, estimate};
use std::collections::BTreeMap;
use workloads::suite::expect::{Claim, Expect, Shape, Subject, Test};
use workloads::suite::{Cell, Suite};

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
    /// It did not hold in the median; there are too few launches for an interval.
    FailsInMedian,
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
            Self::FailsInMedian => "fails in the median (too few launches for an interval)",
            Self::Fails => "FAILS",
            Self::NoNumbers => "no numbers",
        })
    }
}

/// How a claim's examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In one of the four ways that a claim can end in.
    Settled(Shape),
    /// The interval holds effects that would count and others that would not.
    Undecided,
    /// No interval: this many launches are too few.
    TooFew(usize),
    /// Every cell of it had more threads than this machine has cores: it wants this many.
    WantsCores(usize),
    /// There are no numbers.
    NoNumbers,
}

impl core::fmt::Display for Ending {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Settled(shape) => write!(f, "{shape}"),
            Self::Undecided => f.write_str("undecided (the interval holds both answers)"),
            Self::TooFew(1) => f.write_str("too few launches (1)"),
            Self::TooFew(n) => write!(f, "too few launches ({n})"),
            Self::WantsCores(cores) => write!(f, "not decidable on this machine: wants {cores} cores"),
            Self::NoNumbers => f.write_str("no numbers"),
        }
    }
}

/// Every comparison of `subject` that the records allow. Oversubscribed cells are left out.
#[must_use]
pub fn compared(subject: &Subject, cells: &[Cell], groups: &Groups<'_>) -> Vec<Compared> {
    let tested = cells.iter().filter(|cell| subject.tests(cell));
    tested.filter_map(|cell| one(subject, cell, cells, groups)).collect()
}

/// The most threads of a tested cell that was left out because the machine has fewer cores; nothing where
/// none was.
#[must_use]
pub fn wants_cores(subject: &Subject, cells: &[Cell], groups: &Groups<'_>) -> Option<usize> {
    let tested = cells.iter().filter(|cell| subject.tests(cell));
    let groups = tested.filter_map(|cell| groups.get(&(cell.id.clone(), None)));
    let over = groups.filter(|group| group.oversubscribed());
    over.flat_map(|group| group.launches.values()).map(|record| threads(record)).max()
}

fn threads(record: &RunRecord) -> usize {
    let declared = record.parameters.get("threads").and_then(|n| n.parse().ok()).unwrap_or(1);
    record.threads.len().max(declared)
}

fn one(subject: &Subject, cell: &Cell, cells: &[Cell], groups: &Groups<'_>) -> Option<Compared> {
    let group = groups.get(&(cell.id.clone(), None)).filter(|group| !group.oversubscribed())?;
    let numbers = group.numbers(&subject.metric);
    if subject.against.is_none() {
        let values: Vec<f64> = numbers.into_values().collect();
        return Some(Compared { cell: cell.id.clone(), estimate: exact(estimate(&values, ALPHA)?, group) });
    }
    let base = subject.base(cell, cells)?;
    let base = groups.get(&(base.id.clone(), None))?.numbers(&subject.metric);
    let logs: Vec<f64> =
        numbers.iter().filter_map(|(launch, number)| log_ratio(*number, *base.get(launch)?)).collect();
    Some(Compared { cell: cell.id.clone(), estimate: exact(estimate(&logs, ALPHA)?.exp(), group) })
}

/// In virtual time one launch says it all.
fn exact(estimate: Estimate, group: &Group<'_>) -> Estimate {
    let simulated = |record: &&RunRecord| record.clock.as_ref().is_some_and(|clock| clock.name == "virtual");
    let interval = group.launches.values().all(simulated).then_some((estimate.median, estimate.median, 1.0));
    Estimate { interval: interval.or(estimate.interval), ..estimate }
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
    let order =
        [Verdict::Fails, Verdict::FailsInMedian, Verdict::Undecided, Verdict::HoldsInMedian, Verdict::Holds];
    order.into_iter().find(|worst| verdicts.contains(worst)).unwrap_or(Verdict::NoNumbers)
}

fn judge_one(test: Test, estimate: Estimate) -> Verdict {
    let Some((low, high, _)) = estimate.interval else {
        return if test.holds(estimate.median) { Verdict::HoldsInMedian } else { Verdict::FailsInMedian };
    };
    match (test.holds(low) && test.holds(high), somewhere(test, low, high)) {
        (true, _) => Verdict::Holds,
        (false, true) => Verdict::Undecided,
        (false, false) => Verdict::Fails,
    }
}

/// Whether any number of an interval fulfils the test: one may lie around a whole band.
fn somewhere(test: Test, low: f64, high: f64) -> bool {
    match test {
        Test::Below(bound) => low < bound,
        Test::Above(bound) => high > bound,
        Test::Within(least, most) => low <= most && high >= least,
    }
}

/// What a suite expected and what is not so, interval and all: the sentences of those expectations.
#[must_use]
pub fn failed<'s>(suite: &'s Suite, cells: &[Cell], groups: &Groups<'_>) -> Vec<&'s str> {
    let fails = |e: &&Expect| judge(e, &compared(&e.subject, cells, groups)) == Verdict::Fails;
    suite.expects.iter().filter(fails).map(|expect| expect.says.as_str()).collect()
}

/// How a claim's examination ends. All of its comparisons have to agree: one that is settled the other way
/// makes the shape another; one that is open leaves it open.
#[must_use]
pub fn examine(claim: &Claim, cells: &[Cell], groups: &Groups<'_>) -> Ending {
    let settled = claim.judge(1.0);
    if matches!(settled, Shape::Undecidable | Shape::OwnNoise) {
        return Ending::Settled(settled);
    }
    let found = compared(&claim.subject, cells, groups);
    let endings: Vec<Ending> = found.iter().map(|c| examine_one(claim, c.estimate)).collect();
    let worst = |ending: &&Ending| match ending {
        Ending::Settled(Shape::Not) => 0,
        Ending::TooFew(_) => 1,
        Ending::Undecided => 2,
        _ => 3,
    };
    let none = || wants_cores(&claim.subject, cells, groups).map_or(Ending::NoNumbers, Ending::WantsCores);
    endings.iter().min_by_key(worst).copied().unwrap_or_else(none)
}

/// Settled only where the whole interval says the same: every effect in it counts, or none does.
fn examine_one(claim: &Claim, estimate: Estimate) -> Ending {
    let Some((low, high, _)) = estimate.interval else { return Ending::TooFew(estimate.n) };
    let (low, high) = (claim.judge(low), claim.judge(high));
    if low == high { Ending::Settled(low) } else { Ending::Undecided }
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
            (of(0.7, None), Verdict::FailsInMedian),
        ] {
            assert_eq!(judge_one(below, estimate), verdict, "{estimate:?}");
        }
    }

    #[test]
    fn a_band_within_the_interval_is_not_missed() {
        let band = Test::Within(0.9, 1.1);
        for (estimate, verdict) in [
            (of(1.0, Some((0.95, 1.05))), Verdict::Holds),
            (of(1.0, Some((0.5, 1.5))), Verdict::Undecided),
            // The median alone lies outside, and every number of the band may be the true one.
            (of(1.2, Some((0.5, 1.5))), Verdict::Undecided),
            (of(1.2, Some((1.0, 1.5))), Verdict::Undecided),
            (of(1.3, Some((1.2, 1.5))), Verdict::Fails),
            (of(0.7, Some((0.5, 0.8))), Verdict::Fails),
        ] {
            assert_eq!(judge_one(band, estimate), verdict, "{estimate:?}");
        }
    }

    #[test]
    fn ratios_of_nothing() {
        assert_eq!(log_ratio(0.0, 0.0), Some(0.0));
        assert_eq!((log_ratio(0.0, 1.0), log_ratio(1.0, 0.0), log_ratio(f64::NAN, 1.0)), (None, None, None));
    }

    #[test]
    fn a_claim_is_settled_by_a_whole_interval_and_by_nothing_less() {
        let (smallest, sign) = (0.05, workloads::suite::expect::Sign::Lower);
        let claim = claim(smallest, sign);
        for (estimate, ending) in [
            (of(0.8, Some((0.7, 0.9))), Ending::Settled(Shape::Same)),
            (of(0.8, Some((0.7, 1.1))), Ending::Undecided),
            (of(0.94, Some((0.9, 0.97))), Ending::Undecided),
            (of(1.0, Some((0.98, 1.02))), Ending::Settled(Shape::Not)),
            (of(1.2, Some((1.1, 1.3))), Ending::Settled(Shape::Not)),
            (of(0.5, None), Ending::TooFew(12)),
        ] {
            assert_eq!(examine_one(&claim, estimate), ending, "{estimate:?}");
        }
    }

    fn claim(smallest: f64, sign: workloads::suite::expect::Sign) -> Claim {
        let (compare, within) = Default::default();
        let subject = Subject { metric: "ns_per_op".into(), place: None, compare, against: None, within };
        let (id, says) = ("N1".into(), String::new());
        Claim { id, says, subject, sign, smallest, claimed: 0.25, own_noise: 0.0, undecidable: None }
    }
}
