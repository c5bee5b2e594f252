//! How a replay goes over the trace's time: what is in use, how it is cut up, how many pools there are, interval by
//! interval, and the tail of the calls that began in each.
//!
//! What is in use comes of a pass of its own over a fresh allocator, whose decisions are those of every other pass. A
//! quantity holds from one operation to the next. Fragmentation is looked at some times in each interval only: it
//! walks all slots.

use super::counted;
use super::script::Script;
use crate::subject::{Session, Subject};
use reports::course::{Course, Interval, Spread};
use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};
use swiotlb_core::rules::IO_TLB_SEGSIZE;

/// Intervals of a course.
const INTERVALS: usize = 48;
/// Looks at fragmentation in each interval.
const LOOKS: usize = 8;
/// Tails that a course may have, the furthest first.
const TAILS: [Quantile; 3] = [Quantile::P99, Quantile::P90, Quantile::P50];

/// The course of a script on `subject`, with the tail of `calls`: when each began, and how long it took, ns.
pub(super) fn run(subject: &dyn Subject, script: &Script, operation: &str, calls: &[(u64, u64)]) -> Course {
    let mut watch = Watch::new(script);
    // What it counts, the pass that counts has counted already.
    let _ = counted::run(subject, script, None, &mut |step, session| watch.after(step, subject, session));
    let mut intervals = watch.finish();
    let quantile = tails(&mut intervals, watch_start(script), calls);
    Course { operation: operation.to_owned(), quantile: quantile.to_string(), intervals }
}

fn watch_start(script: &Script) -> u64 {
    script.times.iter().copied().min().unwrap_or(0)
}

/// The state between two operations.
#[derive(Clone, Copy, Default)]
struct State {
    occupancy: f64,
    fragmentation: f64,
    pools: f64,
}

/// A quantity as an area over time, with its ends.
#[derive(Clone, Copy, Default)]
struct Sum {
    area: f64,
    ns: f64,
    ends: Option<(f64, f64)>,
}

impl Sum {
    fn hold(&mut self, value: f64, ns: u64) {
        self.area += value * ns as f64;
        self.ns += ns as f64;
        let (low, high) = self.ends.unwrap_or((value, value));
        self.ends = Some((low.min(value), high.max(value)));
    }

    fn spread(self) -> Spread {
        let (low, high) = self.ends.unwrap_or_default();
        let mean = if self.ns > 0.0 { self.area / self.ns } else { f64::midpoint(low, high) };
        // What an area is rounded by leaves a mean that is one of its ends outside of them.
        let [low, high] = [low, high].map(rounded);
        Spread { mean: rounded(mean).clamp(low, high), low, high }
    }
}

/// To a thousandth: a course is looked at, and kept.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

struct Watch<'a> {
    script: &'a Script,
    start: u64,
    /// Of one interval, ns.
    width: u64,
    /// Since when the state holds.
    now: u64,
    state: State,
    /// Operations until the next look at fragmentation.
    until_look: usize,
    sums: Vec<[Sum; 3]>,
}

impl<'a> Watch<'a> {
    fn new(script: &'a Script) -> Self {
        let start = watch_start(script);
        let end = script.times.iter().copied().max().unwrap_or(start);
        // The end belongs to the last interval.
        let width = (end - start) / INTERVALS as u64 + 1;
        let (state, sums) = (State::default(), vec![Default::default(); INTERVALS]);
        Self { script, start, width, now: start, state, until_look: 0, sums }
    }

    fn after(&mut self, step: usize, subject: &dyn Subject, session: &dyn Session) {
        let at = self.script.times.get(step).copied().unwrap_or(self.now);
        self.hold_until(at);
        let stats = subject.stats();
        let transient = if stats.transient_nslabs == 0 { 0 } else { transient_pools(self.script, session) };
        self.state.occupancy = percent(stats.used, stats.nslabs + stats.transient_nslabs);
        self.state.pools = (stats.pools + transient) as f64;
        if self.until_look == 0 {
            self.state.fragmentation = fragmentation(session);
            self.until_look = self.script.steps.len() / (INTERVALS * LOOKS);
        } else {
            self.until_look -= 1;
        }
        // A state that no time passes in was there all the same.
        self.note(self.interval(self.now), 0);
    }

    /// The state holds until `at`, over as many intervals as that takes. Times that go back hold nothing.
    fn hold_until(&mut self, at: u64) {
        while self.now < at {
            let i = self.interval(self.now);
            let end = self.start + self.width * (i as u64 + 1);
            let to = if i + 1 < INTERVALS { at.min(end) } else { at };
            self.note(i, to - self.now);
            self.now = to;
        }
    }

    fn interval(&self, at: u64) -> usize {
        interval(at, self.start, self.width)
    }

    fn note(&mut self, interval: usize, ns: u64) {
        let State { occupancy, fragmentation, pools } = self.state;
        for (sum, value) in self.sums[interval].iter_mut().zip([occupancy, fragmentation, pools]) {
            sum.hold(value, ns);
        }
    }

    fn finish(mut self) -> Vec<Interval> {
        self.hold_until(self.start + self.width * INTERVALS as u64);
        let interval = |(sums, number): (&[Sum; 3], u64)| {
            let [occupancy, fragmentation, pools] = sums.map(Sum::spread);
            Interval { end_ns: self.width * number, occupancy, fragmentation, pools, ..Interval::default() }
        };
        self.sums.iter().zip(1..).map(interval).collect()
    }
}

fn interval(at: u64, start: u64, width: u64) -> usize {
    usize::try_from(at.saturating_sub(start) / width).map_or(INTERVALS - 1, |i| i.min(INTERVALS - 1))
}

fn percent(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { (100.0 * part as f64 / of as f64).min(100.0) }
}

fn transient_pools(script: &Script, session: &dyn Session) -> u64 {
    (0..script.devices.len()).map(|device| session.transient_pools(device).len() as u64).sum()
}

/// Of the free slots of pools that stay, those in runs shorter than a segment, percent.
fn fragmentation(session: &dyn Session) -> f64 {
    let (mut free, mut whole) = (0_u64, 0_u64);
    for pool in session.pools() {
        let runs = session.free_runs(pool.start);
        free += runs.iter().filter(|run| **run > 0).count() as u64;
        let starts = runs.iter().step_by(IO_TLB_SEGSIZE as usize);
        whole += starts.filter(|run| **run == IO_TLB_SEGSIZE).count() as u64;
    }
    percent(free - whole * u64::from(IO_TLB_SEGSIZE), free)
}

/// Fills in the tail of each interval: of those quantiles the furthest that is allowed where half of the calls are.
fn tails(intervals: &mut [Interval], start: u64, calls: &[(u64, u64)]) -> Quantile {
    let width = intervals.first().map_or(1, |first| first.end_ns.max(1));
    let mut samples: Vec<Vec<u64>> = vec![Vec::new(); INTERVALS];
    for (at, ns) in calls {
        samples[interval(*at, start, width)].push(*ns);
    }
    let enough = |quantile: &Quantile| {
        let allowed = samples.iter().filter(|samples| samples.len() as u64 >= quantile.samples_needed());
        let held: usize = allowed.map(Vec::len).sum();
        held > 0 && held * 2 >= calls.len()
    };
    let quantile = TAILS.into_iter().find(enough).unwrap_or(TAILS[TAILS.len() - 1]);
    for (interval, samples) in intervals.iter_mut().zip(&samples) {
        let mut latency = Latency::new();
        samples.iter().for_each(|ns| latency.record(*ns));
        interval.samples = samples.len() as u64;
        interval.max_ns = latency.max_ns();
        interval.tail_ns = match latency.at(&[quantile]).first() {
            Some(Cell::Value(ns) | Cell::Above(ns)) => Some(*ns),
            _ => None,
        };
    }
    quantile
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn a_quantity_holds_from_one_operation_to_the_next() {
        let mut sum = Sum::default();
        sum.hold(10.0, 30);
        sum.hold(50.0, 0);
        sum.hold(20.0, 10);
        assert_eq!(sum.spread(), Spread { mean: 12.5, low: 10.0, high: 50.0 });
        assert_eq!(Sum::default().spread(), Spread::default());
    }

    #[test]
    fn tails_stand_where_the_calls_are_enough() {
        let blank = |i: u64| Interval { end_ns: 100 * (i + 1), ..Interval::default() };
        let mut intervals: Vec<Interval> = (0..INTERVALS as u64).map(blank).collect();
        // A thousand calls in the second interval, ten in the last.
        let calls = |n: u64, at: u64| (1..=n).map(move |ns| (at, ns));
        let all: Vec<_> = calls(1_000, 1_150).chain(calls(10, 999_999)).collect();
        assert_eq!(tails(&mut intervals, 1_000, &all), Quantile::P99);
        assert_eq!(
            (intervals[1].samples, intervals[1].tail_ns, intervals[1].max_ns),
            (1_000, Some(990), Some(1_000))
        );
        assert_eq!(
            (intervals[47].samples, intervals[47].tail_ns, intervals[47].max_ns),
            (10, None, Some(10))
        );
        assert_eq!((intervals[0].samples, intervals[0].max_ns), (0, None));
        let few: Vec<_> = calls(150, 1_000).chain(calls(150, 1_100)).chain(calls(5, 1_200)).collect();
        assert_eq!(tails(&mut intervals, 1_000, &few), Quantile::P90);
    }
}
