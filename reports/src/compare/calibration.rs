//! How often the judge was wrong where the answer is known: A against itself, and slowdowns put in on purpose.

use super::verdict::{State, Verdict};
use crate::stats::clopper_pearson::{interval, lower, upper};
use serde::{Deserialize, Serialize};

/// How far above its nominal rate a procedure may be before it only advises.
const TOO_OFTEN: f64 = 2.0;

/// Comparisons of A with itself, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Comparisons of one cell each.
    pub comparisons: u64,
    /// False: called regressed.
    pub regressed: u64,
    /// False: called improved.
    pub improved: u64,
    /// Right: called equivalent.
    pub equivalent: u64,
    /// The share of false verdicts that the rules promise per comparison.
    pub nominal: f64,
    /// Whether all this was seen in another suite than the one that it is told of: then it decides nothing.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub borrowed: bool,
}

impl Calibration {
    /// Count the verdicts of comparisons of A with itself; `nominal` is the share that may be false.
    #[must_use]
    pub fn of<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>, nominal: f64) -> Self {
        let mut counted = Self { nominal, ..Self::default() };
        for verdict in verdicts {
            counted.comparisons += 1;
            match verdict.state {
                State::Regressed => counted.regressed += 1,
                State::Improved => counted.improved += 1,
                State::Equivalent => counted.equivalent += 1,
                State::Inconclusive => {}
            }
        }
        counted
    }

    /// False verdicts of either direction.
    #[must_use]
    pub fn false_verdicts(&self) -> u64 {
        self.regressed + self.improved
    }

    /// Comparisons that ended without an answer.
    #[must_use]
    pub fn inconclusive(&self) -> u64 {
        self.comparisons.saturating_sub(self.false_verdicts() + self.equivalent)
    }

    /// Whether there were comparisons, and none of them ended with an answer: nothing follows from them.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.comparisons > 0 && self.inconclusive() == self.comparisons
    }

    /// The observed share of false verdicts; nothing of nothing.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        share(self.false_verdicts(), self.comparisons)
    }

    /// Its exact interval at 95 %, both sides.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        interval(self.false_verdicts(), self.comparisons, 0.05)
    }

    /// The rate that the true one is below with 95 % confidence, one side.
    #[must_use]
    pub fn upper_bound(&self) -> f64 {
        upper(self.false_verdicts(), self.comparisons, 0.05)
    }

    /// The rate that the true one is above with 95 % confidence, one side.
    #[must_use]
    pub fn lower_bound(&self) -> f64 {
        lower(self.false_verdicts(), self.comparisons, 0.05)
    }

    /// Whether a gate with these rules only advises: the true rate is above twice the nominal one, with 95 %
    /// confidence. One false verdict among few comparisons is not enough to say so, and neither is another suite.
    #[must_use]
    pub fn is_wrong_too_often(&self) -> bool {
        !self.borrowed && self.lower_bound() > TOO_OFTEN * self.nominal
    }
}

/// One point of a power curve: a known slowdown, and how often it was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Injected {
    /// The slowdown, ln(B / A).
    pub effect: f64,
    /// Comparisons.
    pub comparisons: u64,
    /// Those called regressed.
    pub found: u64,
}

impl Injected {
    /// Count the verdicts of comparisons with a slowdown of `effect`.
    #[must_use]
    pub fn of<'a>(effect: f64, verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let (mut comparisons, mut found) = (0, 0);
        for verdict in verdicts {
            comparisons += 1;
            found += u64::from(verdict.state == State::Regressed);
        }
        Self { effect, comparisons, found }
    }

    /// The observed power; nothing of nothing.
    #[must_use]
    pub fn power(&self) -> Option<f64> {
        share(self.found, self.comparisons)
    }

    /// Its exact interval at 95 %, both sides.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        interval(self.found, self.comparisons, 0.05)
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(comparisons: u64, regressed: u64, improved: u64) -> Calibration {
        Calibration { comparisons, regressed, improved, equivalent: 0, nominal: 0.05, borrowed: false }
    }

    #[test]
    fn rates_and_bounds() {
        let six = counted(300, 4, 2);
        assert_eq!((six.false_verdicts(), six.inconclusive(), six.rate()), (6, 294, Some(0.02)));
        // R: `binom.test(6, 300)$conf.int`, and with `alternative = "less"`; also by plain sums.
        let (low, high) = six.interval();
        assert!((low - 0.007_374_162).abs() < 1e-9 && (high - 0.043_021_083).abs() < 1e-9);
        assert!((six.upper_bound() - 0.039_091_059).abs() < 1e-9, "{}", six.upper_bound());
    }

    #[test]
    fn a_gate_that_is_wrong_too_often() {
        // At least x of 100 has a probability of 5 % at 0.10301 for x = 16 and at 0.09479 for x = 15, by plain sums.
        assert!((counted(100, 10, 6).lower_bound() - 0.103_01).abs() < 5e-5);
        assert!(!counted(100, 10, 5).is_wrong_too_often());
        assert!(counted(100, 10, 6).is_wrong_too_often());
        assert!(!Calibration { borrowed: true, ..counted(100, 10, 6) }.is_wrong_too_often());
        // Far above it, but of too few: one of four.
        assert!(!counted(4, 1, 0).is_wrong_too_often() && !counted(0, 0, 0).is_wrong_too_often());
        assert_eq!((counted(0, 0, 0).rate(), counted(0, 0, 0).interval()), (None, (0.0, 1.0)));
    }
}
