//! Which runner a cell belongs to: the one place that maps a [`CellSpec`] to a run.
//!
//! No clock runs while steps are counted. A model on threads and a replay go through their calls twice: once
//! with step counters, and then measured; an ownership oracle watches every mapping of a model in the first
//! pass and samples in the second. A prepared state counts on an allocator of its own and verifies the outcome
//! of every operation that is timed. Virtual time counts and watches everything in its one pass, and times
//! nothing; the control and the dummy run nothing of the allocator.

use super::{CellError, CellOutcome, CellSpec, control, micro, plan, replay, slowdown};
use crate::policies::{self, Entry};
use workloads::op::DeviceTouch;
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
///
/// # Errors
/// None, or one that there is not.
pub(super) fn entry(spec: &CellSpec) -> Result<&'static Entry, CellError> {
    if spec.cell.policy == NO_POLICY {
        return Err(CellError::Spec(format!("`{}` wants a policy", spec.cell.scenario)));
    }
    policies::by_name(&spec.cell.policy).map_err(CellError::Spec)
}

/// Whether a runner would take the cell, asked before anything runs: a prepared state has to be one that
/// there is, a model's parameters within the model's bounds, a trace a file that opens.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check(spec: &CellSpec) -> Result<(), String> {
    slowdown::check(spec).map_err(|error| error.to_string())?;
    let scenario = Scenario::parse(&spec.cell.scenario)?;
    let checked = match scenario.sort {
        Sort::SlotSearch | Sort::FindPool | Sort::Fallback => micro::scenario(spec, scenario.sort).map(drop),
        Sort::Model | Sort::Virtual => check_model(spec),
        Sort::Replay => replay::check(spec),
        Sort::Control | Sort::Dummy => Ok(()),
    };
    checked.map_err(|error| error.to_string())
}

fn check_model(spec: &CellSpec) -> Result<(), CellError> {
    let (model, common) = plan::workload(spec)?;
    model.check(&common).map_err(|error| CellError::Spec(format!("the model: {error}")))?;
    if plan::is_of_trace(&model) {
        replay::check(spec)?;
    }
    plan::settings(spec).map(drop)
}

/// Threads that a cell keeps busy at once; a simulation in virtual time is one.
///
/// # Errors
/// What [`check`] refuses, as far as it was looked at.
pub fn threads(spec: &CellSpec) -> Result<u64, CellError> {
    match Scenario::parse(&spec.cell.scenario).map_err(CellError::Spec)?.sort {
        Sort::Model => {
            let (model, common) = plan::workload(spec)?;
            // A device that touches its buffers has a core of its own.
            let device = matches!(common.touch, DeviceTouch::OtherCore);
            Ok(u64::from(model.threads(&common)) + u64::from(device))
        }
        Sort::FindPool => Ok(1 + u64::from(spec.number("churn")?.is_some_and(|pairs| pairs > 0))),
        Sort::SlotSearch => spec.number_or("threads", 1),
        Sort::Virtual | Sort::Fallback | Sort::Replay | Sort::Control | Sort::Dummy => Ok(1),
    }
}
