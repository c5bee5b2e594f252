//! How far blocks spread, whatever a few of them do.
//!
//! The median absolute deviation from the median, scaled so that normal values give their standard
//! deviation (F. Hampel, "The Influence Curve and its Role in Robust Estimation", 1974), with the factors
//! for few values of C. Croux and P. Rousseeuw, "Time-Efficient Algorithms for Two Highly Robust Estimators
//! of Scale", 1992.

use super::{mean, median, sorted};

/// One over the third quartile of the normal distribution.
const TO_NORMAL: f64 = 1.482_602_218_505_602;

/// What two to nine values have to be multiplied with.
const FEW: [f64; 8] = [1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107];

/// The spread of `values`; the plain standard deviation where more than half of them are equal; nothing
/// below two values.
#[must_use]
pub fn spread(values: &[f64]) -> Option<f64> {
    let values = sorted(values);
    let centre = median(&values)?;
    let deviations: Vec<f64> = values.iter().map(|x| (x - centre).abs()).collect();
    let deviation = median(&deviations)?;
    if values.len() < 2 {
        return None;
    }
    if deviation == 0.0 {
        return standard_deviation(&values);
    }
    let n = values.len() as f64;
    let factor = FEW.get(values.len() - 2).copied().unwrap_or(n / (n - 0.8));
    Some(TO_NORMAL * factor * deviation)
}

/// The standard deviation of a sample; nothing below two values.
#[must_use]
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() as f64 - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::stats::normal;

    /// R: `mad(c(1:9))` is 2.9652; times 1.107 for nine values.
    #[test]
    fn nine_by_hand() {
        let values: Vec<f64> = (1..=9).map(f64::from).collect();
        assert!((spread(&values).unwrap() - 2.965_204_437 * 1.107).abs() < 1e-8);
        assert!((standard_deviation(&values).unwrap() - 7.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn normal_values_give_their_deviation_and_outliers_change_little() {
        let mut values: Vec<f64> =
            (1..2_000).map(|i| 5.0 + 0.02 * normal::quantile(f64::from(i) / 2_000.0)).collect();
        assert!((spread(&values).unwrap() / 0.02 - 1.0).abs() < 0.002);
        values[..200].fill(1e6);
        assert!(spread(&values).unwrap() < 0.02 * 1.2);
    }

    #[test]
    fn few_and_equal() {
        assert_eq!((spread(&[]), spread(&[1.0]), standard_deviation(&[1.0])), (None, None, None));
        assert_eq!(spread(&[3.0; 12]), Some(0.0));
        let mostly = [0.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(spread(&mostly), standard_deviation(&mostly));
    }
}
