//! The centre of symmetric differences: the median of all means of two, with its exact signed-rank interval.
//!
//! J. Hodges and E. Lehmann, "Estimates of Location Based on Rank Tests", 1963; the interval is J. Tukey's
//! (1949), as in M. Hollander and D. Wolfe, "Nonparametric Statistical Methods", 1973, section 3.3. Where
//! the differences are symmetric it is narrower than the sign test's; where they are not, it is about
//! another centre than the median. It stands beside a verdict and never decides one.

use super::ranks::bound;
use super::sign_test::Estimate;
use super::wilcoxon::distribution;
use super::{median, sorted};

/// The means of all pairs, each value with itself included, in rising order: n (n + 1) / 2 of them.
#[must_use]
pub fn walsh_averages(differences: &[f64]) -> Vec<f64> {
    let values = sorted(differences);
    let pairs =
        values.iter().enumerate().flat_map(|(i, a)| values[i..].iter().map(|b| f64::midpoint(*a, *b)));
    sorted(&pairs.collect::<Vec<_>>())
}

/// The centre of `differences` with an interval that misses it with a probability of at most `alpha`; no
/// interval where they are too few for `alpha` or too many for the exact distribution; nothing of nothing.
#[must_use]
pub fn estimate(differences: &[f64], alpha: f64) -> Option<Estimate> {
    let n = sorted(differences).len();
    let averages = walsh_averages(differences);
    let interval = rank(n, alpha).and_then(|(rank, coverage)| {
        let low = averages.get(rank.checked_sub(1)?)?;
        let high = averages.get(averages.len().checked_sub(rank)?)?;
        Some((*low, *high, coverage))
    });
    Some(Estimate { median: median(&averages)?, interval, n })
}

/// Which average from each end bounds the interval, counted from 1, and the interval's coverage.
fn rank(n: usize, alpha: f64) -> Option<(usize, f64)> {
    bound(distribution(n)?, alpha)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise
    #![allow(clippy::approx_constant)] // a patient, not pi

    use super::*;
    use crate::stats::wilcoxon::signed_rank;
    use proptest::prelude::*;

    /// Hollander and Wolfe (1973), examples 3.2 and 3.3: -0.46, and -0.786 to -0.010 at 96.1 %.
    /// R: `wilcox.test(y, x, paired = TRUE, conf.int = TRUE)`.
    #[test]
    fn depression_scale() {
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = before.iter().zip(after).map(|(x, y)| y - x).collect();
        let found = estimate(&differences, 0.05).unwrap();
        let (low, high, coverage) = found.interval.unwrap();
        assert!((found.median + 0.46).abs() < 1e-12, "{found:?}");
        assert!((low + 0.786).abs() < 1e-12 && (high + 0.010).abs() < 1e-12, "{found:?}");
        assert!((coverage - 0.961).abs() < 5e-4, "{found:?}");
    }

    /// R: `wilcox.test(1:12, conf.int = TRUE)` needs the 14th of 78 averages; six values need all.
    #[test]
    fn ranks_of_the_table_of_critical_values() {
        // One more than the critical value of the signed-rank test: 13 for 12, 0 for 6.
        assert_eq!(rank(12, 0.05).map(|(rank, _)| rank), Some(14));
        assert_eq!(rank(6, 0.05).map(|(rank, _)| rank), Some(1));
        assert_eq!((rank(5, 0.05), rank(0, 0.05)), (None, None));
        let twelve = walsh_averages(&(1..=12).map(f64::from).collect::<Vec<_>>());
        assert_eq!((twelve.len(), twelve[0], twelve[77]), (78, 1.0, 12.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Inside the interval are exactly the centres that the test does not refuse.
        #[test]
        fn the_interval_is_the_test_turned_round(seed in proptest::collection::vec(-1_000_i32..1_000, 6..14)) {
            // Distinct sizes whose sums differ: no ties among the averages.
            let values: Vec<f64> =
                (0..).zip(&seed).map(|(i, x)| f64::from(*x) + f64::from(i).sqrt() * 0.37).collect();
            let (low, high, _) = estimate(&values, 0.05).unwrap().interval.unwrap();
            for (centre, kept) in
                [(low + 1e-7, true), (high - 1e-7, true), (low - 1e-7, false), (high + 1e-7, false)]
            {
                let shifted: Vec<f64> = values.iter().map(|x| x - centre).collect();
                prop_assert_eq!(signed_rank(&shifted).unwrap().p > 0.05, kept, "{} in {}..{}", centre, low, high);
            }
        }
    }

    #[test]
    fn few_and_none() {
        assert_eq!(estimate(&[], 0.05), None);
        let five = estimate(&[1.0, 2.0, 3.0, 4.0, 50.0], 0.05).unwrap();
        assert_eq!((five.median, five.interval, five.n), (3.0, None, 5));
        let with_holes = estimate(&[f64::NAN, 2.0], 0.05).unwrap();
        assert_eq!((with_holes.median, with_holes.n), (2.0, 1));
    }
}
