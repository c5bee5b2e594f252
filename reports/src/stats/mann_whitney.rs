//! The rank-sum test of two sets that are not paired, exactly, and the shift between them.
//!
//! F. Wilcoxon, 1945; H. Mann and D. Whitney, "On a Test of Whether One of Two Random Variables is
//! Stochastically Larger than the Other", 1947; the shift is that of J. Hodges and E. Lehmann, 1963, its
//! interval P. Moses's (1953). It tests whether the sets are alike; what made them differ it cannot know.

use super::normal;
use super::ranks::{bound, choice_sums, doubled, two_sided};
use super::sign_test::Estimate;
use super::{median, sorted};

/// The most values of both sets together whose distribution is exact; above, it is the normal one.
pub const EXACT: usize = 60;

/// A rank-sum test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSum {
    /// U: the pairs in which the left value is larger, ties counting a half.
    pub u: f64,
    /// The probability of a U at least as far out, both sides together.
    pub p: f64,
    /// Whether `p` is exact; else it is the normal approximation with ties and continuity corrected.
    pub exact: bool,
}

/// The test of `left` against `right`; nothing where one is empty.
#[must_use]
pub fn rank_sum(left: &[f64], right: &[f64]) -> Option<RankSum> {
    let (left, right) = (sorted(left), sorted(right));
    let (m, n) = (left.len(), right.len());
    if m == 0 || n == 0 {
        return None;
    }
    let ranks = doubled(&[left.as_slice(), right.as_slice()].concat());
    let sum: usize = ranks[..m].iter().sum();
    let u = (sum - m * (m + 1)) as f64 / 2.0;
    let exact = m + n <= EXACT;
    let p = if exact { two_sided(&choice_sums(&ranks, m), sum) } else { approximate(u, m, n, &ranks) };
    Some(RankSum { u, p, exact })
}

/// The normal approximation (Mann and Whitney, 1947), with the variance of tied ranks.
fn approximate(u: f64, m: usize, n: usize, ranks: &[usize]) -> f64 {
    let (m, n) = (m as f64, n as f64);
    let all = m + n;
    let centre = (all + 1.0) / 2.0;
    let squares: f64 = ranks.iter().map(|&rank| (rank as f64 / 2.0 - centre).powi(2)).sum();
    let variance = m * n / (all * (all - 1.0)) * squares;
    let away = ((u - m * n / 2.0).abs() - 0.5).max(0.0);
    if variance > 0.0 { (2.0 * normal::cdf(-away / variance.sqrt())).min(1.0) } else { 1.0 }
}

/// The smallest probability that sets of m and n can reach: whether the test can say anything.
#[must_use]
pub fn smallest_p(m: usize, n: usize) -> f64 {
    let choices = (1..=m).fold(1.0, |ways, i| ways * (n + i) as f64 / i as f64);
    (2.0 / choices).min(1.0)
}

/// How far `right` lies above `left`: the median of all differences right - left, with an interval that
/// misses with a probability of at most `alpha` where the sets differ by a shift alone. No interval where
/// the sets are too small, or larger than [`EXACT`]; nothing where one is empty.
#[must_use]
pub fn shift(left: &[f64], right: &[f64], alpha: f64) -> Option<Estimate> {
    let (left, right) = (sorted(left), sorted(right));
    let differences = sorted(&right.iter().flat_map(|r| left.iter().map(move |l| r - l)).collect::<Vec<_>>());
    let interval = rank(left.len(), right.len(), alpha).and_then(|(rank, coverage)| {
        let low = differences.get(rank.checked_sub(1)?)?;
        let high = differences.get(differences.len().checked_sub(rank)?)?;
        Some((*low, *high, coverage))
    });
    Some(Estimate { median: median(&differences)?, interval, n: left.len() + right.len() })
}

/// Which difference from each end bounds the interval, counted from 1, and the interval's coverage.
fn rank(m: usize, n: usize, alpha: f64) -> Option<(usize, f64)> {
    if m + n > EXACT {
        return None;
    }
    let ranks: Vec<usize> = (1..=m + n).collect();
    bound(choice_sums(&ranks, m).into_iter().skip(m * (m + 1) / 2), alpha)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use proptest::prelude::*;

    /// Water through the chorioamnion, at term and before (M. Hollander and D. Wolfe, 1973, page 69).
    const TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const BEFORE: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

    /// R: `wilcox.test(x, y, alternative = "greater")` says W = 35, p = 0.1272; the package coin, exact and
    /// of both sides, says p = 0.2544, a shift of -0.305, and -0.76 to 0.15.
    #[test]
    fn chorioamnion() {
        let found = rank_sum(&TERM, &BEFORE).unwrap();
        assert!((found.u - 35.0).abs() < 1e-12 && found.exact);
        assert!((found.p - 0.2544).abs() < 5e-5, "{found:?}");
        let shift = shift(&TERM, &BEFORE, 0.05).unwrap();
        let (low, high, _) = shift.interval.unwrap();
        assert!((shift.median + 0.305).abs() < 1e-12, "{shift:?}");
        assert!((low + 0.76).abs() < 1e-12 && (high - 0.15).abs() < 1e-12, "{shift:?}");
    }

    /// Critical values of U at 5 %, both sides (Mann and Whitney's table as extended by D. Auble, 1953).
    /// R: `qwilcox(0.025, n, n) - 1`.
    #[test]
    fn critical_values_of_the_table() {
        let table =
            [(4, 0), (5, 2), (6, 5), (7, 8), (8, 13), (9, 17), (10, 23), (12, 37), (15, 64), (20, 127)];
        for (n, u) in table {
            // The interval starts one after the critical value.
            assert_eq!(rank(n, n, 0.05).map(|(rank, _)| rank), Some(u + 1), "{n}");
        }
        assert_eq!((rank(3, 3, 0.05), rank(31, 30, 0.05)), (None, None));
    }

    #[test]
    fn what_small_sets_can_reach() {
        assert!((smallest_p(3, 3) - 0.1).abs() < 1e-15);
        assert!((smallest_p(4, 4) - 2.0 / 70.0).abs() < 1e-15);
        assert!((smallest_p(1, 39) - 0.05).abs() < 1e-15);
        let extreme = rank_sum(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).unwrap();
        assert!((extreme.u - 0.0).abs() < 1e-15 && (extreme.p - 0.1).abs() < 1e-12);
    }

    #[test]
    fn the_approximation_is_near_where_both_can_be_had() {
        let left: Vec<f64> = (0..25).map(f64::from).collect();
        for move_by in 0..12 {
            let right: Vec<f64> = (0..25).map(|i| f64::from(i + move_by) + 0.25).collect();
            let exact = rank_sum(&left, &right).unwrap();
            let ranks = doubled(&[left.as_slice(), right.as_slice()].concat());
            let near = approximate(exact.u, 25, 25, &ranks);
            assert!((exact.p - near).abs() < 0.01, "{move_by}: {} {near}", exact.p);
        }
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(!rank_sum(&many, &many).unwrap().exact);
        assert!((rank_sum(&[1.0; 50], &[1.0; 50]).unwrap().p - 1.0).abs() < 1e-15);
        assert_eq!((rank_sum(&[], &many), shift(&[], &many, 0.05)), (None, None));
    }

    /// Every way to deal the values to two sets.
    fn brute_force(left: &[f64], right: &[f64]) -> f64 {
        let all = [left, right].concat();
        let u = |is_left: &dyn Fn(usize) -> bool| {
            let mut u = 0.0;
            for i in (0..all.len()).filter(|i| is_left(*i)) {
                for j in (0..all.len()).filter(|j| !is_left(*j)) {
                    u += if all[i] > all[j] { 1.0 } else { f64::from(u8::from(all[i] == all[j])) / 2.0 };
                }
            }
            u
        };
        let seen = u(&|i| i < left.len());
        let deals: Vec<f64> = (0_u32..1 << all.len())
            .filter(|deal| deal.count_ones() as usize == left.len())
            .map(|deal| u(&|i| deal >> i & 1 == 1))
            .collect();
        let share = |side: &dyn Fn(f64) -> bool| {
            deals.iter().filter(|u| side(**u)).count() as f64 / deals.len() as f64
        };
        (2.0 * share(&|u| u <= seen).min(share(&|u| u >= seen))).min(1.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn all_deals_are_counted(
            left in proptest::collection::vec(0_u8..8, 1..6),
            right in proptest::collection::vec(0_u8..8, 1..6),
        ) {
            let (left, right): (Vec<f64>, Vec<f64>) =
                (left.into_iter().map(f64::from).collect(), right.into_iter().map(f64::from).collect());
            let found = rank_sum(&left, &right).unwrap();
            prop_assert!((found.p - brute_force(&left, &right)).abs() < 1e-12);
            let back = rank_sum(&right, &left).unwrap();
            prop_assert!((found.p - back.p).abs() < 1e-12);
            prop_assert!((found.u + back.u - (left.len() * right.len()) as f64).abs() < 1e-12);
        }
    }
}
