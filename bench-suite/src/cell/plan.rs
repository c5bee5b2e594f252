//! Cells of workload models: on real threads, or in virtual time.
//!
//! On threads the plan runs twice, each time on a fresh allocator. The counting pass goes through it once,
//! counts every step and watches every byte; the measuring pass goes through it as often as is asked for and
//! watches samples. A violation in either voids the cell.

use super::model::model_of;
use super::outcome::{Metrics, add_counters, add_failures, calls_not_in_place, not_in_place};
use super::{CellError, CellOutcome, CellSpec, slowdown, threads};
use crate::policies::Entry;
use crate::run::reason::Reason;
use crate::run::{Oracle, Outcome, Pace, Settings, VirtualOutcome, counting, virtual_time};
use reports::evidence;
use reports::record::Clock;
use swiotlb_core::phys::HugePages;
use workloads::fit::Curve;
use workloads::model::{Common, Model};
use workloads::op::Plan;
use workloads::trace::{Trace, TraceOptions};

/// Of how many mappings one is watched while measuring.
const WATCHED: u32 = 64;
/// Maps per thread where the cell says nothing: quick, full.
const MAPS: (u64, u64) = (5_000, 50_000);
/// How often a closed loop goes through the plan where the cell says nothing: quick, full.
const REPEAT: (u32, u32) = (10, 20);
/// Ops that share a read section, as the buffers of one softirq do.
const SECTION: u32 = 64;

/// The model of a cell and what it shares with all models; the number of maps is the effort's unless the cell
/// gives it or the model takes it from a trace.
///
/// # Errors
/// What the model refuses.
pub fn workload(spec: &CellSpec) -> Result<(Model, Common), CellError> {
    let (model, mut common) = model_of(spec)?;
    if !is_of_trace(&model) {
        common.ops_per_thread.get_or_insert(if spec.quick { MAPS.0 } else { MAPS.1 });
    }
    Ok((model, common))
}

/// Whether a model plans what was recorded.
pub const fn is_of_trace(model: &Model) -> bool {
    matches!(model, Model::Fitted(_) | Model::ParallelReplay(_))
}

/// The plan of a cell.
///
/// # Errors
/// What the model refuses.
pub fn plan(spec: &CellSpec) -> Result<Plan, CellError> {
    let (model, common) = workload(spec)?;
    model.plan(&common, spec.cell.seed).map_err(|error| CellError::Spec(format!("the model: {error}")))
}

/// How a cell's plan is run.
///
/// # Errors
/// Parameters that are none.
pub fn settings(spec: &CellSpec) -> Result<Settings, CellError> {
    let usual = Settings::default();
    let pace = if spec.text("loop") == Some("open") { Pace::Open } else { Pace::Closed };
    let warmup: u32 = spec.number_or("warmup", 10)?;
    let repeat = if spec.quick { REPEAT.0 } else { REPEAT.1 };
    Ok(Settings {
        pace,
        nslabs: spec.number_or("nslabs", usual.nslabs)?,
        nareas: spec.number_or("nareas", usual.nareas)?,
        can_grow: spec.flag("can_grow", usual.can_grow),
        growth_delay_ns: spec.number_or("growth_delay", usual.growth_delay_ns)?,
        pin: spec.flag("pin", usual.pin),
        warmup_share: f64::from(warmup) / 100.0,
        batch: spec.number_or("batch", SECTION)?,
        oracle: Oracle::Sampled(WATCHED),
        huge_pages: if spec.flag("huge_pages", false) { HugePages::Always } else { usual.huge_pages },
        seed: spec.cell.seed,
        slowdown_ppm: slowdown::of(spec)?,
        time_limit_ns: spec.number_or("time_limit", usual.time_limit_ns)?,
        repeat: if pace == Pace::Open { 1 } else { spec.number_or("repeat", repeat)? },
        ..usual
    })
}

/// Runs a cell on real threads.
///
/// # Errors
/// What the model or the runner refuses.
pub fn on_threads(entry: &Entry, spec: &CellSpec) -> Result<CellOutcome, CellError> {
    measured(entry, spec, &plan(spec)?, &settings(spec)?)
}

/// Counts and measures a plan.
///
/// # Errors
/// What the runner refuses.
pub fn measured(
    entry: &Entry,
    spec: &CellSpec,
    plan: &Plan,
    settings: &Settings,
) -> Result<CellOutcome, CellError> {
    let failed = |error: crate::run::RunError| CellError::Run(error.to_string());
    let copy = spec.flag("copy", true);
    // In closed loop and without a warm-up: what is done counts, all of it, and not when.
    let once = Settings {
        oracle: Oracle::Full,
        repeat: 1,
        pace: Pace::Closed,
        warmup_share: 0.0,
        ..settings.clone()
    };
    let counted = counting(entry.build, plan, &once).map_err(failed)?;
    let timed = entry.runs.measure(copy, plan, settings).map_err(failed)?;
    let mut outcome = threads::outcome(&timed);
    add_distances(spec, plan, &mut outcome)?;
    if entry.build.abilities().steps {
        threads::add_steps(&counted, copy, &mut outcome);
    }
    outcome.oracle = Some(both_passes(&counted, &timed));
    outcome.void = void(&counted, &timed, settings);
    if plan.threads.len() > 1 {
        outcome.notes.push("step counters of several threads differ from run to run".to_owned());
    }
    Ok(outcome)
}

fn both_passes(counted: &Outcome, timed: &Outcome) -> evidence::Oracle {
    evidence::Oracle {
        mode: format!("sampled 1/{WATCHED}; full in the counting pass"),
        checked: counted.oracle.checked + timed.oracle.checked,
        violations: counted.oracle.total_violations + timed.oracle.total_violations,
    }
}

/// Why the numbers may not be used, if they may not.
fn void(counted: &Outcome, timed: &Outcome, settings: &Settings) -> Option<String> {
    let said = counted.oracle.violations.iter().chain(&timed.oracle.violations).next();
    if let Some(violation) = said {
        return Some(format!("the oracle: {violation}"));
    }
    if counted.cut_short || timed.cut_short {
        let seconds = settings.time_limit_ns as f64 / 1e9;
        return Some(format!("stopped after {seconds:.1} s: raise time_limit or lower ops_per_thread"));
    }
    // A pool that is made while the clock runs has tables of its own, and their first touch belongs to it.
    if settings.can_grow {
        return None;
    }
    let threads = &timed.threads;
    match threads.iter().map(|thread| thread.batches).sum() {
        0 => calls_not_in_place(timed.page_faults_inside, threads.iter().map(|thread| thread.ops).sum()),
        batches => not_in_place(timed.page_faults_inside, batches),
    }
}

/// Runs a cell in virtual time: counts only, exact for a seed.
///
/// # Errors
/// What the model or the simulation refuses.
pub fn in_virtual_time(entry: &Entry, spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let (plan, settings) = (plan(spec)?, Settings { oracle: Oracle::Full, ..settings(spec)? });
    let done = virtual_time(entry.build, &plan, &settings);
    let mut outcome = simulated(&done.map_err(|error| CellError::Run(error.to_string()))?);
    if !entry.build.abilities().steps {
        outcome.counters.clear();
        outcome.metrics.retain(|name, _| !name.ends_with("_per_op"));
    }
    add_distances(spec, &plan, &mut outcome)?;
    Ok(outcome)
}

/// How far a plan that was made from a trace is from it: for a fitted one each distribution's distance
/// (Kolmogorov-Smirnov, 0 to 1, weighted by recorded maps), for a replay on threads the departure of the
/// plan's occupancy from the recorded one. Threads may depart further, by what they do within the skew.
fn add_distances(spec: &CellSpec, plan: &Plan, outcome: &mut CellOutcome) -> Result<(), CellError> {
    // A replay of its own has no model; it plans one where it is paced.
    let Ok((model, _)) = model_of(spec) else { return Ok(()) };
    let open = |path: &std::path::Path| {
        let read = Trace::open(path, &TraceOptions::default());
        read.map_err(|error| CellError::Spec(format!("the trace: {error}")))
    };
    let mut metrics = Metrics(&mut outcome.metrics);
    match model {
        Model::Fitted(fitted) => {
            let distances = fitted.distances(&open(&fitted.trace)?, plan);
            metrics.add("size_ks", distances.mean_ks(|device| device.size));
            metrics.add("lifetime_ks", distances.mean_ks(|device| device.lifetime));
            metrics.add("gap_ks", distances.mean_ks(|device| device.gap));
            metrics.add("burst_ks", distances.mean_ks(|device| device.burst));
            metrics.add("occupancy_ks", distances.occupancy.ks);
        }
        Model::ParallelReplay(replay) => {
            let departure = Curve::of_trace(&open(&replay.trace)?).departure(&Curve::of_plan(plan));
            metrics.add("departure_share", departure.relative());
            metrics.add("departure_greatest_slots", departure.greatest_slots as f64);
        }
        _ => {}
    }
    Ok(())
}

fn simulated(done: &VirtualOutcome) -> CellOutcome {
    let mut outcome = CellOutcome::default();
    let maps = done.maps.max(1) as f64;
    let mut metrics = Metrics(&mut outcome.metrics);
    metrics.add("failed_share", done.failed() as f64 / maps);
    metrics.add("spilled_share", done.spilled as f64 / maps);
    metrics.add("transient_share", done.transient as f64 / maps);
    metrics.add("mean_used_slots", done.mean_used_slots);
    // A share of nothing is no number.
    let missed = done.failures.get(Reason::MissedByWalk.name()).copied().unwrap_or(0);
    metrics.add("missed_share", missed as f64 / done.failed() as f64);
    let grown = done.growth.iter().filter(|event| event.nslabs > 0);
    if let Some(first) = grown.clone().next() {
        metrics.add("first_growth_ns", (first.grown_at_ns - first.failed_at_ns) as f64);
        metrics.add("failed_until_grown", grown.map(|event| event.failed_meanwhile).sum::<u64>() as f64);
    }
    let counts = [
        ("maps", done.maps),
        ("unmaps", done.unmaps),
        ("syncs", done.syncs),
        ("lookups", done.lookups),
        ("skipped", done.skipped),
        ("bytes", done.bytes),
        ("spilled", done.spilled),
        ("transient", done.transient),
        ("pools_added", done.pools_added),
        ("slots_high_water", done.stats.used_hiwater),
        ("transient_high_water", done.transient_high_water),
        ("slots_at_end", done.stats.nslabs),
        ("virtual_ns", done.end_ns),
    ];
    outcome.counts = counts.map(|(name, n)| (name.to_owned(), n)).into();
    add_failures(&done.failures, &mut outcome.failures);
    add_counters(&done.counts, done.maps, &mut outcome);
    outcome.oracle = Some(evidence::Oracle {
        mode: "full".to_owned(),
        checked: done.oracle.checked,
        violations: done.oracle.total_violations,
    });
    outcome.void = done.oracle.violations.first().map(|violation| format!("the oracle: {violation}"));
    outcome.clock = Some(Clock { name: "virtual".to_owned(), overhead_ns: 0.0, precision_ns: 1.0 });
    outcome
}
