//! What a run came to: plain data, made after the clock has stopped.

use super::clock::ClockFacts;
use super::fairness::Fairness;
use super::noise::Noise;
use super::touch::TouchReport;
use reports::latency::Latency;
use std::collections::BTreeMap;
use swiotlb_core::mem::MemStats;
use swiotlb_core::probe::Counts;
use workloads::op::Role;

/// A run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What each thread did, in the plan's order.
    pub threads: Vec<ThreadOutcome>,
    /// From the first thread's first measured op to the last one's last, ns; passes added up.
    pub wall_ns: u64,
    /// The allocator's statistics before what was left over was ended.
    pub stats: MemStats,
    /// Pools that growth added.
    pub pools_added: u64,
    /// Transient pools made; 0 where steps are not counted.
    pub transient_made: u64,
    /// What the oracle saw: violations void every number.
    pub oracle: OracleReport,
    /// What the machine did meanwhile.
    pub noise: Noise,
    /// The clock.
    pub clock: ClockFacts,
    /// Open loop: ops per second that the schedule asks for.
    pub intended_rate: Option<f64>,
    /// Open loop: ops per second that were done.
    pub achieved_rate: Option<f64>,
    /// How evenly the threads were served.
    pub fairness: Fairness,
    /// Every time the allocator grew.
    pub growth: Vec<GrowthEvent>,
    /// The same loop with no work, on the same threads: the machine's own tail. From the intended start.
    pub empty_loop: Option<Latency>,
    /// Page faults of the loops' threads while they measured.
    pub page_faults_inside: u64,
    /// More spinning threads than CPUs: keep it out of verdicts.
    pub oversubscribed: bool,
    /// The time limit ended the run: counts are of what was done.
    pub cut_short: bool,
    /// The device between map and unmap.
    pub touch: TouchReport,
    /// The share of the wall time in which all threads that have ops were running, 0 to 1.
    pub overlap: f64,
}

/// What one thread did in the measured part.
#[derive(Debug, Clone)]
pub struct ThreadOutcome {
    /// What it was for.
    pub role: Role,
    /// The simulated CPU.
    pub cpu: u32,
    /// The host's CPU that it was pinned to.
    pub pinned_to: Option<u32>,
    /// Calls made.
    pub ops: u64,
    /// Maps tried.
    pub maps: u64,
    /// Mappings ended.
    pub unmaps: u64,
    /// Syncs.
    pub syncs: u64,
    /// Lookups.
    pub lookups: u64,
    /// Ops left out because the mapping that they name had failed.
    pub skipped: u64,
    /// Calls that were refused though the plan was right: more than 0 is a violation.
    pub refused: u64,
    /// Maps that failed, by reason.
    pub failures: BTreeMap<&'static str, u64>,
    /// From the start of a call to its end, by `map`, `unmap`, `sync`, `lookup`.
    pub service: BTreeMap<&'static str, Latency>,
    /// Open loop: from the intended start of a call to its end.
    pub response: BTreeMap<&'static str, Latency>,
    /// Median over batches of the mean time of an op, ns: see [`super::closed`]. NaN without a sample.
    pub batch_mean_ns: f64,
    /// Batches that it is the median of; 0 where it is the mean of the service times instead.
    pub batches: u64,
    /// The step counters, warm-up included.
    pub counts: Option<Counts>,
    /// Bytes of the mappings made.
    pub bytes: u64,
    /// From the first measured op to the last, ns; passes added up.
    pub busy_ns: u64,
    /// Ops of the warm-up.
    pub warmup_ops: u64,
    /// Mean time of an op of the warm-up, ns.
    pub warmup_mean_ns: f64,
    /// Longest op of the warm-up, ns.
    pub warmup_max_ns: u64,
}

/// The allocator grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrowthEvent {
    /// When the worker was first asked, ns from the start.
    pub failed_at_ns: u64,
    /// When the new pool was there, ns from the start.
    pub grown_at_ns: u64,
    /// Maps that failed in between.
    pub failed_meanwhile: u64,
    /// Slots of the new pool; 0 if there was no memory for one.
    pub nslabs: u64,
}

/// What the ownership oracle saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OracleReport {
    /// Mappings watched.
    pub checked: u64,
    /// The first few violations, in words.
    pub violations: Vec<String>,
    /// All of them.
    pub total_violations: u64,
}

/// What a simulation came to: counts only, exact.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualOutcome {
    /// Maps tried.
    pub maps: u64,
    /// Mappings ended.
    pub unmaps: u64,
    /// Syncs.
    pub syncs: u64,
    /// Lookups.
    pub lookups: u64,
    /// Ops left out because the mapping that they name had failed.
    pub skipped: u64,
    /// Maps that failed, by reason.
    pub failures: BTreeMap<&'static str, u64>,
    /// Bytes of the mappings made.
    pub bytes: u64,
    /// The statistics when the plan was over, before what is left was ended.
    pub stats: MemStats,
    /// Maps that were served by an area which is not the caller's own. Transient pools do not count.
    pub spilled: u64,
    /// Maps that were served by a transient pool.
    pub transient: u64,
    /// Transient pools that were made for nothing: not aligned as their own request asked.
    pub transient_unusable: u64,
    /// Pools that growth added.
    pub pools_added: u64,
    /// Every run of the worker that had been asked.
    pub growth: Vec<GrowthEvent>,
    /// Slots in use, transient ones included, averaged over time from 0 to the plan's last op.
    pub mean_used_slots: f64,
    /// The most slots that transient pools had at one time; those that wait to be freed are not among them.
    pub transient_high_water: u64,
    /// All step counters.
    pub counts: Counts,
    /// When the last event was, ns.
    pub end_ns: u64,
    /// What the oracle saw.
    pub oracle: OracleReport,
}

impl VirtualOutcome {
    /// Maps that failed, for whatever reason.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}
