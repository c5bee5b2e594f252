//! The clock of a replay, and what reading it costs.

use quanta::Clock;
use reports::record;

/// Readings in a row from which one batch of the cost is taken.
const READINGS: u32 = 1000;
/// Batches; the median counts.
const BATCHES: usize = 31;

/// The clock, with its cost measured.
pub struct ReplayClock {
    clock: Clock,
    overhead_ns: f64,
    precision_ns: f64,
}

impl Default for ReplayClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayClock {
    /// The processor's time stamp counter, or the system's clock where that is not steady. Takes up to 200 ms.
    #[must_use]
    pub fn new() -> Self {
        let clock = Clock::new();
        let mut costs: Vec<f64> = (0..BATCHES).map(|_| cost(&clock)).collect();
        costs.sort_by(f64::total_cmp);
        let overhead_ns = costs.get(BATCHES / 2).copied().unwrap_or(0.0);
        let precision_ns = precision(&clock);
        Self { clock, overhead_ns, precision_ns }
    }

    /// A reading, in the clock's own ticks.
    #[inline]
    pub fn read(&self) -> u64 {
        self.clock.raw()
    }

    /// Nanoseconds between two readings.
    #[inline]
    #[must_use]
    pub fn ns(&self, start: u64, end: u64) -> u64 {
        self.clock.delta_as_nanos(start, end)
    }

    /// What a reading costs, in ns.
    #[must_use]
    pub const fn overhead_ns(&self) -> f64 {
        self.overhead_ns
    }

    /// The time, in ns, below which an operation is too short to be timed by itself: ten readings.
    #[must_use]
    pub fn shortest_ns(&self) -> f64 {
        10.0 * self.overhead_ns
    }

    /// The clock as records describe it.
    #[must_use]
    pub fn described(&self) -> record::Clock {
        record::Clock {
            name: "quanta".to_owned(),
            overhead_ns: self.overhead_ns,
            precision_ns: self.precision_ns,
        }
    }
}

/// Mean cost of a reading in ns, over one batch.
fn cost(clock: &Clock) -> f64 {
    let start = clock.raw();
    for _ in 0..READINGS {
        core::hint::black_box(clock.raw());
    }
    let end = clock.raw();
    as_f64(clock.delta_as_nanos(start, end)) / f64::from(READINGS + 1)
}

/// The smallest step, in ns, that the clock was seen to make: over many of its ticks, so that a step below
/// a nanosecond is not lost.
fn precision(clock: &Clock) -> f64 {
    let smallest = (0..READINGS).filter_map(|_| step(clock)).filter(|ticks| *ticks > 0).min();
    as_f64(clock.delta_as_nanos(0, smallest.unwrap_or(0).saturating_mul(1000))) / 1000.0
}

fn step(clock: &Clock) -> Option<u64> {
    let start = clock.raw();
    clock.raw().checked_sub(start)
}

#[expect(clippy::cast_precision_loss, reason = "times of a run are far below 2^53 ns")]
pub(super) fn as_f64(n: u64) -> f64 {
    n as f64
}
