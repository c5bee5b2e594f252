//! Which cells of a gate go on to a further look.
//!
//! Invariant: it follows from the records, so that whoever reads them later comes to the same cells.

use super::super::paired::Paired;
use super::super::trial::Trial;
use super::lost::Lost;
use reports::compare::verdict::Verdict;
use std::collections::BTreeSet;

/// Gives the open cells no further blocks that are not suspicious, unless `every` open one is to be confirmed, and
/// those that have lost too much: more blocks bring them no number. `pairs` are the records of all pairs, in their order.
pub fn leave(trial: &mut Trial, pairs: &[Paired<'_>], every: bool) {
    let lost = lost(trial, pairs);
    trial.leave(|verdict| !lost.contains(&verdict.cell) && (every || is_suspicious(verdict)));
}

/// The same of a gate that ran once, by what it went on with: where a cell that is not suspicious has further blocks,
/// every open one was to be confirmed.
pub fn leave_as_run(trial: &mut Trial, pairs: &[Paired<'_>]) {
    let (lost, looked) = (lost(trial, pairs), trial.looked());
    let named = trial.comparison().pairs.iter().zip(pairs);
    let further: BTreeSet<&str> = named
        .filter(|(_, pair)| pair.in_blocks().any(|(_, record)| block(record) >= Some(looked)))
        .map(|(pair, _)| pair.name.as_str())
        .collect();
    let goes_on = |verdict: &Verdict| !verdict.state.is_decided() && !is_suspicious(verdict);
    let every = trial.verdicts().iter().any(|verdict| {
        goes_on(verdict) && !lost.contains(&verdict.cell) && further.contains(verdict.cell.as_str())
    });
    leave(trial, pairs, every);
}

fn block(record: &reports::record::RunRecord) -> Option<u32> {
    record.place.as_ref()?.block
}

/// The pairs of which too many launches are void.
fn lost(trial: &Trial, pairs: &[Paired<'_>]) -> BTreeSet<String> {
    let names = trial.comparison().pairs.iter().map(|pair| pair.name.clone()).zip(pairs);
    names.filter(|(_, pair)| Lost::of(pair).is_too_much()).map(|(name, _)| name).collect()
}

/// Whether an open cell is worth more blocks: its median lies on the worse side by more than half of what would count.
/// A change of the floor's size or more is there after the first look all but surely.
fn is_suspicious(verdict: &Verdict) -> bool {
    let worse = |effect: f64| verdict.better.is_worse(effect) && effect.abs() > verdict.floor.value() / 2.0;
    verdict.estimate.is_none_or(worse)
}
