//! The best few, measured: what a map costs on this machine with each of them.
//!
//! The recorded calls are replayed in their recorded order against each candidate, round by round, so that a slow
//! moment of the machine meets all of them. This times the allocator; no request waits here, because a replay has
//! no time of its own in which to wait.

use super::candidates::Candidate;
use crate::policies;
use crate::replay::{self, Overrides, ReplayClock, ReplayError, ReplayJob, Script};
use plots::measured::Measured;
use reports::latency::Latency;
use reports::quantile::{Cell, Quantile};
use reports::stats::sign_test::estimate;
use serde::{Deserialize, Serialize};
use std::path::Path;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::BootParam;
use workloads::trace::{Trace, TraceOptions};

/// Rounds: the fewest that give an interval of 95 %.
pub const ROUNDS: usize = 6;
/// Where a pool lies of which the trace does not say it.
const BASE: PhysAddr = PhysAddr(1 << 30);

/// What a map costs with a candidate.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Timed {
    /// The candidate, in words.
    pub candidate: String,
    /// Rounds.
    pub rounds: usize,
    /// Which quantile of the map call was taken.
    pub quantile: String,
    /// Its median over the rounds, ns.
    pub map_ns: f64,
    /// The interval of that, 95 % at least; `None` for too few rounds.
    pub interval_ns: Option<(f64, f64)>,
    /// Maps that found no room in one round.
    pub maps_failed: u64,
}

impl Timed {
    /// As a point of a figure.
    #[must_use]
    pub fn measured(&self) -> Measured {
        Measured { value: self.map_ns, interval: self.interval_ns, n: self.rounds as u64 }
    }
}

/// Times the map call under each of a few candidates.
///
/// # Errors
/// [`ReplayError`]; an unknown policy is met before.
pub fn time(
    path: &Path,
    options: &TraceOptions,
    trace: &Trace,
    few: &[Candidate],
) -> Result<Vec<Timed>, ReplayError> {
    let base = trace.geometry.base.unwrap_or(BASE);
    let script = |candidate: &Candidate| -> Result<Script, ReplayError> {
        let swiotlb =
            BootParam { nslabs: Some(candidate.nslabs), nareas: Some(candidate.nareas), force: None };
        let overrides = Overrides { swiotlb: Some(swiotlb), grow: Some(candidate.grow), base: Some(base) };
        replay::load(path, options, &overrides)
    };
    let scripts = few.iter().map(script).collect::<Result<Vec<_>, _>>()?;
    let clock = ReplayClock::new();
    let mut rounds = vec![(Vec::new(), 0); few.len()];
    let mut quantile = Quantile::P99;
    for _ in 0..ROUNDS {
        for ((candidate, script), (values, failed)) in few.iter().zip(&scripts).zip(&mut rounds) {
            let Ok(policy) = policies::by_name(candidate.policy) else { continue };
            let replayed =
                policy.replay(&ReplayJob { script, clock: &clock, check: false, course: false })?;
            let Some(map) = replayed.record.latencies.get("map") else { continue };
            let (ns, of) = tail(map);
            quantile = of;
            values.push(ns);
            *failed = replayed.record.counts.get("maps_failed").copied().unwrap_or(0);
        }
    }
    let named = |(candidate, (values, maps_failed)): (&Candidate, (Vec<f64>, u64))| {
        let found = estimate(&values, 0.05)?;
        Some(Timed {
            candidate: candidate.to_string(),
            rounds: found.n,
            quantile: quantile.to_string(),
            map_ns: found.median,
            interval_ns: found.interval.map(|(low, high, _)| (low, high)),
            maps_failed,
        })
    };
    Ok(few.iter().zip(rounds).filter_map(named).collect())
}

/// The furthest of p99 and the median that the samples allow, ns; else the longest.
#[expect(clippy::cast_precision_loss, reason = "ns of one call")]
fn tail(latency: &Latency) -> (f64, Quantile) {
    let wanted = [Quantile::P50, Quantile::P99];
    for (quantile, cell) in wanted.into_iter().zip(latency.at(&wanted)).rev() {
        if let Cell::Value(ns) | Cell::Above(ns) = cell {
            return (ns as f64, quantile);
        }
    }
    (latency.max_ns().unwrap_or(0) as f64, Quantile::P50)
}
