//! What is declared before the first block is run, and what it can find.

use crate::stats::alpha_spending::Looks;
use crate::stats::power::{Supposed, TARGET, fewest_blocks, minimum_detectable, verdict};
use crate::stats::{benjamini_hochberg, holm};
use serde::{Deserialize, Serialize};

/// Fewer blocks than this only advise.
pub const ADVICE_BELOW: u32 = 12;

/// How several cells share alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// The probability of any false verdict in the family: for gates.
    Holm,
    /// The share of false ones among the verdicts: for sweeps. Proven for one look.
    BenjaminiHochberg,
}

/// The rules of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The error that the whole family may make over all looks, in (0, 1).
    pub alpha: f64,
    /// When one looks.
    pub looks: Looks,
    /// How cells share alpha.
    pub correction: Correction,
}

impl Rules {
    /// A gate: 5 %, looks at 12, 18 and 24 blocks, Holm.
    #[must_use]
    pub fn gate() -> Self {
        Self { alpha: 0.05, looks: Looks::declared(), correction: Correction::Holm }
    }

    /// A sweep: the same looks, Benjamini and Hochberg.
    #[must_use]
    pub fn sweep() -> Self {
        Self { correction: Correction::BenjaminiHochberg, ..Self::gate() }
    }

    /// The level of each test of a family with the probabilities `p`, over looks already corrected.
    pub(super) fn levels(&self, p: &[f64]) -> Vec<f64> {
        match self.correction {
            Correction::Holm => holm::levels(p, self.alpha),
            Correction::BenjaminiHochberg => vec![benjamini_hochberg::level(p, self.alpha); p.len()],
        }
    }

    /// What these rules can find in a family of `cells`, each tested at the strictest level, alpha / cells:
    /// as if it were the only one that changed.
    #[must_use]
    pub fn outlook(&self, cells: usize, supposed: &Supposed) -> Outlook {
        let strictest = self.alpha / cells.max(1) as f64;
        let one = |look: &crate::stats::alpha_spending::Look| {
            let level = strictest * look.share;
            let Supposed { spread, floor, .. } = *supposed;
            LookPower {
                blocks: look.blocks,
                level,
                fewest_blocks: fewest_blocks(level),
                power: verdict(look.blocks, level, supposed),
                minimum_detectable: minimum_detectable(look.blocks, level, spread, floor, TARGET),
            }
        };
        Outlook { cells, looks: self.looks.all().iter().map(one).collect() }
    }
}

/// What rules can find, before a block is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// Cells in the family.
    pub cells: usize,
    /// Each look by itself. Looking at all of them finds at least as much as the best.
    pub looks: Vec<LookPower>,
}

/// One look's part of an outlook.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookPower {
    /// Blocks at this look.
    pub blocks: u32,
    /// The level of one cell's interval.
    pub level: f64,
    /// The fewest blocks that could decide at this level; nothing where no number that is allowed can.
    pub fewest_blocks: Option<u32>,
    /// The probability that the supposed effect is found at this look.
    pub power: f64,
    /// The effect found with a probability of 80 %; nothing where these blocks cannot decide.
    pub minimum_detectable: Option<f64>,
}

impl Outlook {
    /// The fewest blocks that can decide under correction, at any look's level.
    #[must_use]
    pub fn fewest_blocks(&self) -> Option<u32> {
        self.looks.iter().filter_map(|look| look.fewest_blocks).min()
    }

    /// The first declared look that can decide; nothing where none can, and the run is a waste.
    #[must_use]
    pub fn first_deciding(&self) -> Option<u32> {
        let can = |look: &&LookPower| look.fewest_blocks.is_some_and(|fewest| fewest <= look.blocks);
        self.looks.iter().find(can).map(|look| look.blocks)
    }

    /// The best single look's power: a lower bound of the power of all.
    #[must_use]
    pub fn power(&self) -> f64 {
        self.looks.iter().map(|look| look.power).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::super::effect::from_percent;
    use super::*;

    fn three_percent() -> Supposed {
        Supposed { effect: from_percent(3.0), spread: from_percent(2.0), floor: 0.0 }
    }

    #[test]
    fn ten_cells_want_24_blocks() {
        let outlook = Rules::gate().outlook(10, &three_percent());
        assert_eq!((outlook.fewest_blocks(), outlook.first_deciding()), (Some(11), Some(12)));
        let powers: Vec<f64> = outlook.looks.iter().map(|look| look.power).collect();
        for (power, expected) in powers.iter().zip([0.4308, 0.8814, 0.9795]) {
            assert!((power - expected).abs() < 1e-4, "{powers:?}");
        }
        assert!((outlook.power() - powers[2]).abs() < 1e-15);
        let found = outlook.looks[2].minimum_detectable.unwrap();
        assert!(found < from_percent(3.0) && found > from_percent(1.5), "{found}");
    }

    #[test]
    fn a_family_that_is_too_large_for_its_blocks() {
        let rules = Rules { looks: Looks::even(&[6]).unwrap(), ..Rules::gate() };
        assert_eq!(rules.outlook(1, &three_percent()).first_deciding(), Some(6));
        let ten = rules.outlook(10, &three_percent());
        assert_eq!((ten.first_deciding(), ten.fewest_blocks(), ten.power()), (None, Some(9), 0.0));
        assert_eq!(ten.looks[0].minimum_detectable, None);
    }

    #[test]
    fn rules_travel_in_records() {
        let text = serde_json::to_string(&Rules::sweep()).unwrap();
        assert!(text.contains("benjamini-hochberg"), "{text}");
        assert_eq!(serde_json::from_str::<Rules>(&text).unwrap(), Rules::sweep());
    }
}
