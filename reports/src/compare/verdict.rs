//! One cell's verdict, with every number behind it.

use super::effect::{Better, percent};
use super::floor::Floor;
use crate::stats::power::{TARGET, minimum_detectable};
use crate::stats::sign_test::{Estimate, estimate, p_value};
use crate::stats::spread::spread;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The four states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// B is worse: the interval leaves out no change, and the median is beyond the floor.
    Regressed,
    /// B is better, in the same way.
    Improved,
    /// The whole interval lies within the floor on both sides of no change.
    Equivalent,
    /// Anything else: not enough data for either.
    Inconclusive,
}

impl State {
    /// Whether more blocks are of no use.
    #[must_use]
    pub fn is_decided(self) -> bool {
        self != Self::Inconclusive
    }

    /// Whether it claims a change.
    #[must_use]
    pub fn is_change(self) -> bool {
        matches!(self, Self::Regressed | Self::Improved)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "not enough data",
        })
    }
}

/// An interval of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end, ln(B / A).
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// The probability that it holds the true median: at least 1 - level.
    pub coverage: f64,
}

/// A against itself, in the same blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Null {
    /// The median, ln(A' / A).
    pub estimate: Option<f64>,
    /// Its interval, at the level of the verdict.
    pub interval: Option<Interval>,
    /// Whether it would have been called a change: then the blocks measured something else as well, and the
    /// verdict beside it is not to be believed.
    pub moved: bool,
}

/// What is said of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The cell's id.
    pub cell: String,
    /// The state.
    pub state: State,
    /// Which direction is better.
    pub better: Better,
    /// The median of the blocks' differences, ln(B / A); nothing where no block is left.
    pub estimate: Option<f64>,
    /// The exact sign-test interval at `level`; nothing where the blocks are too few for it.
    pub interval: Option<Interval>,
    /// The sign test's probability at this look, before any correction.
    pub p: f64,
    /// The level of the interval: alpha after the family's correction, times the look's share.
    pub level: f64,
    /// What the median had to pass.
    pub floor: Floor,
    /// The look at which this was said: blocks that were run.
    pub look: u32,
    /// Blocks that were kept.
    pub blocks: u32,
    /// Blocks that were thrown away by a rule declared beforehand.
    pub discarded: u32,
    /// The effect that as many blocks, spread as these were, find with a probability of 80 %; nothing where
    /// they cannot decide at all.
    pub minimum_detectable: Option<f64>,
    /// The null arm, where there was one.
    pub null: Option<Null>,
    /// Too few blocks for a verdict: advice only.
    pub advice: bool,
}

impl Verdict {
    /// The change in percent.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        self.estimate.map(percent)
    }

    /// Whether it claims a change of which it is too few blocks to fail anything.
    #[must_use]
    pub fn only_advises(&self) -> bool {
        self.advice && self.state.is_change()
    }

    /// Whether the null arm moved as well.
    #[must_use]
    pub fn null_moved(&self) -> bool {
        self.null.is_some_and(|null| null.moved)
    }
}

/// One arm's differences, looked at in one way.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) estimate: Option<f64>,
    pub(super) interval: Option<Interval>,
    kept: Vec<f64>,
}

impl Looked {
    /// The differences that were kept, at `level`.
    pub(super) fn at(kept: &[f64], level: f64) -> Self {
        let found = estimate(kept, level);
        let interval = found.and_then(|Estimate { interval, .. }| interval);
        let interval = interval.map(|(low, high, coverage)| Interval { low, high, coverage });
        Self { estimate: found.map(|found| found.median), interval, kept: kept.to_vec() }
    }

    /// The state: the interval against zero, the median against the floor.
    pub(super) fn state(&self, floor: f64, better: Better) -> State {
        let (Some(estimate), Some(Interval { low, high, .. })) = (self.estimate, self.interval) else {
            return State::Inconclusive;
        };
        if (low > 0.0 || high < 0.0) && estimate.abs() > floor {
            return if better.is_worse(estimate) { State::Regressed } else { State::Improved };
        }
        if low >= -floor && high <= floor { State::Equivalent } else { State::Inconclusive }
    }

    /// What these blocks could have found.
    pub(super) fn minimum_detectable(&self, level: f64, floor: f64) -> Option<f64> {
        let n = u32::try_from(self.kept.len()).ok()?;
        minimum_detectable(n, level, spread(&self.kept)?, floor, TARGET)
    }

    /// The sign test's probability; 1 where there are more blocks than it holds.
    pub(super) fn p(kept: &[f64]) -> f64 {
        p_value(kept, 0.0).unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(differences: &[f64], floor: f64) -> State {
        Looked::at(differences, 0.05).state(floor, Better::Lower)
    }

    fn around(centre: f64, spread: f64) -> Vec<f64> {
        (0..12).map(|i| centre + spread * (f64::from(i) - 5.5) / 5.5).collect()
    }

    #[test]
    fn four_states() {
        for (centre, spread, floor, expected) in [
            (0.03, 0.02, 0.01, State::Regressed),
            (-0.03, 0.02, 0.01, State::Improved),
            (0.001, 0.004, 0.01, State::Equivalent),
            // Beyond zero, but within the floor.
            (0.005, 0.004, 0.01, State::Equivalent),
            // Beyond zero, the median below the floor, the interval above it.
            (0.009, 0.01, 0.01, State::Inconclusive),
            (0.0, 0.05, 0.01, State::Inconclusive),
            (0.0, 0.0, 0.0, State::Equivalent),
            (0.001, 0.0, 0.0, State::Regressed),
        ] {
            assert_eq!(state(&around(centre, spread), floor), expected, "{centre} {spread} {floor}");
            let mirrored: Vec<f64> = around(centre, spread).iter().map(|d| -d).collect();
            let other = Looked::at(&mirrored, 0.05).state(floor, Better::Higher);
            assert_eq!(other, expected, "mirrored {centre} {spread} {floor}");
        }
        assert_eq!((state(&[], 1.0), state(&[0.5; 5], 0.1)), (State::Inconclusive, State::Inconclusive));
    }

    #[test]
    fn what_could_have_been_found() {
        let looked = Looked::at(&around(0.0, 0.02), 0.05);
        assert!(looked.minimum_detectable(0.05, 0.01).is_some_and(|effect| effect > 0.01 && effect < 0.06));
        assert_eq!(Looked::at(&[0.1; 5], 0.05).minimum_detectable(0.05, 0.01), None);
    }

    #[test]
    fn states_in_words() {
        assert_eq!(format!("{:>16}|{}", State::Inconclusive, State::Regressed), " not enough data|regressed");
        assert!(State::Equivalent.is_decided() && !State::Equivalent.is_change());
        assert!(!State::Inconclusive.is_decided() && State::Improved.is_change());
    }
}
