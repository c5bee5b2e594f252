//! The standard normal distribution. Only power, which is a forecast, leans on it; no verdict does.

/// ln(sqrt(2 pi)).
const LN_ROOT_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// From here outwards the continued fraction of the tail keeps more digits than the series does.
const TAIL: f64 = 2.0;

/// The density at `x`.
#[must_use]
pub fn density(x: f64) -> f64 {
    (-0.5 * x * x - LN_ROOT_TWO_PI).exp()
}

/// The probability of at most `x`.
///
/// In the middle the Taylor series about 0 (G. Marsaglia, "Evaluating the Normal Distribution", 2004); in
/// the tails the continued fraction of Laplace (1805).
#[must_use]
pub fn cdf(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x.abs() > TAIL {
        let beyond = tail(x.abs());
        return if x < 0.0 { beyond } else { 1.0 - beyond };
    }
    let (mut sum, mut term, mut i) = (x, x, 1.0);
    loop {
        i += 2.0;
        term *= x * x / i;
        let next = sum + term;
        if next.to_bits() == sum.to_bits() {
            return 0.5 + sum * density(x);
        }
        sum = next;
    }
}

/// The probability of more than `x`, for `x` above [`TAIL`].
fn tail(x: f64) -> f64 {
    let fraction = (1..=60).rev().fold(x, |below, i| x + f64::from(i) / below);
    density(x) / fraction
}

/// The `x` whose [`cdf`] is `p`, by halving; infinite at 0 and 1.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    super::root::rising(-40.0, 40.0, |x| cdf(x) - p)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: `pnorm(c(-8, -5, -2, -1, 0, 1, 1.96, 3), lower.tail = TRUE)`; the same digits stand in
    /// Abramowitz and Stegun (1964), tables 26.1 and 26.2.
    #[test]
    fn probabilities_of_the_tables() {
        for (x, p) in [
            (-8.0, 6.220_960_574_271_785e-16),
            (-5.0, 2.866_515_718_791_939e-7),
            (-2.0, 0.022_750_131_948_179_21),
            (-1.0, 0.158_655_253_931_457_05),
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (1.96, 0.975_002_104_851_779_5),
            (3.0, 0.998_650_101_968_369_9),
        ] {
            assert!((cdf(x) / p - 1.0).abs() < 1e-12, "{x}: {} against {p}", cdf(x));
        }
    }

    /// R: `qnorm(c(0.025, 0.5, 0.9, 0.95, 0.975, 0.995))`.
    #[test]
    fn quantiles_of_the_tables() {
        for (p, x) in [
            (0.025, -1.959_963_984_540_054),
            (0.5, 0.0),
            (0.9, 1.281_551_565_544_600_4),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
        ] {
            assert!((quantile(p) - x).abs() < 1e-10, "{p}: {} against {x}", quantile(p));
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn the_two_formulas_meet_and_the_tails_mirror() {
        assert!((cdf(-TAIL) / tail(TAIL) - 1.0).abs() < 1e-12);
        for step in -90..=90 {
            let x = f64::from(step) / 10.0;
            assert!((cdf(x) + cdf(-x) - 1.0).abs() < 1e-14, "{x}");
            assert!(cdf(x) <= cdf(x + 0.1), "{x}");
        }
        assert!(cdf(f64::NAN).is_nan());
        assert_eq!((cdf(f64::INFINITY), cdf(f64::NEG_INFINITY)), (1.0, 0.0));
    }
}
