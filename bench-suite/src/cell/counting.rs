//! A launch that counts and times nothing: the steps of a cell's operations, and the memory of its state.
//!
//! Invariant: what is counted is exact. Two launches of one cell on one thread give the same numbers, on a busy
//! machine too.

use super::micro::{effort, in_words, scenario, violated};
use super::outcome::{Metrics, add_counters};
use super::{CellError, CellOutcome, CellSpec, backend, heap};
use crate::scenario::{Prepared, Scenario, ScenarioError, count_steps};
use reports::evidence::Oracle;
use workloads::suite::keys::{self, Sort};

/// The metric of a state's memory: what its making left allocated on the heap.
pub const MEMORY: &str = "memory_bytes";

/// Counts a cell.
///
/// # Errors
/// Why there is no number.
pub fn run(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let sort = sort(spec)?;
    if is_prepared(sort) {
        return state(spec, sort);
    }
    let mut outcome = backend::run(&CellSpec { quick: true, ..spec.clone() })?;
    if sort != Sort::Virtual {
        // Whatever was timed on the way is not of this launch's kind.
        outcome.metrics.retain(|name, _| name.ends_with("_per_op") && name != "ns_per_op");
        outcome.latencies.clear();
        outcome.clock = None;
    }
    Ok(outcome)
}

/// Prepares a cell's state and runs so many batches of its operations in `counted_batches`, which a tool that counts
/// instructions looks into; nothing else. How many operations a batch has.
///
/// # Errors
/// A cell that has no prepared state, an operation that did not end as the state promises.
pub fn bare(spec: &CellSpec, batches: usize) -> Result<u64, CellError> {
    let sort = sort(spec)?;
    if !is_prepared(sort) {
        return Err(CellError::Spec(format!("`{}` has no prepared state", spec.cell.scenario)));
    }
    let scenario = scenario(spec, sort)?;
    let ops = effort(true, &scenario).ops;
    let mut prepared = backend::entry(spec)?.runs.prepare(&scenario).map_err(in_words)?;
    // What happens once, on first use, is no part of an operation.
    prepared.run(2, ops, &mut |_| {}).map_err(in_words)?;
    counted_batches(&mut *prepared, batches, ops).map_err(in_words)?;
    Ok(ops)
}

/// The name of `counted_batches`, as far as a program's symbols have it.
pub const COUNTED: &str = "counted_batches";

/// Runs batches. Never inlined: it is found by its name ([`COUNTED`]). What comes before it may take any time, as
/// measuring a clock does, and its instructions differ from run to run.
#[inline(never)]
fn counted_batches(prepared: &mut dyn Prepared, batches: usize, ops: u64) -> Result<(), ScenarioError> {
    prepared.run(batches, ops, &mut |_| {})
}

/// Whether a cell is a state that is prepared and asked the same again and again.
#[must_use]
pub fn is_prepared(sort: Sort) -> bool {
    matches!(sort, Sort::SlotSearch | Sort::FindPool | Sort::Fallback)
}

/// The sort of a cell.
///
/// # Errors
/// A scenario that there is not.
pub fn sort(spec: &CellSpec) -> Result<Sort, CellError> {
    Ok(keys::Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?.sort)
}

fn state(spec: &CellSpec, sort: Sort) -> Result<CellOutcome, CellError> {
    let (entry, scenario) = (backend::entry(spec)?, scenario(spec, sort)?);
    let before = heap::in_use();
    let mut prepared = entry.runs.prepare(&scenario).map_err(in_words)?;
    let mut outcome = match once(&mut *prepared, &scenario) {
        Ok(outcome) => outcome,
        Err(ScenarioError::Unverified { wrong, ops }) => return Ok(violated(wrong, ops)),
        Err(error) => return Err(in_words(error)),
    };
    if let Some((now, before)) = heap::in_use().zip(before) {
        Metrics(&mut outcome.metrics).add(MEMORY, now.saturating_sub(before) as f64);
    }
    match count_steps(entry.build, &scenario) {
        Ok(Some((counts, ops))) if entry.build.abilities().steps => add_counters(&counts, ops, &mut outcome),
        Ok(_) => {}
        Err(ScenarioError::Unverified { wrong, ops }) => return Ok(violated(wrong, ops)),
        Err(error) => return Err(in_words(error)),
    }
    Ok(outcome)
}

/// A batch, so that whatever is allocated on first use is there.
fn once(prepared: &mut dyn Prepared, scenario: &Scenario) -> Result<CellOutcome, ScenarioError> {
    let ops = effort(true, scenario).ops;
    prepared.run(1, ops, &mut |_| {})?;
    let mode = "every operation's outcome; ownership in the counting pass".to_owned();
    let oracle = Some(Oracle { mode, checked: ops, violations: 0 });
    Ok(CellOutcome { oracle, ..CellOutcome::default() })
}
