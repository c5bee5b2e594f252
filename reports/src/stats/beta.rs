//! The regularized incomplete beta function, which holds the tails of Student's t and of any coin.

/// The coefficients of [`ln_gamma`] (P. Godfrey's set for g = 7, nine terms).
const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// ln of the gamma function, for x above 0 (C. Lanczos, "A Precision Approximation of the Gamma Function",
/// 1964).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    let x = x - 1.0;
    let base = x + 7.5;
    let mut sum = LANCZOS[0];
    let mut at = x;
    for coefficient in &LANCZOS[1..] {
        at += 1.0;
        sum += coefficient / at;
    }
    0.5 * (2.0 * core::f64::consts::PI).ln() + (x + 0.5) * base.ln() - base + sum.ln()
}

/// I_x(a, b), for a and b above 0 and x in [0, 1]; clamped outside.
///
/// The continued fraction of the NIST Digital Library of Mathematical Functions, 8.17.22, on the side of
/// the mean on which it converges quickly.
#[must_use]
pub fn regularized(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - left_of_mean(1.0 - x, b, a);
    }
    left_of_mean(x, a, b)
}

fn left_of_mean(x: f64, a: f64, b: f64) -> f64 {
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta).exp() / a;
    front / fraction(x, a, b)
}

/// 1 + d1 / (1 + d2 / (1 + ...)), by the modified method of Lentz (I. Thompson and A. Barnett, 1986).
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let off_zero = |y: f64| if y.abs() < TINY { TINY } else { y };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for i in 1..=10_000_u32 {
        let m = f64::from(i / 2);
        let numerator = if i % 2 == 1 {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        } else {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        };
        d = 1.0 / off_zero(1.0 + numerator * d);
        c = off_zero(1.0 + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

/// The x whose [`regularized`] is `p`, by halving.
#[must_use]
pub fn quantile(p: f64, a: f64, b: f64) -> f64 {
    super::root::rising(0.0, 1.0, |x| regularized(x, a, b) - p)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::stats::binomial::probability_at_most;

    #[test]
    fn gammas_are_factorials() {
        let mut ln_factorial = 0.0;
        for n in 1..=60 {
            assert!((ln_gamma(f64::from(n)) - ln_factorial).abs() < 1e-11 * (1.0 + ln_factorial), "{n}");
            ln_factorial += f64::from(n).ln();
        }
        // Gamma(1/2) is the root of pi.
        assert!((ln_gamma(0.5) - core::f64::consts::PI.sqrt().ln()).abs() < 1e-14);
    }

    /// I_p(k, n - k + 1) is the probability of at least k heads of n (DLMF 8.17.5).
    #[test]
    fn whole_parameters_are_sums_of_coins() {
        for n in 1..=60_u32 {
            for k in 1..=n {
                let at_least = 1.0 - probability_at_most(n, k - 1).unwrap();
                let found = regularized(0.5, f64::from(k), f64::from(n - k + 1));
                assert!((found - at_least).abs() < 1e-12, "{n} {k}: {found} {at_least}");
            }
        }
    }

    #[test]
    fn simple_powers_and_the_mirror() {
        for step in 0..=20 {
            let x = f64::from(step) / 20.0;
            assert!((regularized(x, 3.0, 1.0) - x.powi(3)).abs() < 1e-14);
            assert!((regularized(x, 2.5, 4.0) + regularized(1.0 - x, 4.0, 2.5) - 1.0).abs() < 1e-14);
        }
        assert!((quantile(0.125, 3.0, 1.0) - 0.5).abs() < 1e-14);
    }
}
