//! Ranks with ties, and the exact distribution of a sum of some of them.
//!
//! Ties share the mean of their ranks. Ranks are kept doubled, so that they stay whole numbers and sums are
//! exact.

/// Twice the rank of each value, counted from 1; equal values share the mean of their ranks.
#[must_use]
pub fn doubled(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0; values.len()];
    let mut done = 0;
    for group in order.chunk_by(|&i, &j| values[i].total_cmp(&values[j]).is_eq()) {
        // Ranks done + 1 to done + len: twice their mean is the sum of the ends.
        let shared = (done + 1) + (done + group.len());
        for &i in group {
            ranks[i] = shared;
        }
        done += group.len();
    }
    ranks
}

/// Which of the ordered values that a rank statistic compares bounds its interval at `alpha`, counted from 1 from
/// each end, and the interval's coverage; nothing where even the outermost ones miss too often. `probability` is
/// that of each value of the statistic, the smallest first.
#[must_use]
pub fn bound(probability: impl IntoIterator<Item = f64>, alpha: f64) -> Option<(usize, f64)> {
    let (mut rank, mut missed) = (0, 0.0);
    for p in probability {
        if 2.0 * (missed + p) > alpha {
            break;
        }
        (rank, missed) = (rank + 1, missed + p);
    }
    (rank > 0).then_some((rank, 1.0 - 2.0 * missed))
}

/// The probability of each sum of a random subset of `ranks`, every rank in or out by a fair coin (the shift
/// algorithm of B. Streitberg and J. Roehmel, 1986).
#[must_use]
pub fn coin_sums(ranks: &[usize]) -> Vec<f64> {
    let mut probability = vec![0.0; ranks.iter().sum::<usize>() + 1];
    probability[0] = 1.0;
    let mut top = 0;
    for &rank in ranks {
        top += rank;
        for sum in (0..=top).rev() {
            let with = sum.checked_sub(rank).map_or(0.0, |rest| probability[rest]);
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    probability
}

/// The probability of each sum of `k` of the `ranks`, every choice alike (Streitberg and Roehmel, 1986).
#[must_use]
pub fn choice_sums(ranks: &[usize], k: usize) -> Vec<f64> {
    let size = ranks.iter().sum::<usize>() + 1;
    let mut ways = vec![vec![0.0; size]; k + 1];
    ways[0][0] = 1.0;
    for &rank in ranks {
        for chosen in (1..=k).rev() {
            let (below, here) = ways.split_at_mut(chosen);
            let (from, to) = (&below[chosen - 1], &mut here[0]);
            for sum in rank..size {
                to[sum] += from[sum - rank];
            }
        }
    }
    let counts = ways.swap_remove(k);
    let all: f64 = counts.iter().sum();
    counts.into_iter().map(|count| if all > 0.0 { count / all } else { 0.0 }).collect()
}

/// Both tails of a symmetric or skew distribution at `at`: twice the smaller one, at most 1.
#[must_use]
pub fn two_sided(probability: &[f64], at: usize) -> f64 {
    let at_most: f64 = probability.iter().take(at + 1).sum();
    let at_least: f64 = probability.iter().skip(at).rev().sum();
    (2.0 * at_most.min(at_least)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_a_mean_rank() {
        assert_eq!(doubled(&[3.0, 1.0, 2.0]), [6, 2, 4]);
        assert_eq!(doubled(&[1.0, 5.0, 1.0, 5.0, 5.0]), [3, 8, 3, 8, 8]);
        assert!(doubled(&[]).is_empty());
    }

    /// Over all subsets of up to ten ranks with ties.
    #[test]
    fn sums_are_those_of_all_subsets() {
        let ranks = doubled(&[1.0, 2.0, 2.0, 4.0, 7.0, 7.0, 7.0, 9.0]);
        let size = ranks.iter().sum::<usize>() + 1;
        let (mut coins, mut chosen) = (vec![0.0; size], vec![0.0; size]);
        for subset in 0..1_u32 << ranks.len() {
            let sum: usize = (0..ranks.len()).filter(|i| subset >> i & 1 == 1).map(|i| ranks[i]).sum();
            coins[sum] += 1.0 / 256.0;
            if subset.count_ones() == 3 {
                chosen[sum] += 1.0 / 56.0;
            }
        }
        for (found, expected) in [(coin_sums(&ranks), coins), (choice_sums(&ranks, 3), chosen)] {
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?}");
        }
    }

    #[test]
    fn no_more_than_all_can_be_chosen() {
        assert!(choice_sums(&[2, 4], 3).iter().all(|p| *p == 0.0));
        assert_eq!(choice_sums(&[], 0), [1.0]);
        assert!((two_sided(&[0.25, 0.5, 0.25], 1) - 1.0).abs() < 1e-15);
        assert!((two_sided(&[0.25, 0.5, 0.25], 2) - 0.5).abs() < 1e-15);
    }
}
