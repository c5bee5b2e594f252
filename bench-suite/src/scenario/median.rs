//! Many batches, one number: the median of the batch means, over the batches that were taken while the
//! machine was quiet.

use super::control::{control, quiet_below};
use super::{Prepared, ScenarioError};
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
}

/// Measures prepared states, and remembers how fast the control can be.
#[derive(Debug)]
pub struct Meter {
    effort: Effort,
    fastest: Duration,
}

impl Meter {
    /// A meter that makes `effort` for each state.
    #[must_use]
    pub fn new(effort: Effort) -> Self {
        let fastest = (0..200).map(|_| control()).min().unwrap_or(Duration::MAX);
        Self { effort, fastest }
    }

    /// Measures `prepared`.
    ///
    /// # Errors
    /// [`ScenarioError`] if an operation did not end as the scenario promises.
    pub fn measure(&mut self, prepared: &mut dyn Prepared) -> Result<Measured, ScenarioError> {
        let Effort { warm_up, batches, ops, patience } = self.effort;
        prepared.run(warm_up, ops, &mut |_| {})?;
        let until = Instant::now() + patience;
        let mut all: Vec<Batch> = Vec::new();
        let mut quiet = Vec::new();
        while quiet.len() < batches && (all.is_empty() || Instant::now() < until) {
            self.round(prepared, batches, &mut all)?;
            // Anew each time: a control faster than all before shows that those were slow.
            let most = quiet_below(self.fastest);
            quiet = all.iter().filter(|batch| batch.control <= most).map(|batch| batch.mean).collect();
        }
        let busy = quiet.len() < batches.div_ceil(10);
        let dropped = if busy { 0 } else { all.len() - quiet.len() };
        let mut means = if busy { all.iter().map(|batch| batch.mean).collect() } else { quiet };
        means.sort_by(f64::total_cmp);
        let at = |quarter: usize| means.get(means.len() * quarter / 4).copied().unwrap_or(f64::NAN);
        Ok(Measured { median: at(2), lower: at(1), upper: at(3), batches: means.len(), dropped, busy })
    }

    /// Some batches more.
    fn round(
        &mut self,
        prepared: &mut dyn Prepared,
        batches: usize,
        all: &mut Vec<Batch>,
    ) -> Result<(), ScenarioError> {
        let ops = self.effort.ops;
        let alone = prepared.runs_alone();
        let mut before = if alone { control() } else { Duration::ZERO };
        prepared.run(batches, ops, &mut |time| {
            let after = if alone { control() } else { Duration::ZERO };
            all.push(Batch { mean: time.as_secs_f64() * 1e9 / ops as f64, control: before.max(after) });
            before = after;
            if alone {
                self.fastest = self.fastest.min(after);
            }
        })
    }
}

/// One batch.
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
        let effort = Effort { warm_up: 1, batches: 100, ops: 64, patience: Duration::ZERO };
        let measured = Meter::new(effort).measure(&mut Told(vec![10, 20, 30, 40]));
        let quarters = measured.map(|m| ([m.lower, m.median, m.upper].map(f64::round), m.batches)).ok();
        assert_eq!(quarters, Some(([20.0, 30.0, 40.0], 100)));
    }
}
