//! Quantiles, printed only where enough samples lie beyond them.
//!
//! The sample rule: a quantile q of N samples is a number only if at least [`BEYOND`] samples lie beyond it,
//! that is if N (1 - q) >= 10: p99 wants 1,000 samples, p99.9 10,000, p99.99 100,000. Otherwise it is
//! `n/a (N)`. Ranks are integer arithmetic, so that no float decides which sample is the quantile.

use std::fmt;

use hdrhistogram::Histogram;

use crate::units;

/// How many samples have to lie beyond a quantile before it is printed.
pub const BEYOND: u64 = 10;

const MILLION: u32 = 1_000_000;

/// A quantile in parts per million; at most 999,999, since the maximum is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantile(u32);

impl Quantile {
    /// The median.
    pub const P50: Self = Self(500_000);
    /// 90 % of the samples are at or below it.
    pub const P90: Self = Self(900_000);
    /// 99 % of the samples are at or below it.
    pub const P99: Self = Self(990_000);
    /// 99.9 % of the samples are at or below it.
    pub const P99_9: Self = Self(999_000);
    /// 99.99 % of the samples are at or below it.
    pub const P99_99: Self = Self(999_900);
    /// The quantiles of every table, in rising order.
    pub const TABLE: [Self; 5] = [Self::P50, Self::P90, Self::P99, Self::P99_9, Self::P99_99];

    /// A quantile of `ppm` parts per million, or nothing for a million and above.
    #[must_use]
    pub fn from_ppm(ppm: u32) -> Option<Self> {
        (ppm < MILLION).then_some(Self(ppm))
    }

    /// Parts per million.
    #[must_use]
    pub fn ppm(self) -> u32 {
        self.0
    }

    /// The highest quantile that `samples` samples allow, to a part per million.
    #[must_use]
    pub fn furthest(samples: u64) -> Option<Self> {
        let beyond = (u64::from(MILLION) * BEYOND).div_ceil(samples.max(1)).max(1);
        u32::try_from(beyond).ok().and_then(|beyond| MILLION.checked_sub(beyond)).map(Self)
    }

    /// How many samples the rule wants before this quantile is printed.
    #[must_use]
    pub fn samples_needed(self) -> u64 {
        (u64::from(MILLION) * BEYOND).div_ceil(u64::from(MILLION - self.0))
    }

    /// Whether `samples` samples are enough for it.
    #[must_use]
    pub fn allowed(self, samples: u64) -> bool {
        samples >= self.samples_needed()
    }

    /// Which of `samples` samples in rising order it is, counted from 1: the first with at
    /// least the share q of all samples at or below it.
    #[must_use]
    pub fn rank(self, samples: u64) -> u64 {
        let rank = (u128::from(samples) * u128::from(self.0)).div_ceil(u128::from(MILLION));
        u64::try_from(rank).unwrap_or(samples).max(1)
    }
}

impl fmt::Display for Quantile {
    /// `p50`, `p99`, `p99.99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        if part == 0 {
            return write!(f, "p{whole}");
        }
        let part = format!("{part:04}");
        write!(f, "p{whole}.{}", part.trim_end_matches('0'))
    }
}

/// What stands where a quantile is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The quantile in ns, within the histogram's three significant digits.
    Value(u64),
    /// Above this many ns: the sample was too long for the histogram.
    Above(u64),
    /// Not enough of the N samples lie beyond it.
    TooFew(u64),
}

impl fmt::Display for Cell {
    /// `123 ns`, `> 60.0 s`, `n/a (12)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Value(ns) => f.pad(&units::time(ns)),
            Self::Above(ns) => f.pad(&format!("> {}", units::time(ns))),
            Self::TooFew(n) => f.pad(&format!("n/a ({})", units::count(n))),
        }
    }
}

/// The quantiles of every table, of one set of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// p50, p90, p99, p99.9 and p99.99, as in [`Quantile::TABLE`].
    pub cells: [Cell; 5],
    /// The longest sample; [`Cell::TooFew`] only where there is none.
    pub max: Cell,
    /// N, overflows included.
    pub samples: u64,
}

impl fmt::Display for Quantiles {
    /// `p50 97 ns, p90 110 ns, p99 n/a (120), …, max 1,200 ns, N 120`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (q, cell) in Quantile::TABLE.iter().zip(self.cells) {
            write!(f, "{q} {cell}, ")?;
        }
        write!(f, "max {}, N {}", self.max, units::count(self.samples))
    }
}

/// The answers to `wanted` (in rising order) over the samples in `histogram` and `overflow` more above
/// `limit_ns`, which the histogram does not hold. One pass, however many are wanted.
#[must_use]
pub fn cells(histogram: &Histogram<u64>, overflow: u64, limit_ns: u64, wanted: &[Quantile]) -> Vec<Cell> {
    debug_assert!(wanted.is_sorted(), "one pass wants the quantiles in rising order");
    let samples = histogram.len().saturating_add(overflow);
    let mut steps = histogram.iter_recorded();
    let (mut seen, mut value) = (0_u64, 0_u64);
    let mut answer = |q: &Quantile| {
        if !q.allowed(samples) {
            return Cell::TooFew(samples);
        }
        while seen < q.rank(samples) {
            let Some(step) = steps.next() else { return Cell::Above(limit_ns) };
            seen = seen.saturating_add(step.count_since_last_iteration());
            value = histogram.highest_equivalent(step.value_iterated_to());
        }
        Cell::Value(value)
    };
    wanted.iter().map(&mut answer).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn histogram(samples: &[u64]) -> Histogram<u64> {
        let mut h = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        for &s in samples {
            h.record(s).unwrap();
        }
        h
    }

    /// The rule over a sorted vector, in words: the sample of rank ceil(qN) if ten lie beyond q.
    fn naive(sorted: &[u64], q: Quantile) -> Option<u64> {
        let n = sorted.len() as u128;
        let share_beyond = n * u128::from(MILLION - q.ppm());
        (share_beyond >= u128::from(BEYOND) * u128::from(MILLION)).then(|| {
            let at_or_below = |i: usize| (i as u128 + 1) * u128::from(MILLION) >= n * u128::from(q.ppm());
            sorted[(0..sorted.len()).find(|&i| at_or_below(i)).unwrap()]
        })
    }

    fn agree(samples: &mut [u64], wanted: &[Quantile]) {
        samples.sort_unstable();
        let h = histogram(samples);
        for (q, cell) in wanted.iter().zip(cells(&h, 0, 60_000_000_000, wanted)) {
            match (cell, naive(samples, *q)) {
                (Cell::Value(ns), Some(sample)) => assert!(h.equivalent(ns, sample), "{q}: {ns} {sample}"),
                (Cell::TooFew(n), None) => assert_eq!(n, samples.len() as u64),
                (cell, sample) => panic!("{q} of {}: {cell:?} against {sample:?}", samples.len()),
            }
        }
    }

    #[test]
    fn every_size_up_to_1200_agrees_with_the_sorted_vector() {
        let wanted: Vec<_> = (0..1_000).step_by(7).filter_map(|p| Quantile::from_ppm(p * 1_000)).collect();
        let mut state = 1_u64;
        for n in 0..1_200_u64 {
            let mut samples: Vec<u64> = (0..n)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % 10_u64.pow(1 + u32::try_from(n % 9).unwrap())
                })
                .collect();
            agree(&mut samples, if n % 50 == 0 { &wanted } else { &Quantile::TABLE });
        }
    }

    #[test]
    fn the_sizes_where_a_quantile_appears() {
        for (q, needed) in Quantile::TABLE.into_iter().zip([20, 100, 1_000, 10_000, 100_000]) {
            assert_eq!(q.samples_needed(), needed);
            for n in needed - 1..=needed + 1 {
                agree(&mut (1..=n).collect::<Vec<_>>(), &Quantile::TABLE);
            }
        }
    }

    #[test]
    fn the_furthest_quantile_is_allowed_and_the_next_is_not() {
        assert_eq!(Quantile::furthest(0), None);
        assert_eq!(Quantile::furthest(9), None);
        assert_eq!(Quantile::furthest(10).map(Quantile::ppm), Some(0));
        for n in (10..3_000).chain([9_999, 10_000, 99_999, 100_000, 1_000_000, 9_999_999, u64::MAX]) {
            let q = Quantile::furthest(n).unwrap();
            assert!(q.allowed(n), "{n}");
            assert!(Quantile::from_ppm(q.ppm() + 1).is_none_or(|next| !next.allowed(n)), "{n}");
        }
    }

    #[test]
    fn samples_that_were_too_long_count_as_beyond_all_others() {
        let h = histogram(&[5; 60]);
        let answers = cells(&h, 40, 77, &[Quantile::P50, Quantile::P90]);
        assert_eq!(answers, [Cell::Value(5), Cell::Above(77)]);
    }

    #[test]
    fn names() {
        let names: Vec<_> = Quantile::TABLE.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["p50", "p90", "p99", "p99.9", "p99.99"]);
        assert_eq!(Quantile::from_ppm(999_999).unwrap().to_string(), "p99.9999");
        assert_eq!(Quantile::from_ppm(MILLION), None);
        assert_eq!(Cell::TooFew(1_234).to_string(), "n/a (1,234)");
        assert_eq!(Cell::Above(60_000_000_000).to_string(), "> 60.0 s");
    }
}
