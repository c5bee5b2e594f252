//! A slowdown of a known size, put behind whole batches: what a judge has to find in a cell that is otherwise the
//! same.
//!
//! A batch is followed by a wait of so much of its own time, and the wait counts as its time. No call is touched
//! and no clock is read inside a batch. Invariant: over many batches the waits are that share of the batches' time,
//! because what a wait overshoots, a reading of the clock as a rule, is taken off the next. An interruption is taken
//! off one batch and no more: it may move a mean and not a median.
//!
//! Bias: the share of the harness in a batch is slowed too; and a wait changes no cache, no branch predictor and no
//! lock, as slower code would. So it shows what the judge finds of a difference, and not what code costs.

use super::clock::Clock;

/// Parts of a whole.
const WHOLE: u64 = 1_000_000;

/// A slowdown of one thread's batches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slowdown {
    ppm: u32,
    /// By how much the waits so far were too long, ticks.
    late: u64,
}

impl Slowdown {
    /// Batches take so many parts per million more; 0 leaves them alone.
    #[must_use]
    pub fn new(ppm: u32) -> Self {
        Self { ppm, late: 0 }
    }

    /// Waits after a batch that took `took` ticks; how many ticks it waited.
    #[inline]
    pub fn after<C: Clock>(&mut self, clock: &C, took: u64) -> u64 {
        if self.ppm == 0 { 0 } else { self.wait(clock, took) }
    }

    #[cold]
    fn wait<C: Clock>(&mut self, clock: &C, took: u64) -> u64 {
        let wanted = took.saturating_mul(u64::from(self.ppm)) / WHOLE;
        let begin = clock.now();
        let end = clock.wait_until(begin.saturating_add(wanted.saturating_sub(self.late)));
        let waited = end.saturating_sub(begin);
        self.late = (self.late + waited).saturating_sub(wanted).min(wanted);
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Goes on by 7 at each reading, so that waits overshoot.
    #[derive(Default)]
    struct Coarse(Cell<u64>);

    impl Clock for Coarse {
        fn now(&self) -> u64 {
            self.0.set(self.0.get() + 7);
            self.0.get()
        }

        fn wait_until(&self, at: u64) -> u64 {
            loop {
                let now = self.now();
                if now >= at {
                    return now;
                }
            }
        }

        fn ns(&self, ticks: u64) -> u64 {
            ticks
        }

        fn ticks(&self, ns: u64) -> u64 {
            ns
        }
    }

    #[test]
    fn waits_are_the_share_that_was_asked_for() {
        let clock = Coarse::default();
        for (ppm, took) in [(30_000, 1_000), (10_000, 5_000), (500_000, 64)] {
            let mut slowdown = Slowdown::new(ppm);
            let waited: u64 = (0..1_000).map(|_| slowdown.after(&clock, took)).sum();
            let wanted = 1_000 * took * u64::from(ppm) / WHOLE;
            assert!(waited.abs_diff(wanted) <= 7, "{waited} for {wanted}");
        }
        let before = clock.0.get();
        assert_eq!((Slowdown::default().after(&clock, 1_000), clock.0.get()), (0, before), "no reading");
    }
}
