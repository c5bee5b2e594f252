//! Where a series shifts, and which shifts nobody has accepted yet.
//!
//! Two rules look at the nights since the last acceptance: E-divisive with a t-test finds where a level
//! changed ([`crate::stats::e_divisive`]), and the newest night alone is held against the changes of the last 30
//! ([`crate::stats::quartile_rule`]). Fewer than [`FEWEST`] nights, and changes below [`FLOOR`], are nothing to
//! alert on, except for counts: where the launches of no night differ, every change of one is a shift. A shift is *open* until somebody accepts it, or the rules see it no longer:
//! a single night that stood out is gone some nights later.
//!
//! An acceptance says that a series' level is right from a run on. What lay before is settled by it, and is not
//! compared with what comes after.

use super::accepted::Accepted;
use super::series::{Point, Series};
use crate::stats::e_divisive::{ChangePoint, Options, change_points};
use crate::stats::{median, quartile_rule};
use serde::Serialize;

/// The largest probability of a change point. At this one the nights of a still series alert seldom enough:
/// see the tests, and `docs/HISTORY.md`.
pub const P: f64 = 0.0001;

/// Fewer nights since the last acceptance than these have no change points, where launches differ.
pub const FEWEST: usize = quartile_rule::FEWEST;

/// The smallest relative change that is a shift, where launches differ.
pub const FLOOR: f64 = 0.01;

/// A shift of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// The first point after the shift, counted from 0.
    pub index: usize,
    /// Its run.
    pub run: String,
    /// The level before.
    pub before: f64,
    /// The level after.
    pub after: f64,
    /// What found it.
    pub rule: Rule,
    /// What became of it.
    pub state: State,
}

/// What found a shift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// E-divisive, with the t-test's probability. Levels are means.
    ChangePoint {
        /// The probability.
        p: f64,
    },
    /// The newest night stands out. Levels are this night and the one before.
    StandsOut {
        /// The size above which a relative change stands out.
        fence: f64,
    },
    /// A person: levels are medians since the shift before and to the next.
    Accepted,
}

/// What became of a shift.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has accepted it.
    Open,
    /// It was accepted.
    Accepted {
        /// Why.
        reason: String,
        /// By whom.
        by: String,
        /// When, in seconds since 1970-01-01 UTC.
        at: u64,
    },
    /// A later acceptance has settled it.
    Settled,
}

impl Shift {
    /// The change relative to the level before; infinite from nothing to something.
    #[must_use]
    pub fn change(&self) -> f64 {
        self.after / self.before - 1.0
    }

    /// Whether nobody has accepted it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }
}

/// All shifts of a series, the oldest first. `accepted` may hold acceptances of other series.
#[must_use]
pub fn of(series: &Series, accepted: &[Accepted]) -> Vec<Shift> {
    let (points, medians) = (&series.points[..], series.medians());
    let metric = series.key.metric.as_str();
    let starts = accepted_starts(series, accepted);
    let ends = starts.iter().map(|(at, _)| *at).chain([points.len()]);
    let bounds: Vec<(usize, usize)> =
        [0].into_iter().chain(starts.iter().map(|(at, _)| *at)).zip(ends).collect();
    let last = bounds.len() - 1;
    let state = |i: usize| if i == last { State::Open } else { State::Settled };
    let stretches: Vec<Vec<Shift>> = bounds
        .iter()
        .enumerate()
        .map(|(i, (start, end))| found(metric, &points[*start..*end], *start, &state(i)))
        .collect();
    let mut shifts = Vec::new();
    for (i, stretch) in stretches.iter().enumerate() {
        if let Some(((at, accepted), before)) = i.checked_sub(1).map(|last| (starts[last], last)) {
            let from = stretches[before].last().map_or(bounds[before].0, |shift| shift.index);
            let to = stretch.first().map_or(bounds[i].1, |shift| shift.index);
            let levels = (median(&medians[from..at]), median(&medians[at..to]));
            shifts.push(accepted_shift(points, at, levels, accepted));
        }
        shifts.extend_from_slice(stretch);
    }
    shifts.extend(standing_out(metric, points, &medians, shifts.last()));
    shifts
}

/// Where accepted levels start, rising; of several acceptances of one start the last counts. One that lies at
/// the first point or before it settles nothing that is there.
fn accepted_starts<'a>(series: &Series, accepted: &'a [Accepted]) -> Vec<(usize, &'a Accepted)> {
    let own = accepted.iter().filter(|accepted| accepted.key == series.key);
    let starts = own.map(|a| (series.points.partition_point(|point| point.run < a.run), a));
    let starts = starts.filter(|(at, _)| (1..series.points.len()).contains(at));
    let by_start: std::collections::BTreeMap<usize, &Accepted> = starts.collect();
    by_start.into_iter().collect()
}

fn accepted_shift(
    points: &[Point],
    index: usize,
    (before, after): (Option<f64>, Option<f64>),
    accepted: &Accepted,
) -> Shift {
    let (reason, by, at) = (accepted.reason.clone(), accepted.by.clone(), accepted.at);
    Shift {
        index,
        run: points[index].run.clone(),
        before: before.unwrap_or(f64::NAN),
        after: after.unwrap_or(f64::NAN),
        rule: Rule::Accepted,
        state: State::Accepted { reason, by, at },
    }
}

/// Whether a metric counts, and the launches of each night agree, as those of one thread do. A time that is
/// read off a coarse clock may agree by chance.
fn is_exact(metric: &str, points: &[Point]) -> bool {
    let counts = metric == "failed" || (metric.ends_with("_per_op") && !metric.ends_with("ns_per_op"));
    counts && points.iter().all(|point| point.number.spread == Some(0.0))
}

/// The change points of a stretch of the series that begins at its point `start`.
fn found(metric: &str, points: &[Point], start: usize, state: &State) -> Vec<Shift> {
    let exact = is_exact(metric, points);
    if !exact && points.len() < FEWEST {
        return Vec::new();
    }
    let medians: Vec<f64> = points.iter().map(|point| point.number.median).collect();
    let change = if exact { 0.0 } else { FLOOR };
    let shift = |point: ChangePoint| Shift {
        index: start + point.index,
        run: points[point.index].run.clone(),
        before: point.before,
        after: point.after,
        rule: Rule::ChangePoint { p: point.p },
        state: state.clone(),
    };
    let found = change_points(&medians, &Options { p: P, change, ..Options::default() });
    found.into_iter().map(shift).collect()
}

/// The newest night, where it stands out and is not known as a shift already.
fn standing_out(metric: &str, points: &[Point], medians: &[f64], last: Option<&Shift>) -> Option<Shift> {
    let newest = quartile_rule::newest(medians).filter(|newest| newest.significant)?;
    let [.., before, after] = medians else { return None };
    let index = points.len() - 1;
    // From zero there is no relative change: the rule then speaks of an older pair.
    if *before == 0.0 || last.is_some_and(|shift| shift.index == index) {
        return None;
    }
    if newest.change.abs() <= FLOOR && !is_exact(metric, points) {
        return None;
    }
    Some(Shift {
        index,
        run: points[index].run.clone(),
        before: *before,
        after: *after,
        rule: Rule::StandsOut { fence: newest.fence },
        state: State::Open,
    })
}

#[cfg(test)]
#[path = "shifts_tests.rs"]
mod tests;
