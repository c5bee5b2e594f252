//! From a run on real threads to a cell's outcome: one number per metric, whole histograms.
//!
//! `ns_per_op` is the median of batch means of each thread, averaged over threads by their operations; where
//! operations were too long to be batched it is the mean of the service times.

use super::outcome::{Metrics, add_counters, add_failures};
use super::{CellOutcome, EMPTY_LOOP};
use crate::run::{ClockFacts, Noise, Outcome, ThreadOutcome};
use reports::evidence::{self, Thread};
use reports::latency::Latency;
use reports::record::Clock;
use std::collections::BTreeMap;
use swiotlb_core::probe::Counts;
use workloads::op::Role;

/// What the measuring pass found.
#[must_use]
pub fn outcome(run: &Outcome) -> CellOutcome {
    let mut outcome = CellOutcome {
        latencies: latencies(run),
        counts: counts(run),
        threads: run.threads.iter().map(thread).collect(),
        fairness: Some(evidence::Fairness {
            shares: run.fairness.shares.clone(),
            jain: run.fairness.jain,
            longest_wait_ns: run.fairness.longest_wait_ns,
        }),
        noise: Some(noise(&run.noise, run.page_faults_inside)),
        clock: Some(clock(&run.clock)),
        ..CellOutcome::default()
    };
    for thread in &run.threads {
        add_failures(&thread.failures, &mut outcome.failures);
    }
    let mut metrics = Metrics(&mut outcome.metrics);
    metrics.add("ns_per_op", mean_by_ops(run, |thread| thread.batch_mean_ns));
    metrics.add("warmup_ns_per_op", mean_by_ops(run, |thread| thread.warmup_mean_ns));
    metrics.add("ops_per_s", total(run, |thread| thread.ops) as f64 * 1e9 / run.wall_ns.max(1) as f64);
    metrics.add("failed_share", total(run, failed) as f64 / total(run, |thread| thread.maps) as f64);
    metrics.add("jain", run.fairness.jain);
    metrics.add("longest_wait_ns", run.fairness.longest_wait_ns as f64);
    metrics.add("overlap", run.overlap);
    for (name, rate) in [("intended_per_s", run.intended_rate), ("achieved_per_s", run.achieved_rate)] {
        rate.into_iter().for_each(|rate| metrics.add(name, rate));
    }
    if let Some(first) = run.growth.iter().find(|event| event.nslabs > 0) {
        metrics.add("first_growth_ns", first.grown_at_ns.saturating_sub(first.failed_at_ns) as f64);
        metrics.add("failed_until_grown", run.growth.iter().map(|e| e.failed_meanwhile).sum::<u64>() as f64);
    }
    if run.oversubscribed {
        outcome.notes.push("oversubscribed: more threads than cores, no verdict".to_owned());
    }
    outcome
}

/// Adds what the counting pass counted. Bytes are copied there whether the cell copies or not.
pub fn add_steps(counted: &Outcome, copy: bool, outcome: &mut CellOutcome) {
    let counts = counted.threads.iter().filter_map(|thread| thread.counts);
    let mut sum = counts.fold(Counts::default(), |sum, c| crate::run::target::add_counts(&sum, &c));
    if !copy {
        sum.bytes_copied = 0;
    }
    add_counters(&sum, total(counted, |thread| thread.maps), outcome);
}

fn total(run: &Outcome, of: impl Fn(&ThreadOutcome) -> u64) -> u64 {
    run.threads.iter().map(of).sum()
}

fn failed(thread: &ThreadOutcome) -> u64 {
    thread.failures.values().sum()
}

fn mean_by_ops(run: &Outcome, of: impl Fn(&ThreadOutcome) -> f64) -> f64 {
    let worked = run.threads.iter().filter(|thread| thread.ops > 0 && of(thread).is_finite());
    let (sum, ops) =
        worked.fold((0.0, 0.0), |(s, n), thread| (s + of(thread) * thread.ops as f64, n + thread.ops as f64));
    sum / ops
}

/// Service times by call, and of an open loop the response times, all together and by call, beside those of
/// an empty loop.
fn latencies(run: &Outcome) -> BTreeMap<String, Latency> {
    let mut merged: BTreeMap<String, Latency> = BTreeMap::new();
    let mut add = |name: String, latency: &Latency| {
        if latency.samples() > 0 {
            merged.entry(name).or_default().merge(latency);
        }
    };
    for thread in &run.threads {
        thread.service.iter().for_each(|(call, latency)| add((*call).to_owned(), latency));
        for (call, latency) in &thread.response {
            add(format!("{call}-response"), latency);
            add("response".to_owned(), latency);
        }
    }
    if run.achieved_rate.is_some() {
        run.empty_loop.iter().for_each(|latency| add(EMPTY_LOOP.to_owned(), latency));
    }
    merged
}

fn counts(run: &Outcome) -> BTreeMap<String, u64> {
    let counts = [
        ("maps", total(run, |thread| thread.maps)),
        ("unmaps", total(run, |thread| thread.unmaps)),
        ("syncs", total(run, |thread| thread.syncs)),
        ("lookups", total(run, |thread| thread.lookups)),
        ("skipped", total(run, |thread| thread.skipped)),
        ("operations", total(run, |thread| thread.ops)),
        ("bytes", total(run, |thread| thread.bytes)),
        ("batches", total(run, |thread| thread.batches)),
        ("pools_added", run.pools_added),
        ("slots_high_water", run.stats.used_hiwater),
        ("slots_at_end", run.stats.nslabs),
        ("wall_ns", run.wall_ns),
        ("oversubscribed", u64::from(run.oversubscribed)),
    ];
    counts.map(|(name, n)| (name.to_owned(), n)).into()
}

fn thread(thread: &ThreadOutcome) -> Thread {
    let counts = [
        ("maps", thread.maps),
        ("unmaps", thread.unmaps),
        ("syncs", thread.syncs),
        ("lookups", thread.lookups),
        ("busy_ns", thread.busy_ns),
    ];
    Thread {
        role: role(thread.role).to_owned(),
        cpu: thread.cpu,
        pinned_to: thread.pinned_to,
        ops: thread.ops,
        counts: counts.map(|(name, n)| (name.to_owned(), n)).into(),
        failures: thread.failures.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect(),
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Mapper => "mapper",
        Role::Unmapper => "unmapper",
        Role::Looker => "looker",
        Role::Grower => "grower",
    }
}

fn noise(noise: &Noise, faults: u64) -> evidence::Noise {
    evidence::Noise {
        steal_ns: Some(noise.steal_ns),
        other_cpu_ns: Some(noise.other_cpu_ns),
        involuntary_switches: Some(noise.involuntary_switches),
        voluntary_switches: None,
        page_faults: Some(faults),
        longest_gap_ns: Some(noise.largest_gap_ns),
        clock_source: Some(noise.clock_source.clone()),
    }
}

/// The clock as records hold it.
#[must_use]
pub fn clock(facts: &ClockFacts) -> Clock {
    Clock { name: facts.name.to_owned(), overhead_ns: facts.overhead_ns, precision_ns: facts.precision_ns }
}
