//! A family of tests with one probability of any wrong one: the step-down method.
//!
//! S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979. No assumption on how the tests
//! hang together.

/// The adjusted probabilities, in the order of `p`: a test is rejected at `alpha` where its adjusted
/// probability is at most `alpha`.
#[must_use]
pub fn adjusted(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (done, i) in rising(p).into_iter().enumerate() {
        largest = largest.max((p[i] * (p.len() - done) as f64).min(1.0));
        adjusted[i] = largest;
    }
    adjusted
}

/// The level at which each test is made, in the order of `p`: alpha / m for the smallest probability, alpha
/// / (m - 1) for the next, and so on up to the first that is kept; all after it share its level. A test is
/// rejected exactly where its probability is at most its level, so that an interval at this level says the
/// same as the test.
#[must_use]
pub fn levels(p: &[f64], alpha: f64) -> Vec<f64> {
    let mut levels = vec![0.0; p.len()];
    let mut kept = None;
    for (done, i) in rising(p).into_iter().enumerate() {
        let level = kept.unwrap_or(alpha / (p.len() - done) as f64);
        if p[i] > level {
            kept = Some(level);
        }
        levels[i] = level;
    }
    levels
}

/// Which probability comes first, second and so on.
pub(super) fn rising(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By hand, from the definition: `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` in R.
    #[test]
    fn four_by_hand() {
        let found = adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(adjusted(&[]).is_empty() && levels(&[], 0.05).is_empty());
    }

    /// The fifteen probabilities of Y. Benjamini and Y. Hochberg, 1995, section 4.1 (thrombolysis after
    /// infarction): Bonferroni and Hochberg reject three, and so does Holm. R: `sum(p.adjust(p, "holm") <= 0.05)`.
    #[test]
    fn fifteen_of_a_paper() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        assert_eq!(adjusted(&p).iter().filter(|p| **p <= 0.05).count(), 3);
        let levels = levels(&p, 0.05);
        assert!((levels[0] - 0.05 / 15.0).abs() < 1e-15 && (levels[2] - 0.05 / 13.0).abs() < 1e-15);
        assert!(levels[3..].iter().all(|level| (level - 0.05 / 12.0).abs() < 1e-15));
    }

    /// The closed test: reject one where every family that holds it has, by Bonferroni, a small one.
    fn closed(p: &[f64], alpha: f64, i: usize) -> bool {
        (1_u32..1 << p.len()).filter(|family| family >> i & 1 == 1).all(|family| {
            let members = || (0..p.len()).filter(|j| family >> j & 1 == 1);
            members().any(|j| p[j] * members().count() as f64 <= alpha)
        })
    }

    proptest! {
        #[test]
        fn it_is_the_closure_of_bonferroni(whole in proptest::collection::vec(0_u32..300, 1..7)) {
            let p: Vec<f64> = whole.iter().map(|p| f64::from(*p) / 3_000.7).collect();
            let (adjusted, levels) = (adjusted(&p), levels(&p, 0.05));
            for i in 0..p.len() {
                prop_assert_eq!(closed(&p, 0.05, i), adjusted[i] <= 0.05);
                prop_assert_eq!(p[i] <= levels[i], adjusted[i] <= 0.05);
            }
        }
    }
}
