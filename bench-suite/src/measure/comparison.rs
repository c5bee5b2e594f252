//! A comparison as it was declared: who is compared, in what, by which rules.
//!
//! It is part of the plan and written before the first launch, so that no look, floor or family is chosen
//! after numbers were seen.

use reports::compare::calibration::Calibration;
use reports::compare::effect::Better;
use reports::compare::floor::Floor;
use reports::compare::judge::Question;
use reports::compare::rules::{ADVICE_BELOW, Correction, Rules};
use reports::stats::alpha_spending::{Looks, LooksError};
use serde::{Deserialize, Serialize};

/// Blocks of a quick comparison, which only advises.
pub const QUICK_BLOCKS: u32 = 6;
/// The arms of a block. The null arm is A again.
const ARMS: [&str; 3] = ["A", "B", "N"];

/// What is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The base, as the user wrote it.
    pub a: String,
    /// What is compared with it.
    pub b: String,
    /// Whether A runs a second time in every block, as the null.
    pub null: bool,
    /// The metric.
    pub metric: String,
    /// Alpha, looks, correction.
    pub rules: Rules,
    /// How often these were wrong where the answer is known, as far as it is told.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// The pairs of cells, in the order of the plan's cells: those of pair n have the numbers 2n (A's, and
    /// the null arm's) and 2n + 1 (B's).
    pub pairs: Vec<Pair>,
}

/// A cell of both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// What both ids share.
    pub name: String,
    /// What its median has to pass.
    pub floor: Floor,
    /// Whether it gets a verdict. One that has more threads than there are cores gets none, and only the
    /// blocks of the first look.
    pub judged: bool,
}

impl Comparison {
    /// What the judge is asked.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let better = better(&self.metric);
        let judged = self.pairs.iter().filter(|pair| pair.judged);
        judged.map(|pair| Question { cell: pair.name.clone(), better, floor: pair.floor }).collect()
    }

    /// The arms of a block.
    #[must_use]
    pub fn arms(&self) -> &'static [&'static str] {
        if self.null { &ARMS } else { &ARMS[..2] }
    }

    /// Blocks of the first look.
    #[must_use]
    pub fn first_look(&self) -> u32 {
        self.rules.looks.all().first().map_or(0, |look| look.blocks)
    }

    /// Whether the comparison only advises: its last look is at too few blocks, or it is wrong too often.
    #[must_use]
    pub fn only_advises(&self) -> bool {
        self.rules.looks.last() < ADVICE_BELOW || self.is_wrong_too_often()
    }

    /// Whether the lower bound (95 %) of how often comparisons of A with itself are wrong is above twice what was promised.
    #[must_use]
    pub fn is_wrong_too_often(&self) -> bool {
        self.calibration.is_some_and(|known| known.is_wrong_too_often())
    }

    /// The blocks of each look that the look before had not, for each pair: [from, to).
    pub fn spans(&self) -> impl Iterator<Item = (u32, u32)> {
        let ends = self.rules.looks.all().iter().map(|look| look.blocks);
        ends.scan(0, |from, to| Some((core::mem::replace(from, to), to)))
    }
}

/// The rules: `blocks` makes it a single look, quick ones a single short look; a gate is corrected after
/// Holm, anything else after Benjamini and Hochberg.
///
/// # Errors
/// [`LooksError`] where so many blocks are no look.
pub fn rules(blocks: Option<u32>, quick: bool, gate: bool) -> Result<Rules, LooksError> {
    let looks = match blocks.or(quick.then_some(QUICK_BLOCKS)) {
        Some(blocks) => Looks::even(&[blocks])?,
        None => Looks::declared(),
    };
    let correction = if gate { Correction::Holm } else { Correction::BenjaminiHochberg };
    Ok(Rules { looks, correction, ..Rules::gate() })
}

/// Which direction of a metric is better, by its name: rates and fairness are better high.
#[must_use]
pub fn better(metric: &str) -> Better {
    Better::of(metric)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn looks_and_correction_follow_from_the_flags() {
        assert_eq!(rules(None, false, true).unwrap(), Rules::gate());
        assert_eq!(rules(None, false, false).unwrap(), Rules::sweep());
        let one = |blocks, quick| rules(blocks, quick, true).unwrap().looks;
        assert_eq!(one(None, true), Looks::even(&[6]).unwrap());
        assert_eq!(one(Some(9), true), Looks::even(&[9]).unwrap());
        assert!(rules(Some(1_000), false, true).is_err());
    }

    #[test]
    fn rates_are_better_high() {
        assert_eq!(["ns_per_op", "map.p99", "counter.slots_scanned"].map(better), [Better::Lower; 3]);
        assert_eq!(["ops_per_s", "jain"].map(better), [Better::Higher; 2]);
    }
}
