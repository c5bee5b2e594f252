//! Cells that run none of the allocator: the control, which judges the host, and the dummy, which judges
//! the harness.

use super::m_d_1::MD1;
use super::outcome::Metrics;
use super::plan::settings;
use super::{CellError, CellOutcome, CellSpec, threads};
use crate::run::clock::HostClock;
use crate::run::{self, Dummy, Kind, Oracle, Pace, Settings, Stall};
use reports::latency::Latency;
use reports::stats::median;
use workloads::model::{ArrivalKind, single_calls};

/// Runs of the control: their median is the number.
const CONTROLS: (usize, usize) = (15, 101);
/// Calls of the dummy where the cell says nothing: quick, full.
const CALLS: (u64, u64) = (20_000, 200_000);

/// Arithmetic and copies; nothing of ours. And what the harness takes for operations that do nothing.
#[must_use]
pub fn control(quick: bool) -> CellOutcome {
    let runs = if quick { CONTROLS.0 } else { CONTROLS.1 };
    let all: Vec<_> = (0..runs).map(|_| run::control()).collect();
    let middle = |of: fn(&run::Control) -> f64| median(&all.iter().map(of).collect::<Vec<_>>());
    let mut outcome = CellOutcome::default();
    let mut metrics = Metrics(&mut outcome.metrics);
    // One number for the host: a step of arithmetic and a copy, weighted so that each takes about half.
    let (alu, copy) = (middle(|c| c.alu_ns), middle(|c| c.copy_4k_ns));
    for (name, number) in [
        ("alu_ns", alu),
        ("copy_4k_ns", copy),
        ("spread", middle(|c| c.spread)),
        ("ns_per_op", alu.zip(copy).map(|(alu, copy)| 32.0 * alu + copy)),
    ] {
        metrics.add(name, number.unwrap_or(f64::NAN));
    }
    let harness = run::overhead();
    for (name, ns) in [
        ("harness_closed_ns", harness.closed_ns),
        ("harness_inside_ns", harness.closed_inside_ns),
        ("harness_batch_ns", harness.batch_ns),
        ("harness_open_ns", harness.open_ns),
    ] {
        metrics.add(name, ns);
    }
    outcome.clock = Some(threads::clock(&HostClock::get().facts()));
    outcome
}

/// A server of known service time behind the same loops as the allocator.
///
/// # Errors
/// Parameters that are none.
pub fn dummy(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let (stall_ns, every_ns) = (spec.number_or("stall", 0)?, spec.number_or("stall_every", 1_000_000)?);
    let stall = (stall_ns > 0).then_some(Stall { at_ns: every_ns, for_ns: stall_ns, every_ns });
    let server = Dummy { service_ns: spec.number_or("service", 1_000)?, stall };
    let calls = spec.number_or("operations", if spec.quick { CALLS.0 } else { CALLS.1 })?;
    let kind =
        if spec.text("arrivals") == Some("constant") { ArrivalKind::Constant } else { ArrivalKind::Poisson };
    let rate: u64 = spec.number_or("rate", 100_000)?;
    let plan = single_calls(calls, rate as f64, kind, spec.cell.seed);
    let plan = plan.map_err(|error| CellError::Spec(error.to_string()))?;
    let settings = Settings { oracle: Oracle::Off, batch: 1, repeat: 1, ..settings(spec)? };
    let done = run::dummy(&plan, &settings, server).map_err(|error| CellError::Run(error.to_string()))?;
    let mut outcome = threads::outcome(&done);
    // The plan calls a server, and not an allocator: its calls are neither maps nor lookups.
    if let Some(service) = outcome.latencies.remove(Kind::Lookup.name()) {
        outcome.latencies.insert("service".to_owned(), service);
    }
    outcome.latencies.retain(|name, _| !name.ends_with("-response"));
    if settings.pace == Pace::Open {
        // A request keeps the server for its service time and for the loop's own.
        let each_ns = server.service_ns as f64 + run::overhead().open_ns;
        let theory = MD1::new(each_ns, rate as f64).filter(|_| stall.is_none());
        let responses = outcome.latencies.get("response").map(Latency::histogram);
        if let Some((responses, theory)) = responses.zip(theory) {
            let (mean, p50) = (responses.mean(), responses.value_at_quantile(0.5) as f64);
            let mut metrics = Metrics(&mut outcome.metrics);
            metrics.add("mean_response_ns", mean);
            metrics.add("mean_over_m_d_1", mean / theory.mean_ns());
            metrics.add("p50_over_m_d_1", p50 / theory.quantile_ns(0.5));
        }
    }
    Ok(outcome)
}
