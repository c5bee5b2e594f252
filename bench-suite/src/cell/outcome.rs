//! What a runner gives back for one cell, and why it may give nothing.

use reports::evidence::{Fairness, Noise, Oracle, Thread};
use reports::latency::Latency;
use reports::record::{Clock, RunRecord};
use std::collections::BTreeMap;
use swiotlb_core::probe::Counts;
use thiserror::Error;

/// The histogram of a loop that does nothing: the machine's own, in every record of an open loop.
pub const EMPTY_LOOP: &str = "empty_loop";

/// What one launch of one cell found.
#[derive(Clone, Debug, Default)]
pub struct CellOutcome {
    /// One number per metric, with its unit in the name. `ns_per_op` is the median of batch means.
    pub metrics: BTreeMap<String, f64>,
    /// Histograms: `map`, `unmap`, `response`, `empty_loop`.
    pub latencies: BTreeMap<String, Latency>,
    /// What happened.
    pub counts: BTreeMap<String, u64>,
    /// Requests that failed, by reason.
    pub failures: BTreeMap<String, u64>,
    /// Step counters, from the counting pass.
    pub counters: BTreeMap<String, u64>,
    /// The threads.
    pub threads: Vec<Thread>,
    /// How evenly they came to their turn.
    pub fairness: Option<Fairness>,
    /// What the oracle saw, both passes together.
    pub oracle: Option<Oracle>,
    /// What else went on, where the runner took the ledger around the measured region itself.
    pub noise: Option<Noise>,
    /// The clock.
    pub clock: Option<Clock>,
    /// What a reader has to know.
    pub notes: Vec<String>,
    /// Why the numbers may not be used.
    pub void: Option<String>,
}

impl CellOutcome {
    /// Puts everything into `record`. A violation that the oracle saw voids it whatever the runner says.
    pub fn fill(self, record: &mut RunRecord) {
        let violations = self.oracle.as_ref().map_or(0, |oracle| oracle.violations);
        let broken = (violations > 0).then(|| format!("the oracle found {violations} violations"));
        record.void = broken.or(self.void);
        record.metrics = self.metrics.into_iter().filter(|(_, x)| x.is_finite()).collect();
        record.latencies = self.latencies;
        record.counts = self.counts;
        record.failures = self.failures;
        record.counters = self.counters;
        record.threads = self.threads;
        record.fairness = self.fairness;
        record.oracle = self.oracle;
        record.noise = self.noise;
        record.clock = self.clock;
        record.notes = self.notes;
    }
}

/// Metrics that are being collected; a number that is none is left out.
pub struct Metrics<'a>(pub &'a mut BTreeMap<String, f64>);

impl Metrics<'_> {
    /// Adds one.
    pub fn add(&mut self, name: &str, number: f64) {
        if number.is_finite() {
            self.0.insert(name.to_owned(), number);
        }
    }
}

/// Of how many batches one may have had a page fault. Fewer cannot move a median of batch means: a host that
/// takes a page away now and then is no reason to throw a number away. They are recorded all the same.
const SPARED: u64 = 20;

/// Of how many calls one may have had a page fault, where the number is their mean: a fault takes about as long as ten or
/// twenty calls, and so many move a mean by a fifth of a percent.
const SPARED_CALLS: u64 = 10_000;

/// Why the numbers of `batches` may not be used: memory was touched for the first time while the clock ran.
pub fn not_in_place(faults: u64, batches: u64) -> Option<String> {
    (faults.saturating_mul(SPARED) > batches).then(|| faulted(faults, batches, "batches"))
}

/// The same for the mean of `calls` that were timed one by one.
pub fn calls_not_in_place(faults: u64, calls: u64) -> Option<String> {
    (faults.saturating_mul(SPARED_CALLS) > calls).then(|| faulted(faults, calls, "calls"))
}

fn faulted(faults: u64, of: u64, what: &str) -> String {
    format!("{faults} page faults while the clock ran, in {of} {what}: memory was not in place")
}

/// Adds failures by their reason.
pub fn add_failures(failures: &BTreeMap<&'static str, u64>, sum: &mut BTreeMap<String, u64>) {
    for (reason, n) in failures {
        *sum.entry((*reason).to_owned()).or_default() += n;
    }
}

/// Sets the step counters, and what of them an operation did: `slots_scanned_per_op` and the like. An
/// operation is a round trip, or a lookup where there are no maps.
pub fn add_counters(counts: &Counts, ops: u64, outcome: &mut CellOutcome) {
    let mut metrics = Metrics(&mut outcome.metrics);
    for (name, n) in counts.named() {
        metrics.add(&format!("{name}_per_op"), n as f64 / ops as f64);
    }
    outcome.counters = counts.named().map(|(name, n)| (name.to_owned(), n)).collect();
}

/// Why a cell gave no number.
#[derive(Debug, Error)]
pub enum CellError {
    /// The cell asks for what there is not.
    #[error("{0}")]
    Spec(String),
    /// A parameter's value is not what the runner takes.
    #[error("{key}={value} is not usable here")]
    Parameter {
        /// The parameter.
        key: String,
        /// Its value.
        value: String,
    },
    /// The runner failed.
    #[error("{0}")]
    Run(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::record::{Kind, PolicyName};

    #[test]
    fn a_fault_now_and_then_is_spared() {
        assert_eq!(
            [not_in_place(3, 60), not_in_place(0, 0), calls_not_in_place(4, 40_000)],
            [None, None, None]
        );
        assert!(
            not_in_place(4, 60)
                .is_some_and(|why| why.contains("4 page faults") && why.contains("60 batches"))
        );
        assert!(calls_not_in_place(5, 40_000).is_some_and(|why| why.contains("in 40000 calls")));
        assert!(calls_not_in_place(1, 0).is_some());
    }

    #[test]
    fn a_failed_oracle_voids_the_record_and_numbers_that_are_none_are_left_out() {
        let mut record = RunRecord::new(Kind::Cell, "x", PolicyName::default());
        let outcome = CellOutcome {
            metrics: BTreeMap::from([("ns_per_op".into(), 1.0), ("ratio".into(), f64::NAN)]),
            oracle: Some(Oracle { mode: "full".into(), checked: 9, violations: 2 }),
            ..CellOutcome::default()
        };
        outcome.fill(&mut record);
        assert_eq!(record.void.as_deref(), Some("the oracle found 2 violations"));
        assert_eq!(record.metrics.len(), 1);
    }
}
