//! A comparison in progress: which launches the next look wants, and what the looks so far said.
//!
//! Invariant: everything follows from the plan and the records. A comparison that is resumed goes through its
//! looks again, from the first, and comes to where it was.

use super::comparison::Comparison;
use super::paired::Paired;
use super::plan::Step;
use reports::compare::judge::{Judge, JudgeError};
use reports::compare::verdict::Verdict;
use std::collections::BTreeSet;

/// A comparison in progress.
#[derive(Debug)]
pub struct Trial {
    comparison: Comparison,
    /// Nothing where no pair is judged.
    judge: Option<Judge>,
    verdicts: Vec<Verdict>,
    looked: u32,
}

impl Trial {
    /// Before the first look.
    ///
    /// # Errors
    /// [`JudgeError`] where two pairs share a name, or alpha is no probability.
    pub fn new(comparison: Comparison) -> Result<Self, JudgeError> {
        let questions = comparison.questions();
        let judge = match questions.is_empty() {
            true => None,
            false => Some(Judge::new(comparison.rules.clone(), questions)?),
        };
        Ok(Self { comparison, judge, verdicts: Vec::new(), looked: 0 })
    }

    /// What was declared.
    #[must_use]
    pub fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    /// Blocks at the next look; nothing where no further one is of use.
    #[must_use]
    pub fn next_look(&self) -> Option<u32> {
        match &self.judge {
            Some(judge) => judge.next_look(),
            None => (self.looked == 0).then(|| self.comparison.first_look()),
        }
    }

    /// How many pairs still want blocks.
    #[must_use]
    pub fn open(&self) -> usize {
        self.judge.iter().flat_map(Judge::open).count()
    }

    /// Blocks at the last look that was taken.
    #[must_use]
    pub fn looked(&self) -> u32 {
        self.looked
    }

    /// Whether `step` has to be done before the look at `blocks`. What was done is among them.
    pub fn wants<'t>(&'t self, blocks: u32) -> impl Fn(&Step) -> bool + 't {
        let open: BTreeSet<&str> = self.judge.iter().flat_map(Judge::open).collect();
        move |step| {
            let pair = usize::try_from(step.cell / 2).ok().and_then(|n| self.comparison.pairs.get(n));
            let wanted = pair.is_some_and(|pair| match pair.judged {
                true => open.contains(pair.name.as_str()),
                false => blocks == self.comparison.first_look(),
            });
            wanted && step.block.is_some_and(|block| block < blocks)
        }
    }

    /// Takes the look at `blocks`; `paired` are the records of all pairs, in their order.
    ///
    /// # Errors
    /// [`JudgeError`] where the look was not declared or its blocks are not there.
    pub fn look(&mut self, blocks: u32, paired: &[Paired<'_>]) -> Result<(), JudgeError> {
        if let Some(judge) = &mut self.judge {
            let open: BTreeSet<String> = judge.open().map(str::to_owned).collect();
            let Comparison { pairs, metric, null, .. } = &self.comparison;
            let data = pairs.iter().zip(paired).filter(|(pair, _)| open.contains(&pair.name));
            let data = data.map(|(pair, paired)| (pair.name.clone(), paired.blocks(metric, *null, blocks)));
            self.verdicts = judge.look(blocks, &data.collect())?.verdicts;
        }
        self.looked = blocks;
        Ok(())
    }

    /// Gives the open cells that `goes_on` does not want no further blocks: they keep their verdicts.
    pub fn leave(&mut self, goes_on: impl Fn(&Verdict) -> bool) {
        if let Some(judge) = &mut self.judge {
            let stay =
                self.verdicts.iter().filter(|verdict| !verdict.state.is_decided() && !goes_on(verdict));
            stay.for_each(|verdict| judge.leave(verdict));
        }
    }

    /// The verdicts so far: those of the last look, decided ones as they were decided.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// A pair's verdict so far; nothing where it gets none.
    #[must_use]
    pub fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| verdict.cell == name)
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
