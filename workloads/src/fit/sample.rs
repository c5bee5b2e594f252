//! Weighted samples, and how far two of them are apart.
//!
//! Invariant: values are sorted, weights are positive and finite.

/// A sample: values in order, each with a weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    points: Vec<(f64, f64)>,
    weight: f64,
}

/// How far two samples are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distance {
    /// Kolmogorov-Smirnov: the greatest difference of the two distribution functions, 0 to 1.
    pub ks: f64,
    /// Wasserstein-1: the area between the distribution functions, in the values' unit.
    pub wasserstein: f64,
    /// Mean of the first sample, in the values' unit.
    pub mean_first: f64,
    /// Mean of the second sample.
    pub mean_second: f64,
}

impl Distance {
    /// The Wasserstein distance as a share of the first sample's mean; 0 where that is 0.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.mean_first > 0.0 { self.wasserstein / self.mean_first } else { 0.0 }
    }
}

impl Sample {
    /// A sample of values that count alike.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = u64>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "bytes and ns below 2^53")]
        Self::weighted(values.into_iter().map(|value| (value as f64, 1.0)))
    }

    /// A sample of values with weights; those without a positive, finite weight are left out.
    #[must_use]
    pub fn weighted(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let usable = |&(value, weight): &(f64, f64)| value.is_finite() && weight.is_finite() && weight > 0.0;
        let mut points: Vec<_> = points.into_iter().filter(usable).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let weight = points.iter().map(|(_, weight)| weight).sum();
        Self { points, weight }
    }

    /// Values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Weighted mean; 0 of an empty sample.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        self.points.iter().map(|(value, weight)| value * weight).sum::<f64>() / self.weight
    }

    /// The smallest value below or at which `share` of the weight lies; `None` of an empty sample.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = share.clamp(0.0, 1.0) * self.weight;
        let mut below = 0.0;
        for &(value, weight) in &self.points {
            below += weight;
            if below >= wanted {
                return Some(value);
            }
        }
        self.points.last().map(|&(value, _)| value)
    }

    /// How far the two are apart. Two empty samples are equal; an empty one is as far from any other as
    /// can be (`ks` 1).
    #[must_use]
    pub fn distance(&self, other: &Self) -> Distance {
        let (mean_first, mean_second) = (self.mean(), other.mean());
        if self.is_empty() || other.is_empty() {
            let differ = self.is_empty() != other.is_empty();
            let wasserstein = (mean_first - mean_second).abs();
            return Distance { ks: f64::from(u8::from(differ)), wasserstein, mean_first, mean_second };
        }
        let (mut ks, mut wasserstein) = (0.0_f64, 0.0);
        let (mut i, mut j) = (0, 0);
        let (mut below_first, mut below_second) = (0.0, 0.0);
        while let Some(value) = self.next_value(other, i, j) {
            i += self.pass(i, value, &mut below_first);
            j += other.pass(j, value, &mut below_second);
            let gap = (below_first - below_second).abs();
            ks = ks.max(gap);
            if let Some(next) = self.next_value(other, i, j) {
                wasserstein += gap * (next - value);
            }
        }
        Distance { ks, wasserstein, mean_first, mean_second }
    }

    /// The smallest value from `i` on here and `j` on in the other.
    fn next_value(&self, other: &Self, i: usize, j: usize) -> Option<f64> {
        match (self.points.get(i), other.points.get(j)) {
            (Some(a), Some(b)) => Some(a.0.min(b.0)),
            (a, b) => a.or(b).map(|point| point.0),
        }
    }

    /// Adds the share of all that equals `value` from `from` on; how many points that are.
    fn pass(&self, from: usize, value: f64, below: &mut f64) -> usize {
        let equal = self.points[from..].iter().take_while(|point| point.0 <= value);
        let mut passed = 0;
        for point in equal {
            *below += point.1 / self.weight;
            passed += 1;
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_distances() {
        let distance = |a: &[u64], b: &[u64]| {
            let d = Sample::of(a.iter().copied()).distance(&Sample::of(b.iter().copied()));
            (d.ks, d.wasserstein)
        };
        assert_eq!(distance(&[1, 2, 3], &[3, 1, 2]), (0.0, 0.0));
        assert_eq!(distance(&[0], &[10]), (1.0, 10.0));
        assert_eq!(distance(&[0, 10], &[10]), (0.5, 5.0));
        assert_eq!(distance(&[0, 0, 4, 4], &[0, 4]), (0.0, 0.0));
        assert_eq!(distance(&[], &[7]), (1.0, 7.0));
        assert_eq!(distance(&[], &[]), (0.0, 0.0));
    }

    #[test]
    fn weights_count() {
        let a = Sample::weighted([(1.0, 3.0), (5.0, 1.0), (9.0, 0.0), (2.0, f64::NAN)]);
        assert_eq!((a.len(), a.mean()), (2, 2.0));
        assert_eq!((a.quantile(0.75), a.quantile(0.76)), (Some(1.0), Some(5.0)));
        let b = Sample::of([1, 1, 1, 5]);
        assert_eq!(a.distance(&b).ks, 0.0);
    }

    proptest! {
        #[test]
        fn agrees_with_a_slow_spelling(
            a in prop::collection::vec(0_u64..20, 1..30),
            b in prop::collection::vec(0_u64..20, 1..30),
        ) {
            let d = Sample::of(a.iter().copied()).distance(&Sample::of(b.iter().copied()));
            let share = |of: &[u64], x| of.iter().filter(|&&v| v <= x).count() as f64 / of.len() as f64;
            let gaps: Vec<f64> = (0..20).map(|x| (share(&a, x) - share(&b, x)).abs()).collect();
            let ks = gaps.iter().copied().fold(0.0, f64::max);
            prop_assert!((d.ks - ks).abs() < 1e-9);
            prop_assert!((d.wasserstein - gaps.iter().sum::<f64>()).abs() < 1e-9);
        }
    }
}
