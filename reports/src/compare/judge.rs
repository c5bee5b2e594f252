//! The judge of a family of cells: paired blocks in, at the declared looks, verdicts out.
//!
//! At each look every cell that is still open is tested by its signs; its probability is divided by the look's
//! share of alpha, and the family corrected together with the cells that were decided before, which keep
//! their probability. So the probability of any false change in the family, over all looks, is at most alpha
//! (Holm): each rejection is one that Holm's method makes on the smallest divided probability of each cell,
//! and that is a valid one by Bonferroni over looks. The interval stands at the same level, so that the
//! reader sees what decided. A decided cell is not judged again. A change that rests on fewer blocks than [`ADVICE_BELOW`],
//! because some were thrown away, decides nothing as long as a further look can add to them.

use super::effect::Better;
use super::floor::Floor;
use super::rules::{ADVICE_BELOW, Rules};
use super::verdict::{Looked, Null, State, Verdict};
use crate::stats::alpha_spending::Look;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A cell that is to be judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Its id, unique in the family.
    pub cell: String,
    /// Which direction is better.
    #[serde(default)]
    pub better: Better,
    /// What its median has to pass.
    pub floor: Floor,
}

/// A cell's blocks so far, in the order in which they were run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Blocks {
    /// mean(ln B) - mean(ln A) of each block; nothing where a rule declared beforehand threw it away.
    pub differences: Vec<Option<f64>>,
    /// mean(ln A') - mean(ln A) of each block, where A was run a second time as the null arm.
    #[serde(default)]
    pub null: Option<Vec<Option<f64>>>,
}

/// What one look says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Blocks at this look.
    pub blocks: u32,
    /// Whether no further look is of use: all are decided, or this was the last.
    pub finished: bool,
    /// One for each cell, in the order of the questions; decided ones as they were decided.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    /// How many cells are in `state`.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.state == state).count()
    }
}

/// Why the judge does not answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// Nothing is asked.
    #[error("no cell to judge")]
    NoCells,
    /// Two questions are about one cell.
    #[error("cell {0} is asked about twice")]
    Twice(String),
    /// Alpha is no probability.
    #[error("alpha is {0}; it has to lie between 0 and 1")]
    Alpha(f64),
    /// A look that was not declared.
    #[error("a look at {blocks} blocks was not declared; declared are {declared:?}")]
    Undeclared {
        /// Blocks at this look.
        blocks: u32,
        /// The declared ones.
        declared: Vec<u32>,
    },
    /// Looks go forward.
    #[error("a look at {blocks} blocks comes after one at {before}")]
    Backward {
        /// Blocks at this look.
        blocks: u32,
        /// Blocks at the look before.
        before: u32,
    },
    /// An open cell has no blocks.
    #[error("cell {0} is open and has no blocks")]
    Missing(String),
    /// Blocks of a cell that nobody asked about.
    #[error("cell {0} has blocks and no question")]
    Unasked(String),
    /// Not the blocks of this look.
    #[error("cell {cell} has {has} blocks at the look at {wants}")]
    Length {
        /// The cell.
        cell: String,
        /// Its blocks.
        has: usize,
        /// The look's.
        wants: u32,
    },
}

/// The judge.
#[derive(Clone, Debug)]
pub struct Judge {
    rules: Rules,
    cells: Vec<Tracked>,
    before: u32,
}

#[derive(Clone, Debug)]
struct Tracked {
    question: Question,
    decided: Option<Decided>,
}

/// A verdict that stands, and the probability with which its cell stays in the family.
#[derive(Clone, Debug)]
struct Decided {
    verdict: Verdict,
    p: f64,
}

impl Judge {
    /// A judge before its first look.
    ///
    /// # Errors
    /// [`JudgeError`] where no cell, or one twice, is asked about, or alpha is no probability.
    pub fn new(rules: Rules, questions: Vec<Question>) -> Result<Self, JudgeError> {
        if !(rules.alpha > 0.0 && rules.alpha < 1.0) {
            return Err(JudgeError::Alpha(rules.alpha));
        }
        if questions.is_empty() {
            return Err(JudgeError::NoCells);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = questions.iter().find(|question| !seen.insert(&question.cell)) {
            return Err(JudgeError::Twice(twice.cell.clone()));
        }
        let cells = questions.into_iter().map(|question| Tracked { question, decided: None }).collect();
        Ok(Self { rules, cells, before: 0 })
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Cells that still want blocks.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().filter(|cell| cell.decided.is_none()).map(|cell| cell.question.cell.as_str())
    }

    /// Blocks at the next declared look; nothing where all cells are decided, or after the last.
    #[must_use]
    pub fn next_look(&self) -> Option<u32> {
        self.open().next()?;
        self.rules.looks.all().iter().map(|look| look.blocks).find(|&blocks| blocks > self.before)
    }

    /// Judge all open cells after `blocks` blocks each. Cells that are decided need no data. A look may be
    /// passed over, which only loses its share of alpha. An error changes nothing.
    ///
    /// # Errors
    /// [`JudgeError`] where the look was not declared or comes too late, or the data is not that of the look.
    pub fn look(&mut self, blocks: u32, data: &BTreeMap<String, Blocks>) -> Result<Report, JudgeError> {
        let look = self.declared(blocks)?;
        self.check(blocks, data)?;
        let kept: Vec<Vec<f64>> =
            self.cells.iter().map(|cell| data.get(&cell.question.cell).map_or(vec![], kept)).collect();
        let p: Vec<f64> = self.cells.iter().zip(&kept).map(|(cell, kept)| cell.p(kept, look)).collect();
        let levels = self.rules.levels(&p);
        let say = |(i, cell): (usize, &Tracked)| match &cell.decided {
            Some(decided) => decided.verdict.clone(),
            None => cell.judge(&kept[i], &data[&cell.question.cell], levels[i] * look.share, blocks),
        };
        let verdicts: Vec<Verdict> = self.cells.iter().enumerate().map(say).collect();
        let is_last = self.rules.looks.last() <= blocks;
        for ((cell, verdict), p) in self.cells.iter_mut().zip(&verdicts).zip(p) {
            let too_few = verdict.only_advises() && !is_last;
            if cell.decided.is_none() && verdict.state.is_decided() && !too_few {
                cell.decided = Some(Decided { verdict: verdict.clone(), p });
            }
        }
        self.before = blocks;
        Ok(Report { blocks, finished: self.next_look().is_none(), verdicts })
    }

    /// Leaves an open cell as it was at the last look: it gets no further blocks, and stays in the family with the
    /// probability that it had there. To stop early on a cell that claims nothing costs power and no error. A cell
    /// that is not open, or that no look was taken at, stays as it is.
    pub fn leave(&mut self, verdict: &Verdict) {
        let Some(look) = self.rules.looks.at(verdict.look).filter(|look| look.blocks == self.before) else {
            return;
        };
        let open = self.cells.iter_mut().find(|c| c.decided.is_none() && c.question.cell == verdict.cell);
        if let Some(cell) = open {
            cell.decided = Some(Decided { verdict: verdict.clone(), p: (verdict.p / look.share).min(1.0) });
        }
    }

    fn declared(&self, blocks: u32) -> Result<Look, JudgeError> {
        let declared = || self.rules.looks.all().iter().map(|look| look.blocks).collect();
        let look = self.rules.looks.at(blocks);
        let look = look.ok_or_else(|| JudgeError::Undeclared { blocks, declared: declared() })?;
        if blocks <= self.before {
            return Err(JudgeError::Backward { blocks, before: self.before });
        }
        Ok(look)
    }

    fn check(&self, wants: u32, data: &BTreeMap<String, Blocks>) -> Result<(), JudgeError> {
        let asked: BTreeSet<&String> = self.cells.iter().map(|cell| &cell.question.cell).collect();
        if let Some(cell) = data.keys().find(|cell| !asked.contains(cell)) {
            return Err(JudgeError::Unasked(cell.clone()));
        }
        for cell in self.open() {
            let blocks = data.get(cell).ok_or_else(|| JudgeError::Missing(cell.to_owned()))?;
            let null = blocks.null.as_ref().map_or(wants as usize, Vec::len);
            for has in [blocks.differences.len(), null] {
                if has != wants as usize {
                    return Err(JudgeError::Length { cell: cell.to_owned(), has, wants });
                }
            }
        }
        Ok(())
    }
}

impl Tracked {
    /// The probability with which the cell takes part in the family's correction.
    fn p(&self, kept: &[f64], look: Look) -> f64 {
        self.decided.as_ref().map_or_else(|| (Looked::p(kept) / look.share).min(1.0), |decided| decided.p)
    }

    fn judge(&self, kept: &[f64], blocks: &Blocks, level: f64, look: u32) -> Verdict {
        let Question { cell, better, floor } = self.question.clone();
        let looked = Looked::at(kept, level);
        let n = u32::try_from(kept.len()).unwrap_or(look);
        Verdict {
            cell,
            state: looked.state(floor.value(), better),
            better,
            estimate: looked.estimate,
            interval: looked.interval,
            p: Looked::p(kept),
            level,
            floor,
            look,
            blocks: n,
            discarded: look.saturating_sub(n),
            minimum_detectable: looked.minimum_detectable(level, floor.value()),
            null: blocks.null.as_ref().map(|null| null_arm(&finite(null), level, floor.value())),
            advice: n < ADVICE_BELOW,
        }
    }
}

fn null_arm(kept: &[f64], level: f64, floor: f64) -> Null {
    let looked = Looked::at(kept, level);
    let moved = looked.state(floor, Better::Lower).is_change();
    Null { estimate: looked.estimate, interval: looked.interval, moved }
}

fn kept(blocks: &Blocks) -> Vec<f64> {
    finite(&blocks.differences)
}

fn finite(differences: &[Option<f64>]) -> Vec<f64> {
    differences.iter().flatten().copied().filter(|d| d.is_finite()).collect()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
