//! The record of one run: everything that the run leaves behind, and all that a report may say.
//!
//! One record is one JSON object on one line. Its first field names the schema and its major version; a
//! reader refuses another major version, and ignores fields that it does not know, so that fields may be
//! added within a version. Raw data is kept: whole histograms, exact counters. Times are in ns unless their
//! name says otherwise. The published description is `reports/schema/record-1.json`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::course::Course;
use crate::evidence::{Fairness, Noise, Oracle, Place, Thread};
use crate::latency::Latency;
use crate::machine::Machine;

/// The schema that this version writes.
pub const SCHEMA: &str = "swiotlb-bench/1.4";

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The schema; the first field of every line.
    pub schema: Schema,
    /// What sort of run it was.
    pub kind: Kind,
    /// The suite that asked for the run, if one did.
    #[serde(default)]
    pub suite: Option<String>,
    /// What was run: a cell's id, a trace's name.
    pub scenario: String,
    /// The policy under test.
    pub policy: PolicyName,
    /// Every parameter of the run, by name, with its unit in the value.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// The seed of everything that was drawn at random.
    pub seed: u64,
    /// The source revision that was built, `unknown` where the build could not tell.
    pub revision: String,
    /// When the run began, in seconds since 1970-01-01 UTC.
    pub started: u64,
    /// The machine that it ran on.
    #[serde(default)]
    pub machine: Machine,
    /// The clock that timed it; absent where only counts were taken.
    #[serde(default)]
    pub clock: Option<Clock>,
    /// What happened, by name: `maps`, `unmaps`, `bytes_copied`, `slots_high_water`.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Requests that failed, by reason.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
    /// Step counters, by name: exact for a seeded run on one thread.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// Latencies, by operation: `map`, `unmap`, `sync`, `find_pool`.
    #[serde(default)]
    pub latencies: BTreeMap<String, Latency>,
    /// How many maps got the address that the kernel gave, if that was compared.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// What a reader has to know beside the numbers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Where in its run's plan it stands (since 1.1, as all that follows).
    #[serde(default)]
    pub place: Option<Place>,
    /// Why its numbers may not be used, if they may not: the oracle failed, it took too long.
    #[serde(default)]
    pub void: Option<String>,
    /// One number per metric, with the unit in its name: `ns_per_op`, `jain`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// The threads.
    #[serde(default)]
    pub threads: Vec<Thread>,
    /// How evenly they came to their turn.
    #[serde(default)]
    pub fairness: Option<Fairness>,
    /// What the ownership oracle saw.
    #[serde(default)]
    pub oracle: Option<Oracle>,
    /// What else went on.
    #[serde(default)]
    pub noise: Option<Noise>,
    /// How it went over time (since 1.4): of a replay that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
}

impl RunRecord {
    /// Whether the ownership oracle saw a violation: then no number of it may be used.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.oracle.as_ref().is_some_and(|oracle| oracle.violations > 0)
    }

    /// What its policy is called: by name, where its parameters have that, else by all of its axes.
    #[must_use]
    pub fn policy_name(&self) -> &str {
        self.parameters.get("policy").map_or(self.policy.label.as_str(), String::as_str)
    }

    /// A record without measurements, of this version's schema. The caller fills in the rest.
    #[must_use]
    pub fn new(kind: Kind, scenario: impl Into<String>, policy: PolicyName) -> Self {
        Self {
            schema: Schema { major: Schema::MAJOR },
            kind,
            suite: None,
            scenario: scenario.into(),
            policy,
            parameters: BTreeMap::new(),
            seed: 0,
            revision: "unknown".to_owned(),
            started: 0,
            machine: Machine::default(),
            clock: None,
            counts: BTreeMap::new(),
            failures: BTreeMap::new(),
            counters: BTreeMap::new(),
            latencies: BTreeMap::new(),
            placement: None,
            notes: Vec::new(),
            place: None,
            void: None,
            metrics: BTreeMap::new(),
            threads: Vec::new(),
            fairness: None,
            oracle: None,
            noise: None,
            course: None,
        }
    }
}

/// What sort of run a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A recorded trace was replayed.
    Replay,
    /// One cell of a suite.
    Cell,
    /// A micro benchmark.
    Micro,
    /// A run with the options of the kernel's own benchmark, `dma_map_benchmark` (since 1.2).
    Bridge,
    /// The output of another program, imported (since 1.2).
    Imported,
}

/// A policy's label, and the axes that it is composed of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyName {
    /// The full label; no two policies share one.
    pub label: String,
    /// Each axis (`lock`, `search`, `lookup`, …) with the strategy chosen on it.
    #[serde(default)]
    pub axes: BTreeMap<String, String>,
}

/// The clock that timed a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Which clock it was.
    pub name: String,
    /// What one reading costs, ns; measured before the run.
    pub overhead_ns: f64,
    /// The smallest step that it was seen to make, ns.
    pub precision_ns: f64,
}

/// How many maps got the address that the kernel gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Maps that got the recorded address.
    pub identical: u64,
    /// Maps that were compared.
    pub compared: u64,
}

impl fmt::Display for Placement {
    /// `placement: X of Y identical`, with plain digits, since scripts read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "placement: {} of {} identical", self.identical, self.compared)
    }
}

/// The schema of a record that was accepted: always this version's major number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Schema {
    major: u32,
}

impl Schema {
    const MAJOR: u32 = 1;
}

/// A record of a schema that this version does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema `{0}` is not {SCHEMA}: read it with the version that wrote it, or run again")]
pub struct UnknownSchema(String);

impl From<Schema> for String {
    /// What is written is always of this version, whatever minor version it was read from.
    fn from(_: Schema) -> Self {
        SCHEMA.to_owned()
    }
}

impl TryFrom<String> for Schema {
    type Error = UnknownSchema;

    /// Accepts `swiotlb-bench/1` and `swiotlb-bench/1.N` of any minor version.
    fn try_from(text: String) -> Result<Self, UnknownSchema> {
        let version = text.strip_prefix("swiotlb-bench/").unwrap_or_default();
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if major == "1" && digits(minor) {
            return Ok(Self { major: Self::MAJOR });
        }
        Err(UnknownSchema(crate::text::visible(&crate::text::shorten(&text, 60))))
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(crate) mod tests;
