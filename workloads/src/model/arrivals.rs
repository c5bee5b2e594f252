//! When requests arrive: a process of its own for each thread.
//!
//! Times are kept as a float's nanoseconds and rounded down, so that a rate is met however long the plan.

use rand_distr::{Distribution, Exp1};
use serde::{Deserialize, Serialize};

use super::error::{self, ModelError};
use super::random::{Purpose, Stream, stream};

/// Latest arrival: 2^51 ns, 26 days.
pub const MAX_NS: f64 = (1_u64 << 51) as f64;
/// Lowest and highest rate, requests per second and thread.
const RATES: (f64, f64) = (1e-3, 1e9);
const NS_PER_S: f64 = 1e9;

/// How the gaps between arrivals are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalKind {
    /// A Poisson process: exponential gaps.
    #[default]
    Poisson,
    /// Equal gaps; threads take turns within one.
    Constant,
}

/// A checked rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_s: f64,
    kind: ArrivalKind,
}

impl Rate {
    /// A rate at which `requests` arrive in time.
    pub(super) fn new(per_s: f64, kind: ArrivalKind, requests: u64) -> Result<Self, ModelError> {
        error::within("rate_per_s", per_s, RATES.0, RATES.1)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let ns = requests as f64 * NS_PER_S / per_s;
        if ns > MAX_NS / 2.0 {
            return Err(ModelError::TooLong { seconds: ns / NS_PER_S, max: MAX_NS / 2.0 / NS_PER_S });
        }
        Ok(Self { per_s, kind })
    }

    /// The arrivals of one thread of `threads`.
    pub(super) fn arrivals(self, seed: u64, thread: u32, threads: u32) -> Arrivals {
        let gap_ns = NS_PER_S / self.per_s;
        let turn = match self.kind {
            ArrivalKind::Poisson => 0.0,
            ArrivalKind::Constant => gap_ns * f64::from(thread) / f64::from(threads.max(1)) - gap_ns,
        };
        Arrivals { kind: self.kind, gap_ns, at: turn, rng: stream(seed, thread, Purpose::Arrivals) }
    }
}

/// An endless process of arrivals.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    kind: ArrivalKind,
    gap_ns: f64,
    at: f64,
    rng: Stream,
}

impl Arrivals {
    /// The next arrival, ns; never before the last.
    pub(super) fn next_ns(&mut self) -> u64 {
        let gaps: f64 = match self.kind {
            ArrivalKind::Poisson => Exp1.sample(&mut self.rng),
            ArrivalKind::Constant => 1.0,
        };
        self.at = (self.at + gaps * self.gap_ns).min(MAX_NS);
        ns(self.at)
    }

    /// The arrival of a request of `n` maps that takes the place of as many arrivals.
    pub(super) fn skip_to_ns(&mut self, n: usize) -> u64 {
        for _ in 1..n {
            self.next_ns();
        }
        self.next_ns()
    }
}

/// A duration in whole nanoseconds, rounded down and kept below [`MAX_NS`].
pub(super) fn ns(duration: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to MAX_NS")]
    let whole = duration.clamp(0.0, MAX_NS) as u64;
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn threads_take_turns_at_a_constant_rate() {
        let rate = Rate::new(1e6, ArrivalKind::Constant, 100).unwrap();
        let times = |thread| {
            let mut arrivals = rate.arrivals(7, thread, 4);
            [arrivals.next_ns(), arrivals.next_ns(), arrivals.next_ns()]
        };
        assert_eq!(times(0), [0, 1000, 2000]);
        assert_eq!(times(3), [750, 1750, 2750]);
    }

    #[test]
    fn poisson_meets_its_rate_and_spread() {
        let mut arrivals = Rate::new(1e5, ArrivalKind::Poisson, 100).unwrap().arrivals(7, 0, 1);
        let times: Vec<u64> = (0..200_000).map(|_| arrivals.next_ns()).collect();
        let mean = *times.last().unwrap() as f64 / times.len() as f64;
        assert!((mean / 1e4 - 1.0).abs() < 0.01, "{mean}");
        let above = times.windows(2).filter(|w| w[1] - w[0] > 10_000).count() as f64 / 200_000.0;
        assert!((above - (-1.0_f64).exp()).abs() < 0.005, "{above}");
    }

    #[test]
    fn absurd_rates_are_refused() {
        for per_s in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e10] {
            let error = Rate::new(per_s, ArrivalKind::Poisson, 1).unwrap_err();
            assert!(matches!(error, ModelError::OutOfRange { field: "rate_per_s", .. }), "{per_s}");
        }
        let error = Rate::new(1e-3, ArrivalKind::Poisson, 1 << 30).unwrap_err();
        assert!(matches!(error, ModelError::TooLong { .. }));
    }
}
