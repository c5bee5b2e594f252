//! The exact interval of a rate: how often something happens that happened x times in n.
//!
//! C. Clopper and E. Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
//! Binomial", 1934. Its ends are quantiles of the beta distribution; it covers at least what it says.

use super::beta::quantile;

/// The interval of the rate behind `x` of `n`, missing it on each side with a probability of at most
/// `alpha` / 2. All of [0, 1] where n is 0; an x above n is taken as n.
#[must_use]
pub fn interval(x: u64, n: u64, alpha: f64) -> (f64, f64) {
    (lower(x, n, alpha / 2.0), upper(x, n, alpha / 2.0))
}

/// The rate below which the true one lies with a probability of at most `alpha`: one side only.
#[must_use]
pub fn lower(x: u64, n: u64, alpha: f64) -> f64 {
    let x = x.min(n);
    if x == 0 { 0.0 } else { quantile(alpha, x as f64, (n - x) as f64 + 1.0) }
}

/// The rate above which the true one lies with a probability of at most `alpha`: one side only.
#[must_use]
pub fn upper(x: u64, n: u64, alpha: f64) -> f64 {
    let x = x.min(n);
    if x == n { 1.0 } else { quantile(1.0 - alpha, x as f64 + 1.0, (n - x) as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W. Conover, 1971, pages 97 and 104: progeny of plants. R: `binom.test(682, 925)` says 0.7076683 to
    /// 0.7654066.
    #[test]
    fn progeny_of_plants() {
        let (low, high) = interval(682, 925, 0.05);
        assert!((low - 0.707_668_3).abs() < 5e-8, "{low}");
        assert!((high - 0.765_406_6).abs() < 5e-8, "{high}");
    }

    /// None of n: 1 - (alpha / 2)^(1 / n), by hand. R: `binom.test(0, 10)` says 0 to 0.3084971.
    #[test]
    fn none_and_all() {
        for n in [1, 10, 300, 900] {
            let hand = 1.0 - 0.025_f64.powf(1.0 / n as f64);
            let (low, high) = interval(0, n, 0.05);
            assert!(low.abs() < 1e-300 && (high - hand).abs() < 1e-12, "{n}: {high} {hand}");
            let (low, high) = interval(n, n, 0.05);
            assert!((low - (1.0 - hand)).abs() < 1e-12 && (high - 1.0).abs() < 1e-15);
        }
        assert!((interval(0, 10, 0.05).1 - 0.308_497_1).abs() < 5e-8);
        assert_eq!((interval(0, 0, 0.05), interval(3, 2, 0.05).1), ((0.0, 1.0), 1.0));
    }

    fn at_most(x: u64, n: u64, p: f64) -> f64 {
        let mut term = (1.0 - p).powf(n as f64);
        let mut sum = term;
        for k in 0..x {
            term *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
            sum += term;
        }
        sum
    }

    /// At the upper end, at most x of n happen with just alpha / 2: the definition, by plain sums.
    #[test]
    fn the_ends_are_where_the_sums_say() {
        for n in [5, 20, 47] {
            for x in 1..n {
                let (low, high) = interval(x, n, 0.05);
                assert!((at_most(x, n, high) - 0.025).abs() < 1e-9, "{x} of {n}");
                assert!((at_most(x - 1, n, low) - 0.975).abs() < 1e-9, "{x} of {n}");
            }
        }
    }

    #[test]
    fn coverage_is_at_least_what_it_says() {
        for step in 1..50 {
            let p = f64::from(step) / 50.0;
            let covers = |x: &u64| {
                let (low, high) = interval(*x, 12, 0.05);
                low <= p && p <= high
            };
            let one = |x: u64| at_most(x, 12, p) - if x == 0 { 0.0 } else { at_most(x - 1, 12, p) };
            let coverage: f64 = (0..=12).filter(covers).map(one).sum();
            assert!(coverage >= 0.95 - 1e-12, "{p}: {coverage}");
        }
    }
}
