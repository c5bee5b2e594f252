//! What a record says about how its numbers came about: threads, fairness, the oracle, the noise.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where in a run's plan a record stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The suite file, as the start of its SHA-256.
    #[serde(default)]
    pub suite_hash: String,
    /// Which process launch of its cell, from 0.
    pub launch: u32,
    /// Which block of a comparison, from 0.
    #[serde(default)]
    pub block: Option<u32>,
    /// Which arm of a comparison: `A`, `B`, or `N`, which is A again.
    #[serde(default)]
    pub arm: Option<String>,
    /// Which of several programs it ran, where builds are compared: revision and layout (since 1.3).
    #[serde(default)]
    pub build: Option<String>,
    /// By how many bytes its environment was longer, so that the stack lies elsewhere (since 1.3).
    #[serde(default)]
    pub padding: Option<u32>,
}

/// One measuring thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// What it was for: `mapper`, `unmapper`, `looker`, `grower`.
    pub role: String,
    /// The simulated CPU that it called from.
    pub cpu: u32,
    /// The core that it was pinned to, if it was.
    #[serde(default)]
    pub pinned_to: Option<u32>,
    /// Operations done.
    pub ops: u64,
    /// What happened on it, by name.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Its requests that failed, by reason.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
}

/// How evenly threads came to their turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// Each thread's share of all operations.
    pub shares: Vec<f64>,
    /// Jain's index: 1 is even, 1/n is one thread alone.
    pub jain: f64,
    /// The longest time that one thread waited for one operation, ns.
    pub longest_wait_ns: u64,
}

/// What the ownership oracle saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracle {
    /// `off`, `sampled 1/N` or `full`, for the measuring pass.
    pub mode: String,
    /// Operations checked, both passes together.
    pub checked: u64,
    /// Violations; any voids the record.
    pub violations: u64,
}

/// What else went on while the record was taken; absent where the host does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Noise {
    /// Time that the hypervisor gave to others, all cores, ns.
    pub steal_ns: Option<u64>,
    /// CPU time of all other processes, ns.
    pub other_cpu_ns: Option<u64>,
    /// Times that the process was taken off a core.
    pub involuntary_switches: Option<u64>,
    /// Times that it waited of itself.
    pub voluntary_switches: Option<u64>,
    /// Page faults inside the measured region.
    pub page_faults: Option<u64>,
    /// The longest gap that a spinning clock reader saw, ns.
    pub longest_gap_ns: Option<u64>,
    /// The kernel's clock source.
    pub clock_source: Option<String>,
}
