//! The exact interval of a median, from order statistics: the sign test turned round.
//!
//! Of n independent differences the k-th smallest and the k-th largest enclose the median of their
//! distribution unless fewer than k of them lie on one side of it, which is a binomial probability
//! whatever the distribution. Twelve blocks at 5 %: the 3rd to the 10th, 96.1 %.

use super::binomial::{MOST, probability_at_most};
use super::{median, sorted};

/// The probability of a wrong interval that is allowed, both sides together.
pub const ALPHA: f64 = 0.05;

/// Which order statistics make the interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// The lower one, counted from 1.
    pub low: usize,
    /// The upper one, counted from 1.
    pub high: usize,
    /// The probability that they enclose the median.
    pub coverage: f64,
}

/// The narrowest symmetric pair whose coverage is at least 1 - `alpha`; nothing where n values are too
/// few. More than [`MOST`] values are taken as that many, which errs on the wide side in rank.
#[must_use]
pub fn ranks(n: usize, alpha: f64) -> Option<Ranks> {
    let tosses = u32::try_from(n).unwrap_or(u32::MAX).min(MOST);
    let missed = |k: u32| probability_at_most(tosses, k).map(|p| 2.0 * p);
    let k = (0..tosses.div_ceil(2)).take_while(|&k| missed(k).is_some_and(|m| m <= alpha)).last()?;
    let low = usize::try_from(k).ok()? + 1;
    Some(Ranks { low, high: n + 1 - low, coverage: 1.0 - missed(k)? })
}

/// The probability of signs at least as one-sided, both sides together, if the median is `centre`; 1 of
/// nothing, nothing above [`MOST`]. A difference of exactly `centre` counts on the side that it hurts, so that
/// the interval at a level leaves `centre` out exactly where this is at most the level.
#[must_use]
pub fn p_value(differences: &[f64], centre: f64) -> Option<f64> {
    let count = |side: &dyn Fn(f64) -> bool| differences.iter().filter(|d| side(**d)).count();
    let few = count(&|d| d <= centre).min(count(&|d| d >= centre));
    let n = count(&|d| d.is_finite());
    let p = probability_at_most(u32::try_from(n).ok()?, u32::try_from(few).ok()?)?;
    Some((2.0 * p).min(1.0))
}

/// The median of differences, with its interval where they are enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The interval and its coverage.
    pub interval: Option<(f64, f64, f64)>,
    /// How many differences.
    pub n: usize,
}

/// The estimate of `differences`; nothing of nothing.
#[must_use]
pub fn estimate(differences: &[f64], alpha: f64) -> Option<Estimate> {
    let sorted = sorted(differences);
    let median = median(&sorted)?;
    let interval = ranks(sorted.len(), alpha).and_then(|ranks| {
        let at = |rank: usize| sorted.get(rank.checked_sub(1)?).copied();
        Some((at(ranks.low)?, at(ranks.high)?, ranks.coverage))
    });
    Some(Estimate { median, interval, n: sorted.len() })
}

impl Estimate {
    /// Of logarithms of ratios: the ratios.
    #[must_use]
    pub fn exp(self) -> Self {
        let interval = self.interval.map(|(low, high, coverage)| (low.exp(), high.exp(), coverage));
        Self { median: self.median.exp(), interval, n: self.n }
    }

    /// Whether the interval leaves `x` out; never without an interval.
    #[must_use]
    pub fn excludes(self, x: f64) -> bool {
        self.interval.is_some_and(|(low, high, _)| x < low || x > high)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn twelve_blocks_are_the_third_to_the_tenth() {
        let twelve = ranks(12, ALPHA).unwrap();
        assert_eq!((twelve.low, twelve.high), (3, 10));
        assert!((twelve.coverage - 0.961_425_781_25).abs() < 1e-12);
        let six = ranks(6, ALPHA).unwrap();
        assert_eq!((six.low, six.high), (1, 6));
        assert_eq!(ranks(5, ALPHA), None);
    }

    /// Over all sequences of signs: how often the interval encloses the median.
    fn brute_force(n: u32, low: usize, high: usize) -> f64 {
        let enclosed = (0..1_u64 << n).filter(|signs| {
            // Values below the median are the set bits; the interval misses it where the lower bound is
            // above, or the upper bound below.
            let below = signs.count_ones() as usize;
            low <= below && high > below
        });
        enclosed.count() as f64 / 2_f64.powi(n.cast_signed())
    }

    #[test]
    fn coverage_is_that_of_all_sequences_of_signs() {
        for n in 6..=18_u32 {
            let found = ranks(n as usize, ALPHA).unwrap();
            let counted = brute_force(n, found.low, found.high);
            assert!((found.coverage - counted).abs() < 1e-12, "{n}: {found:?} {counted}");
            let narrower = brute_force(n, found.low + 1, found.high - 1);
            assert!(counted >= 1.0 - ALPHA && narrower < 1.0 - ALPHA, "{n}: {found:?} {narrower}");
        }
    }

    #[test]
    fn from_five_to_forty_blocks_the_coverage_is_kept_and_the_next_pair_would_not_do() {
        for n in 5..=40_usize {
            let tosses = u32::try_from(n).unwrap();
            let covers = |low: u32| 1.0 - 2.0 * probability_at_most(tosses, low - 1).unwrap();
            match ranks(n, ALPHA) {
                None => assert!(covers(1) < 1.0 - ALPHA, "{n}"),
                Some(found) => {
                    let low = u32::try_from(found.low).unwrap();
                    assert_eq!(found.low + found.high, n + 1);
                    assert!((found.coverage - covers(low)).abs() < 1e-12 && found.coverage >= 1.0 - ALPHA);
                    assert!(covers(low + 1) < 1.0 - ALPHA, "{n}");
                }
            }
        }
    }

    #[test]
    fn estimates_take_their_bounds_from_the_values() {
        let differences: Vec<f64> = (1..=12).rev().map(f64::from).collect();
        let found = estimate(&differences, ALPHA).unwrap();
        assert_eq!((found.median, found.n), (6.5, 12));
        let (low, high, _) = found.interval.unwrap();
        assert_eq!((low, high), (3.0, 10.0));
        assert!(found.excludes(2.9) && !found.excludes(3.0) && found.excludes(10.1));
        assert_eq!(estimate(&[], ALPHA), None);
        assert!(estimate(&[1.0; 5], ALPHA).unwrap().interval.is_none());
        assert!((estimate(&[0.0; 12], ALPHA).unwrap().exp().median - 1.0).abs() < 1e-12);
    }

    /// R: `binom.test(2, 12)` says 0.03857; the interval says the same, with and without differences of zero.
    #[test]
    fn probability_and_interval_agree() {
        let twelve: Vec<f64> = (0..12).map(|i| f64::from(i) - 1.5).collect();
        assert!((p_value(&twelve, 0.0).unwrap() - 0.038_574_218_75).abs() < 1e-12);
        for code in 0..3_usize.pow(8) {
            let differences: Vec<f64> = (0..8).map(|i| (code / 3_usize.pow(i) % 3) as f64 - 1.0).collect();
            let p = p_value(&differences, 0.0).unwrap();
            for level in [0.01, 0.05, 0.1, 0.3] {
                let excluded = estimate(&differences, level).unwrap().excludes(0.0);
                assert_eq!(excluded, p <= level, "{differences:?} {level} {p}");
            }
        }
        assert_eq!((p_value(&[], 0.0), p_value(&[1.0; 121], 0.0)), (Some(1.0), None));
    }

    #[test]
    fn many_values_keep_working() {
        let found = ranks(100_000, ALPHA).unwrap();
        assert!(found.low < found.high && found.high <= 100_000);
    }
}
