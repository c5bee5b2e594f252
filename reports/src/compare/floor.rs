//! How large the median of the differences has to be before it counts.
//!
//! The larger of what the user asks for and of what comparisons of A with itself have shown here: the 95th
//! percentile of the sizes of their medians, for this benchmark on this machine. It is learned on other data
//! than it judges: whoever calls keeps the comparison at hand out of the history.

use crate::stats::sorted;
use serde::{Deserialize, Serialize};

/// Which share of A/A medians stays below the learned floor.
const SHARE: f64 = 0.95;

/// A floor with its sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// The user's, ln(B / A), 0 or above.
    pub user: f64,
    /// What was learned; nothing without a history.
    pub learned: Option<f64>,
    /// How many comparisons of A with itself it was learned from. Below 20 it is simply the largest.
    pub history: usize,
}

impl Floor {
    /// The user's floor alone; a negative one, or none, is 0.
    #[must_use]
    pub fn of(user: f64) -> Self {
        Self { user: user.max(0.0), learned: None, history: 0 }
    }

    /// With the medians, ln(A' / A), of earlier comparisons of A with itself. The 95th percentile is the
    /// smallest of them with at least that share at or below it.
    #[must_use]
    pub fn learn(user: f64, history: &[f64]) -> Self {
        let sizes = sorted(&history.iter().map(|x| x.abs()).collect::<Vec<_>>());
        let rank = (1..=sizes.len()).find(|&rank| rank as f64 >= SHARE * sizes.len() as f64);
        let learned = rank.and_then(|rank| sizes.get(rank - 1)).copied();
        Self { learned, history: sizes.len(), ..Self::of(user) }
    }

    /// The floor itself: the larger of both.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.learned.map_or(self.user, |learned| learned.max(self.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_one_counts() {
        let history: Vec<f64> =
            (1..=100).map(|i| f64::from(i) / if i % 2 == 0 { 1e4 } else { -1e4 }).collect();
        let learned = Floor::learn(0.001, &history);
        assert_eq!((learned.value(), learned.history), (0.0095, 100));
        assert!((Floor::learn(0.02, &history).value() - 0.02).abs() < 1e-15);
        assert_eq!(Floor::of(-1.0).value(), 0.0);
        assert_eq!(Floor::of(f64::NAN).value(), 0.0);
    }

    #[test]
    fn a_short_history_gives_its_largest() {
        assert_eq!(Floor::learn(0.0, &[0.003, -0.007, 0.001]).value(), 0.007);
        assert_eq!(Floor::learn(0.01, &[]), Floor::of(0.01));
        assert_eq!(Floor::learn(0.0, &[f64::NAN, 0.004]).history, 1);
    }
}
