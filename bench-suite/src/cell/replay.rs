//! Cells of a recorded trace on one thread: in its own order as fast as it goes, or paced as it was recorded.
//! `model parallel_replay` takes several threads.

use super::outcome::Metrics;
use super::plan::{measured, settings};
use super::{CellError, CellOutcome, CellSpec};
use crate::policies::Entry;
use crate::replay::{self, Overrides, ReplayClock, ReplayJob};
use crate::run::ledger::Broken;
use crate::run::{Pace, Settings};
use reports::evidence::Oracle;
use serde_json::{from_value, json};
use std::path::PathBuf;
use swiotlb_core::boot::BootParam;
use workloads::model::{Common, Model};
use workloads::trace::{SourceKind, TraceOptions};

/// The trace of a cell, which may be given from the working directory or, as the shipped suites do, from the
/// source tree.
///
/// # Errors
/// None is given.
fn trace(spec: &CellSpec) -> Result<PathBuf, CellError> {
    let text = spec.text("trace").ok_or_else(|| CellError::Spec("the cell names no trace".to_owned()))?;
    Ok(workloads::trace::find(text))
}

/// Whether the trace can be opened.
///
/// # Errors
/// Why not.
pub fn check(spec: &CellSpec) -> Result<(), CellError> {
    let path = trace(spec)?;
    let there = std::fs::File::open(&path).map(|_| ());
    there.map_err(|error| CellError::Spec(format!("{}: {error}", path.display())))
}

/// Runs a cell.
///
/// # Errors
/// A trace that cannot be read or replayed.
pub fn run(entry: &Entry, spec: &CellSpec) -> Result<CellOutcome, CellError> {
    if spec.text("pace") == Some("open") { paced(entry, spec) } else { in_order(entry, spec) }
}

fn in_order(entry: &Entry, spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let failed = |error: replay::ReplayError| CellError::Run(error.to_string());
    let script = replay::load(&trace(spec)?, &TraceOptions::default(), &overrides(spec)?).map_err(failed)?;
    // Raw text and JSON Lines hold the same addresses; nothing to compare where the pool is another one.
    let check = overrides(spec)?.swiotlb.is_none() && script.source == SourceKind::Jsonl;
    let job = ReplayJob { script: &script, clock: &ReplayClock::new(), check, course: false };
    let record = match entry.replay(&job) {
        Err(replay::ReplayError::Broken { source, .. }) => return Ok(broken(&source)),
        done => done.map_err(failed)?.record,
    };
    let mut outcome = CellOutcome {
        metrics: record.metrics,
        latencies: record.latencies,
        counts: record.counts,
        failures: record.failures,
        counters: record.counters,
        clock: record.clock,
        notes: record.notes,
        ..CellOutcome::default()
    };
    let of = |name: &str| outcome.metrics.get(name).copied().unwrap_or(f64::NAN);
    let trip = of("map_ns_per_op") + of("unmap_ns_per_op");
    let mut metrics = Metrics(&mut outcome.metrics);
    metrics.add("ns_per_op", trip);
    if let Some(placement) = record.placement {
        metrics.add("placed_as_recorded", placement.identical as f64 / placement.compared.max(1) as f64);
    }
    outcome.notes.push("ns_per_op: batch means of map and unmap, added".to_owned());
    Ok(outcome)
}

/// What is left of a cell whose allocator did what none may.
fn broken(found: &Broken) -> CellOutcome {
    let oracle = Oracle { mode: "full".to_owned(), checked: found.total, violations: found.total };
    CellOutcome { oracle: Some(oracle), notes: vec![found.to_string()], ..CellOutcome::default() }
}

fn overrides(spec: &CellSpec) -> Result<Overrides, CellError> {
    let nslabs = spec.number("nslabs")?;
    let nareas = spec.text("nareas").map(|_| spec.number_or("nareas", 1)).transpose()?;
    let swiotlb = nslabs.map(|nslabs| BootParam { nslabs: Some(nslabs), nareas, force: None });
    let grow = spec.text("can_grow").map(|text| text == "on");
    Ok(Overrides { swiotlb, grow, base: None })
}

/// On a thread for each recorded CPU, each op at its recorded time.
fn paced(entry: &Entry, spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let refused = |error: serde_json::Error| CellError::Spec(format!("the model: {error}"));
    let model = json!({ "name": "parallel_replay", "trace": trace(spec)? });
    let model: Model = from_value(model).map_err(refused)?;
    let plan = model.plan(&Common::default(), spec.cell.seed);
    let plan = plan.map_err(|error| CellError::Spec(format!("the trace: {error}")))?;
    let settings = Settings { pace: Pace::Open, repeat: 1, ..settings(spec)? };
    measured(entry, spec, &plan, &settings)
}
