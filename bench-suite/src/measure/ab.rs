//! The order of a comparison: blocks of ABBA or BAAB, cells shuffled within what each look adds.
//!
//! A block holds each arm twice: the arms in a random order, then the same order backwards. The middle of an
//! arm's two launches is then the middle of the block, for every arm, so that whatever drifts evenly through a
//! block is in no difference. With two arms that is ABBA or BAAB, with the null arm ABNNBA and its like.

use super::comparison::Comparison;
use super::plan::{PlannedSuite, RunPlan, Step, order_of};
use rand::seq::SliceRandom;
use workloads::suite::{Cell, Mode};

/// A plan that compares `cells` pairwise, (A's, B's) in the order of the comparison's pairs, up to the
/// last look. The blocks of a look come before those that the next one adds.
#[must_use]
pub fn plan(
    suite: PlannedSuite,
    cells: Vec<(Cell, Cell)>,
    comparison: Comparison,
    seed: u64,
    mode: Mode,
) -> RunPlan {
    let mut plan = RunPlan::empty(seed, mode);
    plan.suites.push(suite);
    plan.cells = cells.into_iter().flat_map(|(a, b)| [(0, a), (0, b)]).collect();
    plan.steps = blocks(&comparison, seed, |_| true);
    debug_assert_eq!(plan.cells.len(), 2 * comparison.pairs.len());
    plan.comparison = Some(comparison);
    plan
}

/// The launches of every block, in order, for the pairs (by number) that have any.
#[must_use]
pub fn blocks(comparison: &Comparison, seed: u64, has_any: impl Fn(u32) -> bool) -> Vec<Step> {
    let mut random = order_of(seed);
    let mut all = Vec::new();
    for (from, to) in comparison.spans() {
        let pairs = comparison.pairs.iter().zip(0..).filter(|(pair, _)| pair.judged || from == 0);
        let mut units: Vec<(u32, u32)> = pairs
            .filter(|(_, pair)| has_any(*pair))
            .flat_map(|(_, pair)| (from..to).map(move |block| (pair, block)))
            .collect();
        units.shuffle(&mut random);
        for (pair, block) in units {
            let mut arms = comparison.arms().to_vec();
            arms.shuffle(&mut random);
            all.extend(steps(pair, block, &arms));
        }
    }
    all
}

/// The arms, and the same backwards.
fn steps(pair: u32, block: u32, arms: &[&str]) -> Vec<Step> {
    let step = |arm: &&str, launch| Step {
        cell: 2 * pair + u32::from(*arm == "B"),
        launch,
        block: Some(block),
        arm: Some((*arm).to_owned()),
        counting: None,
    };
    let there = arms.iter().map(|arm| step(arm, 2 * block));
    there.chain(arms.iter().rev().map(|arm| step(arm, 2 * block + 1))).collect()
}
