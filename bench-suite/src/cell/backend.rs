//! Which runner a cell belongs to: the one place that maps a [`CellSpec`] to a run.
//!
//! Every runner does a cell twice: a counting pass with step counters and the full oracle, then the
//! measuring pass with the oracle on samples; the clock belongs to the second alone.

use super::{CellError, CellOutcome, CellSpec, control};
use swiotlb_core::policy::With;
use workloads::suite::keys::{Scenario, Sort};

/// Runs a cell for policy `P`: what the registry holds for each policy.
///
/// # Errors
/// Why there is no number.
pub fn run<P: With>(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let scenario = Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?;
    match scenario.sort {
        Sort::Control | Sort::Dummy => without_policy(spec),
        // Connected as the runners come: see `check` for what a cell may ask of them.
        Sort::SlotSearch | Sort::FindPool | Sort::Fallback | Sort::Model | Sort::Virtual | Sort::Replay => {
            Err(CellError::Spec(format!("no runner for `{scenario}` is connected")))
        }
    }
}

/// Runs a cell that has no policy under test.
///
/// # Errors
/// Why there is no number.
pub fn without_policy(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let scenario = Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?;
    match scenario.sort {
        Sort::Control => Ok(control::control(spec.quick)),
        Sort::Dummy => control::dummy(spec),
        _ => Err(CellError::Spec(format!("`{scenario}` wants a policy"))),
    }
}

/// Whether a runner would take the cell, asked before anything runs: a model's parameters are checked by
/// the model itself.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check(spec: &CellSpec) -> Result<(), String> {
    Scenario::parse(&spec.cell.scenario).map(|_| ())
}
