//! Which runner a cell belongs to: the one place that maps a [`CellSpec`] to a run.
//!
//! Every runner does a cell twice: a counting pass with step counters and the full oracle, then the
//! measuring pass with the oracle on samples; the clock belongs to the second alone.

use super::{CellError, CellOutcome, CellSpec, control, micro, model, plan, replay};
use crate::policies::{self, Entry};
use workloads::suite::expand::NO_POLICY;
use workloads::suite::keys::{Scenario, Sort};

/// Runs a cell.
///
/// # Errors
/// Why there is no number.
pub fn run(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let scenario = Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?;
    match scenario.sort {
        Sort::Control => Ok(control::control(spec.quick)),
        Sort::Dummy => control::dummy(spec),
        sort => under_policy(spec, &scenario, sort, entry(spec)?),
    }
}

fn under_policy(
    spec: &CellSpec,
    scenario: &Scenario,
    sort: Sort,
    entry: &Entry,
) -> Result<CellOutcome, CellError> {
    match sort {
        Sort::SlotSearch | Sort::FindPool | Sort::Fallback => micro::run(entry, spec, sort),
        Sort::Model => plan::on_threads(entry, spec),
        Sort::Virtual => plan::in_virtual_time(entry, spec),
        Sort::Replay => replay::run(entry, spec),
        Sort::Control | Sort::Dummy => Err(CellError::Spec(format!("`{scenario}` has no policy"))),
    }
}

/// The policy of a cell.
fn entry(spec: &CellSpec) -> Result<&'static Entry, CellError> {
    if spec.cell.policy == NO_POLICY {
        return Err(CellError::Spec(format!("`{}` wants a policy", spec.cell.scenario)));
    }
    policies::by_name(&spec.cell.policy).map_err(CellError::Spec)
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
        Sort::Model | Sort::Virtual => model::model_of(spec)
            .and_then(|_| plan::settings(spec))
            .map(|_| ())
            .map_err(|error| error.to_string()),
        Sort::Replay => replay::check(spec).map_err(|error| error.to_string()),
        Sort::Control | Sort::Dummy => Ok(()),
    }
}
