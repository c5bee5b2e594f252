//! The order of a comparison: blocks of ABBA or BAAB, scenarios shuffled across the whole run.

use super::plan::{PlannedSuite, RunPlan, Step, narrow, order_of};
use rand::RngExt;
use rand::seq::SliceRandom;
use workloads::suite::{Cell, Mode};

/// A plan that compares `cells` pairwise: (A's, B's) of the same scenario, in `blocks` blocks each.
#[must_use]
pub fn plan(
    suite: PlannedSuite,
    pairs: Vec<(Cell, Cell)>,
    names: (String, String),
    blocks: u32,
    seed: u64,
    mode: Mode,
) -> RunPlan {
    let mut plan = RunPlan::empty(seed, mode);
    plan.suites.push(suite);
    plan.compared = Some(names);
    let mut units = Vec::new();
    for (number, (a, b)) in pairs.into_iter().enumerate() {
        units.extend((0..blocks).map(|block| (narrow(2 * number), block)));
        plan.cells.extend([(0, a), (0, b)]);
    }
    let mut random = order_of(seed);
    units.shuffle(&mut random);
    for (first, block) in units {
        let arms = if random.random() { ["A", "B", "B", "A"] } else { ["B", "A", "A", "B"] };
        let mut launches = [2 * block, 2 * block];
        for arm in arms {
            let side = usize::from(arm == "B");
            let launch = launches[side];
            launches[side] += 1;
            let cell = first + narrow(side);
            plan.steps.push(Step { cell, launch, block: Some(block), arm: Some(arm.to_owned()) });
        }
    }
    plan
}
