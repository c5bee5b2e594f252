//! Statistics of paired runs: which interval a few blocks allow, without any assumption on their shape.
//!
//! Every number here is one process launch, or a difference of such numbers. Nothing is assumed to be
//! normal, and nothing is sampled: coverages are exact.

pub mod alpha_spending;
pub mod benjamini_hochberg;
pub mod beta;
pub mod binomial;
pub mod clopper_pearson;
pub mod hodges_lehmann;
pub mod holm;
pub mod mann_whitney;
pub mod normal;
pub mod ranks;
mod root;
pub mod sign_test;
pub mod t_test;
pub mod wilcoxon;

/// The median: the middle value, or the mean of the two in the middle; nothing of nothing. Values that
/// are no numbers are left out.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let (last, middle) = (sorted.len().checked_sub(1)?, sorted.len() / 2);
    let (low, high) = (sorted.get(last / 2)?, sorted.get(middle)?);
    Some(f64::midpoint(*low, *high))
}

/// The finite values in rising order.
#[must_use]
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The mean; nothing of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 launches")]
    let n = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (values, expected) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![4.0, 1.0], Some(2.5)),
            (vec![9.0, 1.0, 2.0], Some(2.0)),
            (vec![9.0, f64::NAN, 1.0, 2.0], Some(2.0)),
            (vec![4.0, 1.0, 3.0, 2.0], Some(2.5)),
        ] {
            assert_eq!(median(&values), expected, "{values:?}");
        }
        assert_eq!((mean(&[1.0, 2.0]), mean(&[])), (Some(1.5), None));
    }
}
