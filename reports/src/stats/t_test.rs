//! Student's t-test of two means, for change points only: verdicts on launches do not assume normal data.
//!
//! Student, "The Probable Error of a Mean", 1908.

use super::beta::regularized;
use super::mean;

/// A t-test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TTest {
    /// The difference of the means, left minus right, in standard errors; infinite where nothing spreads.
    pub t: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// The probability of a t at least as far from 0.
    pub p: f64,
}

/// The test with one variance for both sides; nothing where a side is empty or both together have fewer
/// than three values.
#[must_use]
pub fn student(left: &[f64], right: &[f64]) -> Option<TTest> {
    let (a, b) = (side(left)?, side(right)?);
    let df = a.n + b.n - 2.0;
    let pooled = (a.squares + b.squares) / df;
    (df > 0.0).then(|| test(a.mean - b.mean, (pooled * (1.0 / a.n + 1.0 / b.n)).sqrt(), df))
}

/// The probability of a t of `df` degrees of freedom at least as far from 0 as `t`.
#[must_use]
pub fn two_sided(t: f64, df: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    regularized(df / (df + t * t), df / 2.0, 0.5)
}

struct Side {
    n: f64,
    mean: f64,
    squares: f64,
}

fn side(values: &[f64]) -> Option<Side> {
    let mean = mean(values)?;
    Some(Side { n: values.len() as f64, mean, squares: values.iter().map(|x| (x - mean).powi(2)).sum() })
}

fn test(difference: f64, error: f64, df: f64) -> TTest {
    if error == 0.0 {
        let t = if difference == 0.0 { 0.0 } else { f64::INFINITY.copysign(difference) };
        return TTest { t, df, p: two_sided(t, df) };
    }
    let t = difference / error;
    TTest { t, df, p: two_sided(t, df) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    /// Extra sleep of ten patients under two drugs, from Student, 1908.
    const FIRST: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const SECOND: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

    /// R: `t.test(extra ~ group, sleep, var.equal = TRUE)`: t = -1.8608, df = 18, p = 0.07919.
    #[test]
    fn sleep() {
        let pooled = student(&FIRST, &SECOND).unwrap();
        assert!((pooled.t + 1.8608).abs() < 5e-5 && (pooled.df - 18.0).abs() < 1e-12, "{pooled:?}");
        assert!((pooled.p - 0.07919).abs() < 5e-6, "{pooled:?}");
    }

    /// The table of t at 5 %, both sides (R. Fisher, 1925). R: `qt(0.975, c(1, 2, 5, 10, 30, 120))`.
    #[test]
    fn critical_values_of_the_table() {
        for (df, t) in
            [(1.0, 12.7062), (2.0, 4.3027), (5.0, 2.5706), (10.0, 2.2281), (30.0, 2.0423), (120.0, 1.9799)]
        {
            assert!((two_sided(t, df) - 0.05).abs() < 2e-5, "{df}: {}", two_sided(t, df));
        }
    }

    /// One degree of freedom is Cauchy's distribution, two have a closed form.
    #[test]
    fn closed_forms() {
        for step in 0..40 {
            let t = f64::from(step) / 4.0;
            let cauchy = 1.0 - 2.0 * t.atan() / core::f64::consts::PI;
            assert!((two_sided(t, 1.0) - cauchy).abs() < 1e-12, "{t}");
            assert!((two_sided(t, 2.0) - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-12, "{t}");
        }
    }

    #[test]
    fn values_that_do_not_spread() {
        let same = student(&[2.0; 3], &[2.0; 4]).unwrap();
        assert_eq!((same.t, same.p), (0.0, 1.0));
        let apart = student(&[2.0; 3], &[3.0; 4]).unwrap();
        assert_eq!((apart.t, apart.p), (f64::NEG_INFINITY, 0.0));
        assert_eq!((student(&[1.0], &[2.0]), student(&[], &[1.0; 5])), (None, None));
        assert!(student(&[1.0], &[2.0, 3.0]).is_some());
    }
}
