//! The signed-rank test, exactly: is the centre of symmetric differences zero?
//!
//! F. Wilcoxon, "Individual Comparisons by Ranking Methods", 1945. Differences of zero are left out, as he
//! does; equal sizes share ranks, and the distribution is that of the ranks at hand, so that ties keep it
//! exact. It leans on symmetry, which the sign test does not: verdicts use the sign test.

use super::ranks::{coin_sums, doubled, two_sided};

/// The most differences that are ranked; the exact distribution grows with their square.
pub const MOST: usize = 200;

/// A signed-rank test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRank {
    /// V: the sum of the ranks of the positive differences.
    pub v: f64,
    /// The probability of a V at least as far out, both sides together.
    pub p: f64,
    /// The differences that are not zero.
    pub n: usize,
}

/// The test of `differences`; nothing where none is left, or more than [`MOST`] are.
#[must_use]
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    let kept: Vec<f64> = differences.iter().copied().filter(|d| d.is_finite() && *d != 0.0).collect();
    if kept.is_empty() || kept.len() > MOST {
        return None;
    }
    let ranks = doubled(&kept.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let sum: usize = kept.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
    let p = two_sided(&coin_sums(&ranks), sum);
    Some(SignedRank { v: sum as f64 / 2.0, p, n: kept.len() })
}

/// The probability of each V of `n` differences without ties, from 0 to n (n + 1) / 2; nothing above [`MOST`].
#[must_use]
pub fn distribution(n: usize) -> Option<Vec<f64>> {
    (n <= MOST).then(|| coin_sums(&(1..=n).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise
    #![allow(clippy::approx_constant)] // a patient, not pi

    use super::*;
    use proptest::prelude::*;

    /// The largest V whose two tails together stay within `alpha`.
    fn critical(n: usize, alpha: f64) -> Option<usize> {
        let probability = distribution(n)?;
        let at_most = |v: usize| 2.0 * probability[..=v].iter().sum::<f64>();
        (0..probability.len()).take_while(|&v| at_most(v) <= alpha).last()
    }

    /// F. Wilcoxon and R. Wilcox, "Some Rapid Approximate Statistical Procedures", 1964, table 2: critical
    /// values at 5 % and 1 %, both sides, n from 6 and 8 on. R: `qsignrank(alpha / 2, n) - 1`.
    #[test]
    fn critical_values_of_the_table() {
        let five = [0, 2, 3, 5, 8, 10, 13, 17, 21, 25, 29, 34, 40, 46, 52, 58, 65, 73, 81, 89];
        let one = [0, 1, 3, 5, 7, 9, 12, 15, 19, 23, 27, 32, 37, 42, 48, 54, 61, 68];
        for (n, v) in (6..).zip(five) {
            assert_eq!(critical(n, 0.05), Some(v), "5 %, {n}");
        }
        for (n, v) in (8..).zip(one) {
            assert_eq!(critical(n, 0.01), Some(v), "1 %, {n}");
        }
        assert_eq!((critical(5, 0.05), critical(7, 0.01)), (None, None));
    }

    /// Nine patients' depression scale before and after (M. Hollander and D. Wolfe, 1973, page 29).
    /// R: `wilcox.test(x, y, paired = TRUE, alternative = "greater")` says V = 40, p = 0.01953.
    #[test]
    fn depression_scale() {
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = before.iter().zip(after).map(|(x, y)| x - y).collect();
        let found = signed_rank(&differences).unwrap();
        assert_eq!((found.v, found.n), (40.0, 9));
        assert!((found.p / 2.0 - 0.019_531_25).abs() < 1e-12, "{found:?}");
    }

    /// Every assignment of signs to the sizes at hand.
    fn brute_force(differences: &[f64]) -> f64 {
        let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
        let ranks = doubled(&sizes);
        let sum_of =
            |signs: u32| (0..ranks.len()).filter(|i| signs >> i & 1 == 1).map(|i| ranks[i]).sum::<usize>();
        let seen: usize =
            differences.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
        let all = 1_u32 << ranks.len();
        let below = (0..all).filter(|&signs| sum_of(signs) <= seen).count();
        let above = (0..all).filter(|&signs| sum_of(signs) >= seen).count();
        (2.0 * below.min(above) as f64 / f64::from(all)).min(1.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn all_signs_are_counted(whole in proptest::collection::vec(-6_i32..=6, 1..11)) {
            let kept: Vec<f64> = whole.iter().filter(|d| **d != 0).map(|d| f64::from(*d)).collect();
            let all: Vec<f64> = whole.iter().map(|d| f64::from(*d)).collect();
            match signed_rank(&all) {
                None => prop_assert!(kept.is_empty()),
                Some(found) => prop_assert!((found.p - brute_force(&kept)).abs() < 1e-12),
            }
        }
    }

    #[test]
    fn too_many_and_none() {
        assert_eq!(signed_rank(&[0.0; 5]), None);
        assert_eq!(signed_rank(&vec![1.0; MOST + 1]), None);
        let all: f64 = distribution(MOST).unwrap().iter().sum();
        assert!((all - 1.0).abs() < 1e-12);
    }
}
