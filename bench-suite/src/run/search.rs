//! The highest rate at which a quantile stays under a bound: bisection over fresh runs.
//!
//! A rate holds if the quantile of the response times is at most the bound, the schedule was kept, and
//! enough samples lie beyond the quantile for it to be a number. Guard: what holds at a rate should hold at
//! every lower one. A rate is only believed to fail if it fails as often as [`Range::tries`] says; and where a lower rate failed that a
//! higher one has passed, the answer is taken below the lower one and the table says so.

use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};
use workloads::op::Plan;

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The quantile of the response time.
    pub quantile: Quantile,
    /// The most that it may be, ns.
    pub at_most_ns: u64,
    /// The least share of the intended rate that has to be achieved, for instance 0.99.
    pub achieved: f64,
}

/// Where is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Lowest rate, ops per second.
    pub low: f64,
    /// Highest rate, ops per second.
    pub high: f64,
    /// How close the answer has to come to the truth: a ratio, for instance 1.02.
    pub within: f64,
    /// Most runs.
    pub runs: u32,
    /// How often a rate has to fail before it is believed, at least 1: an interruption by others says nothing
    /// of a rate. The same number for every rate, declared beforehand.
    pub tries: u32,
}

/// What one run at a rate brought.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Ops per second done.
    pub achieved: f64,
    /// Response times, all threads and kinds together.
    pub response: Latency,
}

/// A row of the table: a rate that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Intended ops per second.
    pub rate: f64,
    /// Done ops per second.
    pub achieved: f64,
    /// The quantile.
    pub value: Cell,
    /// Whether the bound held.
    pub held: bool,
}

/// The table, and the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// Every run, in the order in which they were made.
    pub tried: Vec<Tried>,
    /// The highest rate that held, with every lower one that was tried holding too; none if the lowest
    /// failed.
    pub highest: Option<f64>,
    /// Whether some rate failed below one that held: the machine interfered, or the quantile wants more
    /// samples.
    pub crossed: bool,
}

/// Searches; `run` makes a fresh run at a rate, in ops per second.
///
/// # Errors
/// The first error of `run`.
pub fn search_rate<E>(
    bound: &Bound,
    range: &Range,
    mut run: impl FnMut(f64) -> Result<Trial, E>,
) -> Result<Searched, E> {
    let mut tried = Vec::new();
    let mut holds = |rate: f64, tried: &mut Vec<Tried>| -> Result<bool, E> {
        for _ in 0..range.tries.max(1) {
            let row = judge(bound, rate, &run(rate)?);
            let held = row.held;
            tried.push(row);
            if held {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let (mut low, mut high) = (range.low, range.high);
    if holds(low, &mut tried)? && !holds(high, &mut tried)? {
        while high / low > range.within.max(1.000_1) && (tried.len() as u64) < u64::from(range.runs) {
            // The geometric middle: the answer's error is a ratio.
            let middle = (low * high).sqrt();
            if holds(middle, &mut tried)? { low = middle } else { high = middle }
        }
    }
    let highest = highest(&tried);
    let best = tried.iter().filter(|row| row.held).map(|row| row.rate).fold(0.0, f64::max);
    Ok(Searched { crossed: best > highest.unwrap_or(0.0), highest, tried })
}

fn judge(bound: &Bound, rate: f64, trial: &Trial) -> Tried {
    let value = trial.response.at(&[bound.quantile]).first().copied().unwrap_or(Cell::TooFew(0));
    let under = matches!(value, Cell::Value(ns) if ns <= bound.at_most_ns);
    Tried { rate, achieved: trial.achieved, value, held: under && trial.achieved >= rate * bound.achieved }
}

/// The highest rate below which none failed for good (a rate that held at its second run held).
fn highest(tried: &[Tried]) -> Option<f64> {
    let held = |rate: f64| tried.iter().any(|row| row.held && row.rate.total_cmp(&rate).is_eq());
    let failed = tried.iter().filter(|row| !held(row.rate)).map(|row| row.rate).fold(f64::INFINITY, f64::min);
    let below = tried.iter().filter(|row| row.held && row.rate < failed).map(|row| row.rate);
    below.fold(None, |best: Option<f64>, rate| Some(best.map_or(rate, |best| best.max(rate))))
}

/// The plan with its times scaled so that its calls come at `rate` per second, all threads together. What
/// was earlier stays earlier, by 1 ns at least; `None` for a plan without a span of time.
#[must_use]
pub fn at_rate(plan: &Plan, rate: f64) -> Option<Plan> {
    let (ops, span) = (plan.ops() as f64, plan.end_ns() as f64);
    let factor = ops * 1e9 / rate / span;
    if !(factor.is_finite() && factor > 0.0) {
        return None;
    }
    let mut times: Vec<u64> = plan.threads.iter().flat_map(|thread| &thread.ops).map(|op| op.at_ns).collect();
    times.sort_unstable();
    times.dedup();
    let mut next = 0;
    let scaled = times.iter().map(|&at_ns| {
        let at_ns = scale(at_ns, factor).max(next);
        next = at_ns + 1;
        at_ns
    });
    let scaled: Vec<u64> = scaled.collect();
    let mut plan = plan.clone();
    for op in plan.threads.iter_mut().flat_map(|thread| &mut thread.ops) {
        let place = times.binary_search(&op.at_ns).ok()?;
        op.at_ns = scaled[place];
    }
    plan.bounds.skew_ns = plan.bounds.skew_ns.map(|skew| scale(skew, factor));
    Some(plan)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in ns; `as` saturates")]
fn scale(ns: u64, factor: f64) -> u64 {
    (ns as f64 * factor).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { quantile: Quantile::P99, at_most_ns: 100, achieved: 0.99 };
    const RANGE: Range = Range { low: 1_000.0, high: 1_000_000.0, within: 1.01, runs: 100, tries: 2 };

    fn trial(achieved: f64, ns: u64) -> Result<Trial, ()> {
        let mut response = Latency::new();
        (0..1_000).for_each(|_| response.record(ns));
        Ok(Trial { achieved, response })
    }

    #[test]
    fn it_finds_where_the_quantile_crosses_the_bound() {
        let searched =
            search_rate(&BOUND, &RANGE, |rate| trial(rate, if rate < 77_000.0 { 50 } else { 500 }));
        let searched = searched.unwrap_or_else(|()| unreachable!("the runs do not fail"));
        let highest = searched.highest.unwrap_or(0.0);
        assert!((76_000.0..77_000.0).contains(&highest) && !searched.crossed, "{searched:?}");
    }

    #[test]
    fn a_rate_that_is_not_achieved_does_not_hold() {
        let searched = search_rate(&BOUND, &RANGE, |rate: f64| trial(rate.min(10_000.0), 50));
        let highest = searched.map(|searched| searched.highest).unwrap_or(None);
        assert!(highest.is_some_and(|rate| (9_900.0..10_110.0).contains(&rate)), "{highest:?}");
    }

    #[test]
    fn all_or_nothing() {
        let all = search_rate(&BOUND, &RANGE, |rate| trial(rate, 50)).map(|s| (s.highest, s.tried.len()));
        assert_eq!(all, Ok((Some(1_000_000.0), 2)));
        let none = search_rate(&BOUND, &RANGE, |rate| trial(rate, 101)).map(|s| (s.highest, s.tried.len()));
        assert_eq!(none, Ok((None, 2)));
        assert_eq!(search_rate(&BOUND, &RANGE, |_| Err::<Trial, _>(7)).err(), Some(7));
    }

    #[test]
    fn one_interruption_is_forgiven_and_too_few_samples_are_no_quantile() {
        let mut calls = 0;
        let searched = search_rate(&BOUND, &RANGE, |rate| {
            calls += 1;
            trial(rate, if calls == 1 { 9_999 } else { 50 })
        });
        assert_eq!(searched.map(|s| s.highest), Ok(Some(1_000_000.0)));
        let few = Trial { achieved: 1.0, response: Latency::new() };
        assert!(!judge(&BOUND, 1.0, &few).held);
    }

    #[test]
    fn a_failure_below_what_held_lowers_the_answer() {
        let row = |rate, held| Tried { rate, achieved: rate, value: Cell::Value(1), held };
        let tried = [row(1.0, true), row(4.0, true), row(2.0, false), row(2.0, false)];
        assert_eq!(highest(&tried), Some(1.0));
    }
}
