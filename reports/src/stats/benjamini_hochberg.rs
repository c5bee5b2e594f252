//! A sweep of tests with a bounded share of wrong ones among those rejected: the step-up method.
//!
//! Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate", 1995. It holds for tests that are
//! independent or hang together positively, which cells of one machine do. For exploration, never for a gate.

use super::holm::rising;

/// The adjusted probabilities, in the order of `p`: a test is rejected at rate `q` where its adjusted
/// probability is at most `q`.
#[must_use]
pub fn adjusted(p: &[f64]) -> Vec<f64> {
    let m = p.len() as f64;
    let mut adjusted = vec![0.0; p.len()];
    let mut smallest = 1.0_f64;
    for (before, i) in rising(p).into_iter().enumerate().rev() {
        smallest = smallest.min(p[i] * m / (before + 1) as f64);
        adjusted[i] = smallest;
    }
    adjusted
}

/// The one level of all tests: R q / m where R are rejected, q / m where none is. A test is rejected exactly
/// where its probability is at most the level; intervals of the rejected at this level miss in a share of at
/// most `q` (Y. Benjamini and D. Yekutieli, "False Discovery Rate-Adjusted Multiple Confidence Intervals",
/// 2005).
#[must_use]
pub fn level(p: &[f64], q: f64) -> f64 {
    let m = p.len().max(1) as f64;
    let order = rising(p);
    let rejected = (1..=p.len()).rev().find(|&r| p[order[r - 1]] <= r as f64 * q / m);
    rejected.unwrap_or(1) as f64 * q / m
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The fifteen probabilities of Benjamini and Hochberg, 1995, section 4.1: four are rejected at 5 %.
    /// R: `sum(p.adjust(p, "BH") <= 0.05)`.
    #[test]
    fn fifteen_of_the_paper() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let adjusted = adjusted(&p);
        assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), 4);
        assert!((adjusted[3] - 0.0095 * 15.0 / 4.0).abs() < 1e-12);
        assert!((level(&p, 0.05) - 4.0 * 0.05 / 15.0).abs() < 1e-15);
    }

    /// By hand, from the definition: `p.adjust(c(0.01, 0.04, 0.03, 0.005), "BH")` in R.
    #[test]
    fn four_by_hand() {
        for (found, expected) in adjusted(&[0.01, 0.04, 0.03, 0.005]).iter().zip([0.02, 0.04, 0.04, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(adjusted(&[]).is_empty());
        assert!((level(&[], 0.05) - 0.05).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn the_level_says_what_the_adjusted_probabilities_say(
            whole in proptest::collection::vec(0_u32..300, 1..12),
        ) {
            let p: Vec<f64> = whole.iter().map(|p| f64::from(*p) / 3_000.7).collect();
            let (adjusted, level) = (adjusted(&p), level(&p, 0.05));
            for (p, adjusted) in p.iter().zip(adjusted) {
                prop_assert_eq!(*p <= level, adjusted <= 0.05 + 1e-15);
            }
        }
    }
}
