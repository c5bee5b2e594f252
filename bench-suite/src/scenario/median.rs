//! Many batches, one number: the median of the batch means, over the batches that were taken while the
//! machine was quiet.
//!
//! Invariant: what is told of the batches that count (faults, the longest gap) is of them alone, not of the
//! warm-up and not of the meter's own memory.

use super::control::{control, quiet_below};
use super::{Prepared, ScenarioError};
use crate::run::clock::{Clock, HostClock};
use crate::run::noise::ThreadLedger;
use crate::run::slowdown::Slowdown;
use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Batches before those that count.
    pub warm_up: usize,
    /// Quiet batches that are wanted.
    pub batches: usize,
    /// Operations of a batch.
    pub ops: u64,
    /// How long to wait for quiet batches.
    pub patience: Duration,
}

/// What was measured. Times in ns per operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The median of the batch means.
    pub median: f64,
    /// A quarter of the batch means are at or below it.
    pub lower: f64,
    /// Three quarters of the batch means are at or below it.
    pub upper: f64,
    /// Batches that the numbers are of.
    pub batches: usize,
    /// Batches that were dropped because a control beside them was slow.
    pub dropped: usize,
    /// Whether too few batches were quiet: then none was dropped, and the numbers are of a busy machine.
    pub busy: bool,
    /// Page faults of the batches after the warm-up, dropped ones included and the first of each run left out;
    /// nothing where other threads did the work.
    pub page_faults: Option<u64>,
    /// The time that the slowest control took beyond the fastest; nothing where none ran.
    pub longest_gap: Option<Duration>,
}

/// Measures prepared states, and remembers how fast the control can be.
#[derive(Debug)]
pub struct Meter {
    effort: Effort,
    fastest: Duration,
    /// Batches between two looks at the time.
    at_once: usize,
    /// What batches are slowed by on purpose, if they are, and on which clock.
    slowdown: Option<(Slowdown, HostClock)>,
}

impl Meter {
    /// A meter that makes `effort` for each state.
    #[must_use]
    pub fn new(effort: Effort) -> Self {
        let fastest = (0..200).map(|_| control()).min().unwrap_or(Duration::MAX);
        Self { effort, fastest, at_once: effort.batches, slowdown: None }
    }

    /// The same with every batch longer by so many parts per million, on purpose.
    #[must_use]
    pub fn slowed(self, ppm: u32) -> Self {
        Self { slowdown: (ppm > 0).then(|| (Slowdown::new(ppm), HostClock::get())), ..self }
    }

    /// Warms up and measures `prepared`.
    ///
    /// # Errors
    /// As [`Meter::warm_up`].
    pub fn measure(&mut self, prepared: &mut dyn Prepared) -> Result<Measured, ScenarioError> {
        self.warm_up(prepared)?;
        self.count(prepared)
    }

    /// Runs the batches before those that count: two at least, and fewer than are wanted where they would use
    /// up more than half of the patience.
    ///
    /// # Errors
    /// [`ScenarioError`] if an operation did not end as the scenario promises.
    pub fn warm_up(&mut self, prepared: &mut dyn Prepared) -> Result<(), ScenarioError> {
        let Effort { warm_up, batches, patience, .. } = self.effort;
        // The same loop as later, so that its code and the ledger's are in place too.
        let mut thrown_away = Vec::new();
        let start = Instant::now();
        self.round(prepared, 1, &mut thrown_away)?;
        // What it says that a batch took may be a part of it only.
        let first = start.elapsed();
        // A batch that takes long is not run by the hundred before anybody looks at the time.
        self.at_once = fit_into(patience, first, batches).max(2);
        let more = fit_into(patience / 2, first, warm_up.saturating_sub(1));
        self.round(prepared, more, &mut thrown_away).map(drop)
    }

    /// Runs the batches that count.
    ///
    /// # Errors
    /// As [`Meter::warm_up`].
    pub fn count(&mut self, prepared: &mut dyn Prepared) -> Result<Measured, ScenarioError> {
        let Effort { batches, patience, .. } = self.effort;
        let alone = prepared.runs_alone();
        let until = Instant::now() + patience;
        let mut all: Vec<Batch> = Vec::new();
        let mut quiet = Vec::new();
        let mut faults = 0;
        while quiet.len() < batches && (all.is_empty() || Instant::now() < until) {
            faults += self.round(prepared, self.at_once, &mut all)?;
            // Anew each time: a control faster than all before shows that those were slow.
            let most = quiet_below(self.fastest);
            quiet = all.iter().filter(|batch| batch.control <= most).map(|batch| batch.mean).collect();
        }
        let busy = quiet.len() < batches.min(all.len()).div_ceil(10);
        let dropped = if busy { 0 } else { all.len() - quiet.len() };
        let mut means = if busy { all.iter().map(|batch| batch.mean).collect() } else { quiet };
        means.sort_by(f64::total_cmp);
        let at = |quarter: usize| means.get(means.len() * quarter / 4).copied().unwrap_or(f64::NAN);
        let slowest = all.iter().map(|batch| batch.control).max().filter(|_| alone);
        Ok(Measured {
            median: at(2),
            lower: at(1),
            upper: at(3),
            batches: means.len(),
            dropped,
            busy,
            page_faults: alone.then_some(faults),
            longest_gap: slowest.map(|slowest| slowest.saturating_sub(self.fastest)),
        })
    }

    /// Some batches more; how many page faults this thread had in those after the first.
    fn round(
        &mut self,
        prepared: &mut dyn Prepared,
        batches: usize,
        all: &mut Vec<Batch>,
    ) -> Result<u64, ScenarioError> {
        let ops = self.effort.ops;
        let alone = prepared.runs_alone();
        make_room(all, batches);
        let mut ledger = None;
        let mut before = if alone { control() } else { Duration::ZERO };
        prepared.run(batches, ops, &mut |time| {
            let time = self.slowdown.as_mut().map_or(time, |slowdown| longer(time, slowdown));
            let after = if alone { control() } else { Duration::ZERO };
            all.push(Batch { mean: time.as_secs_f64() * 1e9 / ops as f64, control: before.max(after) });
            before = after;
            if alone {
                self.fastest = self.fastest.min(after);
            }
            // What a run sets up before its first batch is no part of a batch: faults count from there on.
            ledger.get_or_insert_with(ThreadLedger::now);
        })?;
        let since = ledger.map(|ledger| ThreadLedger::now().since(&ledger)).unwrap_or_default();
        Ok(since.minor_faults + since.major_faults)
    }
}

/// A batch's time with the wait that was put behind it.
fn longer(time: Duration, (slowdown, clock): &mut (Slowdown, HostClock)) -> Duration {
    let took = clock.ticks(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    time + Duration::from_nanos(clock.ns(slowdown.after(clock, took)))
}

/// Of `most` batches that take `each`, those that end within `time`; one at least.
fn fit_into(time: Duration, each: Duration, most: usize) -> usize {
    let fit = time.as_nanos() / each.as_nanos().max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, most.max(1))
}

/// Room for so many batches more, written to, so that keeping them causes no page fault.
fn make_room(all: &mut Vec<Batch>, batches: usize) {
    let kept = all.len();
    all.resize(kept + batches, Batch { mean: 1.0, control: Duration::MAX });
    std::hint::black_box(&*all);
    all.truncate(kept);
}

/// One batch.
#[derive(Clone, Copy)]
struct Batch {
    /// ns per operation.
    mean: f64,
    /// The slower of the controls before and after it.
    control: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the times that it is told, over and over.
    struct Told(Vec<u64>);

    impl Prepared for Told {
        fn run(
            &mut self,
            batches: usize,
            ops: u64,
            each: &mut dyn FnMut(Duration),
        ) -> Result<(), ScenarioError> {
            let times = self.0.iter().cycle().take(batches);
            times.for_each(|&ns| each(Duration::from_nanos(ns * ops)));
            Ok(())
        }

        fn runs_alone(&self) -> bool {
            false
        }
    }

    #[test]
    fn the_middle_of_the_batch_means() {
        let effort = Effort { warm_up: 1, batches: 100, ops: 64, patience: Duration::from_secs(60) };
        let measured = Meter::new(effort).measure(&mut Told(vec![10, 20, 30, 40]));
        let quarters = measured.map(|m| ([m.lower, m.median, m.upper].map(f64::round), m.batches)).ok();
        assert_eq!(quarters, Some(([20.0, 30.0, 40.0], 100)));
    }

    #[test]
    fn a_slowdown_is_in_the_median() {
        let effort = Effort { warm_up: 1, batches: 100, ops: 64, patience: Duration::from_secs(60) };
        let median = |ppm| {
            let measured = Meter::new(effort).slowed(ppm).measure(&mut Told(vec![1_000]));
            measured.map_or(f64::NAN, |measured| measured.median)
        };
        assert!((median(0) - 1_000.0).abs() < 1e-9);
        // A wait cannot be too short. How much longer it takes is the machine's; `run/slowdown.rs` has the size exactly.
        assert!(median(100_000) >= 1_099.0);
    }

    #[test]
    fn slow_batches_are_few() {
        let ms = Duration::from_millis;
        assert_eq!([ms(2_000), ms(0)].map(|time| fit_into(time, ms(150), 500)), [13, 1]);
        assert_eq!(fit_into(ms(2_000), Duration::ZERO, 500), 500);
        // No patience at all: two warm up, two count, and that is no busy machine.
        let effort = Effort { warm_up: 100, batches: 500, ops: 1, patience: Duration::ZERO };
        let measured = Meter::new(effort).measure(&mut Told(vec![1_000_000])).ok();
        assert_eq!(measured.map(|m| (m.batches, m.busy)), Some((2, false)));
    }

    /// Writes to pages that are new in the first so many batches.
    struct Touches(usize, Vec<Vec<u8>>);

    impl Prepared for Touches {
        fn run(
            &mut self,
            batches: usize,
            _: u64,
            each: &mut dyn FnMut(Duration),
        ) -> Result<(), ScenarioError> {
            for _ in 0..batches {
                if self.0 > 0 {
                    // Above the size from which every allocator maps new pages, none of them in place.
                    let mut pages = vec![0; 64 << 20];
                    pages[1 << 20] = 1;
                    self.1.push(std::hint::black_box(pages));
                    self.0 -= 1;
                }
                each(Duration::from_nanos(10));
            }
            Ok(())
        }
    }

    #[test]
    fn faults_are_those_of_the_batches_that_count() {
        let effort = Effort { warm_up: 2, batches: 4, ops: 1, patience: Duration::from_millis(10) };
        let of = |touching| Meter::new(effort).measure(&mut Touches(touching, Vec::new())).ok();
        let faults = |touching| of(touching).and_then(|measured| measured.page_faults);
        // Two warm up, however long they take, and the first of a run may be what its set-up touches.
        assert_eq!([0, 3].map(faults), [Some(0), Some(0)]);
        assert!(faults(4).is_some_and(|n| n > 0));
        assert!(of(0).and_then(|measured| measured.longest_gap).is_some());
        // Of a state that other threads work through nothing is known here.
        let told = Meter::new(effort).measure(&mut Told(vec![10])).ok();
        assert_eq!(told.map(|m| (m.page_faults, m.longest_gap)), Some((None, None)));
    }
}
