//! The order of a gate: what counts first, then the blocks, look by look.
//!
//! Invariant: a pair takes part in nothing that no check of it asks for. The control, which no check is about, comes
//! last among the pairs and runs in the blocks of the first look; its sides are the same, so that a difference is the
//! machine's.

use super::super::ab::blocks;
use super::super::comparison::{Comparison, Pair};
use super::super::plan::{PlannedSuite, RunPlan, Step};
use super::check::{Check, Trust};
use crate::cell::Counting;
use workloads::suite::{Cell, Mode};

/// A pair of cells, and what it is held to.
#[derive(Clone, Debug)]
pub struct Held {
    /// The suite that the cells are of.
    pub suite: PlannedSuite,
    /// Their name and floor. Whether it is judged follows from the metrics.
    pub pair: Pair,
    /// A's cell.
    pub a: Cell,
    /// B's cell.
    pub b: Cell,
    /// The metrics, each with how far it is trusted.
    pub metrics: Vec<(String, Trust)>,
    /// Whether it has more threads than there are cores: then nothing of it runs.
    pub oversubscribed: bool,
}

impl Held {
    /// Whether a metric of it is the judge's.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        !self.oversubscribed && self.metrics.iter().any(|(_, trust)| *trust == Trust::Time)
    }
}

/// The plan of a gate over `held`, with the control's suite and cell; `comparison` has no pairs yet. `effort` is how
/// long each launch measures.
#[must_use]
pub fn plan(
    held: Vec<Held>,
    control: Option<(PlannedSuite, Cell)>,
    mut comparison: Comparison,
    (seed, effort): (u64, Mode),
) -> RunPlan {
    let mut plan = RunPlan::empty(seed, effort);
    let (mut timed, mut counted) = (Vec::new(), Vec::new());
    for (held, number) in held.into_iter().zip(0..) {
        let runs =
            |wanted: fn(Trust) -> bool| !held.oversubscribed && held.metrics.iter().any(|m| wanted(m.1));
        timed.push(runs(Trust::is_timed));
        counted.push(counting(&held).filter(|_| !held.oversubscribed));
        let judged = held.is_judged();
        let suite = number_of(&mut plan.suites, held.suite);
        plan.cells.extend([(suite, held.a), (suite, held.b)]);
        comparison.pairs.push(Pair { judged, ..held.pair });
        plan.checks.extend(held.metrics.into_iter().map(|(metric, trust)| Check {
            pair: number,
            metric,
            trust,
        }));
    }
    if let Some((suite, cell)) = control.filter(|_| timed.contains(&true)) {
        timed.push(true);
        let (suite, name) = (number_of(&mut plan.suites, suite), cell.id.clone());
        plan.cells.extend([(suite, cell.clone()), (suite, cell)]);
        comparison.pairs.push(Pair { name, floor: Default::default(), judged: false });
    }
    let after_all = 2 * comparison.rules.looks.last();
    plan.steps =
        counted.into_iter().zip(0..).flat_map(|(counts, pair)| counts_of(counts, pair, after_all)).collect();
    let has_blocks = |pair: u32| usize::try_from(pair).is_ok_and(|pair| timed.get(pair) == Some(&true));
    plan.steps.extend(blocks(&comparison, seed, has_blocks));
    plan.comparison = Some(comparison);
    plan
}

/// What the counting launches of a pair count; nothing where it has none.
fn counting(held: &Held) -> Option<Counting> {
    let has = |trust| held.metrics.iter().any(|(_, of)| *of == trust);
    match (has(Trust::Instructions), has(Trust::Exact) || has(Trust::Memory)) {
        (true, _) => Some(Counting::Instructions),
        (false, true) => Some(Counting::Steps),
        (false, false) => None,
    }
}

/// A counting launch of either side, numbered after those of all blocks.
fn counts_of(counting: Option<Counting>, pair: u32, launch: u32) -> impl Iterator<Item = Step> {
    let arms = [("A", 2 * pair), ("B", 2 * pair + 1)].into_iter().filter(move |_| counting.is_some());
    arms.map(move |(arm, cell)| Step { cell, launch, block: None, arm: Some(arm.to_owned()), counting })
}

/// The number of a suite in the plan, which holds each once.
fn number_of(suites: &mut Vec<PlannedSuite>, suite: PlannedSuite) -> u32 {
    let found = suites.iter().position(|there| *there == suite);
    let number = found.unwrap_or_else(|| {
        suites.push(suite);
        suites.len() - 1
    });
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The number of the control's pair, which no check is about; nothing where there is none.
#[must_use]
pub fn control(plan: &RunPlan) -> Option<usize> {
    let pairs = plan.comparison.as_ref()?.pairs.len();
    let last = plan.checks.iter().filter_map(|check| usize::try_from(check.pair).ok()).max()?;
    Some(last + 1).filter(|next| *next < pairs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::super::super::comparison::rules;
    use super::*;
    use reports::compare::floor::Floor;

    fn cell(id: &str) -> Cell {
        let (scenario, policy) = ("slot_search".to_owned(), "kernel".to_owned());
        Cell { id: id.to_owned(), scenario, policy, values: Default::default(), seed: 1 }
    }

    fn held(name: &str, metrics: &[(&str, Trust)], oversubscribed: bool) -> Held {
        Held {
            suite: PlannedSuite { source_name: "s.toml".into(), text: "s".into() },
            pair: Pair { name: name.into(), floor: Floor::of(0.01), judged: true },
            a: cell(&format!("{name}/a")),
            b: cell(&format!("{name}/b")),
            metrics: metrics.iter().map(|(metric, trust)| ((*metric).to_owned(), *trust)).collect(),
            oversubscribed,
        }
    }

    fn planned(all: Vec<Held>) -> RunPlan {
        let rules = rules(None, false, true).unwrap();
        let (a, b, metric) = ("a".into(), "b".into(), "ns_per_op".into());
        let comparison = Comparison { a, b, null: false, metric, rules, calibration: None, pairs: vec![] };
        let suite = PlannedSuite { source_name: "control.toml".into(), text: "c".into() };
        plan(all, Some((suite, cell("control/"))), comparison, (1, Mode::Full))
    }

    fn launches(plan: &RunPlan, pair: u32, counting: bool) -> usize {
        let of_pair = |step: &&Step| step.cell / 2 == pair && step.counting.is_some() == counting;
        plan.steps.iter().filter(of_pair).count()
    }

    #[test]
    fn a_pair_runs_what_its_checks_ask_for() {
        let time = [("counters", Trust::Exact), ("ns_per_op", Trust::Time)];
        let counted = [("instructions", Trust::Instructions)];
        let contended = [("ns_per_op", Trust::Advice)];
        let plan = planned(vec![
            held("both", &time, false),
            held("counted", &counted, false),
            held("contended", &contended, false),
            held("crowd", &contended, true),
        ]);
        let all: Vec<_> = (0..5).map(|n| (launches(&plan, n, true), launches(&plan, n, false))).collect();
        // The control is the fifth, in the blocks of the first look as what only advises.
        assert_eq!(all, [(2, 96), (2, 0), (0, 48), (0, 0), (0, 48)]);
        assert_eq!((control(&plan), plan.suites.len()), (Some(4), 2));
        let judged: Vec<bool> = plan.comparison.as_ref().unwrap().pairs.iter().map(|p| p.judged).collect();
        assert_eq!(judged, [true, false, false, false, false]);
        // What counts comes first, and no launch has the key of another.
        assert!(plan.steps[..4].iter().all(|step| step.counting.is_some()));
        let keys: std::collections::BTreeSet<_> =
            plan.steps.iter().map(|step| (step.cell, step.launch, step.arm.clone())).collect();
        assert_eq!(keys.len(), plan.steps.len());
    }

    #[test]
    fn nothing_that_is_timed_wants_no_control() {
        let plan = planned(vec![held("x", &[("counters", Trust::Exact)], false)]);
        assert_eq!((plan.steps.len(), control(&plan)), (2, None));
    }
}
