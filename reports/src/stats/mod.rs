//! Statistics of paired runs and of nights: arithmetic only, no record, no file, no clock.
//!
//! Every number here is one process launch, or a difference of such numbers. What a verdict rests on assumes
//! no shape and is exact; what leans on more says so in its first paragraph.
//!
//! | question | file |
//! | --- | --- |
//! | where is the median of the differences? | `sign_test.rs`, on `binomial.rs`: what verdicts use |
//! | where is their centre, if they are symmetric? | `hodges_lehmann.rs`, `wilcoxon.rs`, on `ranks.rs` |
//! | several tests at once | `holm.rs` (gates), `benjamini_hochberg.rs` (sweeps) |
//! | several looks at growing data | `alpha_spending.rs` |
//! | what can n blocks find? | `power.rs`, `spread.rs`, on `normal.rs` and `root.rs` |
//! | how often is a procedure wrong? | `clopper_pearson.rs`, on `beta.rs` |
//! | sets that are not paired | `mann_whitney.rs` |
//! | anything else computed from blocks | `bootstrap.rs` |
//! | did a series of nights shift? | `e_divisive.rs` with `t_test.rs`, `quartile_rule.rs` |

pub mod alpha_spending;
pub mod benjamini_hochberg;
pub mod beta;
pub mod binomial;
pub mod bootstrap;
pub mod clopper_pearson;
pub mod e_divisive;
pub mod hodges_lehmann;
pub mod holm;
pub mod mann_whitney;
pub mod normal;
pub mod power;
pub mod quartile_rule;
pub mod ranks;
mod root;
pub mod sign_test;
pub mod spread;
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
