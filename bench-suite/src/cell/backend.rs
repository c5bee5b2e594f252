//! Which runner a cell belongs to: the one place that maps a [`CellSpec`] to a run.
//!
//! Every runner does a cell twice: a counting pass with step counters and the full oracle, then the
//! measuring pass with the oracle on samples; the clock belongs to the second alone.

use super::{CellError, CellOutcome, CellSpec, control, micro, model};
use serde_json::from_value;
use swiotlb_core::policy::With;
use workloads::model::{Common, Model};
use workloads::suite::keys::{Scenario, Sort};

/// Runs a cell for policy `P`: what the registry holds for each policy.
///
/// # Errors
/// Why there is no number.
pub fn run<P: With>(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let scenario = Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?;
    match scenario.sort {
        Sort::Control | Sort::Dummy => without_policy(spec),
        Sort::SlotSearch | Sort::FindPool | Sort::Fallback => micro::run::<P>(spec, scenario.sort),
        // Connected as the runners come; `model` gives the model and its common parameters.
        Sort::Model | Sort::Virtual | Sort::Replay => {
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

/// Whether a runner would take the cell, asked before anything runs: a prepared state has to be one that
/// there is, a model's parameters are read as the model reads them.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check(spec: &CellSpec) -> Result<(), String> {
    let scenario = Scenario::parse(&spec.cell.scenario)?;
    match scenario.sort {
        Sort::SlotSearch | Sort::FindPool | Sort::Fallback => {
            micro::scenario(spec, scenario.sort).map(|_| ()).map_err(|error| error.to_string())
        }
        Sort::Model | Sort::Virtual => model_of(spec).map(|_| ()).map_err(|error| error.to_string()),
        Sort::Replay | Sort::Control | Sort::Dummy => Ok(()),
    }
}

/// The model of a cell and what it shares with all models.
///
/// # Errors
/// What the models refuse.
pub fn model_of(spec: &CellSpec) -> Result<(Model, Common), CellError> {
    let values = model::values(spec)?;
    let refused = |error: serde_json::Error| CellError::Spec(format!("the model: {error}"));
    Ok((from_value(values.model).map_err(refused)?, from_value(values.common).map_err(refused)?))
}
