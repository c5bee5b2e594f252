//! One metric of one pair of cells, and how far it is trusted.
//!
//! In falling order: step counters (any difference counts), instructions (0.1 %), memory (0.1 %), the paired time of a
//! cell on one thread (the judge's verdict). Contended cells and tails are only shown.

use super::super::metrics;
use reports::quantile::Quantile;
use serde::{Deserialize, Serialize};
use swiotlb_core::probe::Counts;
use workloads::suite::Cell;
use workloads::suite::error::{nearest, unknown};
use workloads::suite::keys::{Scenario, Sort};

/// All step counters of a cell together.
pub const COUNTERS: &str = "counters";
/// Instructions of an operation, counted under callgrind.
pub const INSTRUCTIONS: &str = "instructions";
/// Bytes on the heap that the cell's state takes.
pub const MEMORY: &str = "memory";
/// What a gate has beside the metrics of records.
const OWN: [&str; 3] = [COUNTERS, INSTRUCTIONS, MEMORY];
/// The change that instructions and memory may have, as a share.
const NEARLY: f64 = 0.001;

/// A metric of a pair of cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The number of the pair.
    pub pair: u32,
    /// The metric's name, as the gate's file has it.
    pub metric: String,
    /// How far it is trusted.
    pub trust: Trust,
}

/// How far a metric is trusted, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Counted exactly: any difference is one.
    Exact,
    /// Instructions.
    Instructions,
    /// Memory.
    Memory,
    /// Paired time on one thread: what the judge says.
    Time,
    /// Shown, and never a reason to fail.
    Advice,
}

impl Trust {
    /// The change that counts as none, as a share; nothing where a judge decides.
    #[must_use]
    pub fn tolerance(self) -> Option<f64> {
        match self {
            Self::Exact => Some(0.0),
            Self::Instructions | Self::Memory => Some(NEARLY),
            Self::Time | Self::Advice => None,
        }
    }

    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Instructions | Self::Memory => "0.1 %",
            Self::Time => "time",
            Self::Advice => "advice",
        }
    }

    /// Whether it wants blocks of timed launches, and not a counting one.
    #[must_use]
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Time | Self::Advice)
    }
}

/// What is wrong with the name of a metric, in words; nothing where a gate takes it.
#[must_use]
pub fn mistake(name: &str) -> Option<String> {
    if OWN.contains(&name) {
        return None;
    }
    let wrong = metrics::mistake(name)?;
    let own = nearest(name, &OWN);
    Some(if own.is_empty() { wrong } else { unknown("metric", name, own) })
}

/// How far `metric` is trusted in a cell that keeps so many threads busy.
#[must_use]
pub fn trust(metric: &str, cell: &Cell, threads: u64) -> Trust {
    let simulated = Scenario::parse(&cell.scenario).is_ok_and(|scenario| scenario.sort == Sort::Virtual);
    match metric {
        _ if threads > 1 => Trust::Advice,
        INSTRUCTIONS => Trust::Instructions,
        MEMORY => Trust::Memory,
        _ if simulated || is_counted(metric) => Trust::Exact,
        _ if is_tail(metric) => Trust::Advice,
        _ => Trust::Time,
    }
}

/// Whether a metric is of step counters, or of requests that failed.
#[must_use]
pub fn is_counted(metric: &str) -> bool {
    let per_op = metric.strip_suffix("_per_op");
    metric == COUNTERS
        || metric == "failed"
        || metric.starts_with("failed.")
        || metric.starts_with("counter.")
        || per_op.is_some_and(|counter| Counts::default().named().any(|(name, _)| name == counter))
}

/// Whether a metric is of the slow end of a histogram, or of its slowest sample.
fn is_tail(metric: &str) -> bool {
    let last = metric.rsplit('.').next().unwrap_or_default();
    let quantile = Quantile::TABLE.iter().any(|quantile| metric.ends_with(&format!(".{quantile}")));
    last == "max" || quantile || metric.starts_with("longest_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(scenario: &str) -> Cell {
        let (id, policy) = ("s/x".to_owned(), "kernel".to_owned());
        Cell { id, scenario: scenario.to_owned(), policy, values: Default::default(), seed: 0 }
    }

    #[test]
    fn trust_follows_from_the_metric_and_the_cell() {
        let of = |metric, threads| trust(metric, &cell("slot_search"), threads);
        for exact in
            ["counters", "counter.slots_scanned", "slots_scanned_per_op", "failed", "failed.capacity"]
        {
            assert_eq!(of(exact, 1), Trust::Exact, "{exact}");
        }
        assert_eq!((of("ns_per_op", 1), of("ns_per_op", 2)), (Trust::Time, Trust::Advice));
        assert_eq!((of("instructions", 1), of("memory", 1)), (Trust::Instructions, Trust::Memory));
        assert_eq!((of("map.p99.9", 1), of("response.max", 1)), (Trust::Advice, Trust::Advice));
        // Nothing is exact where threads meet.
        assert_eq!(of("counters", 2), Trust::Advice);
        assert_eq!(trust("failed_share", &cell("virtual nvme"), 1), Trust::Exact);
        assert!(Trust::Exact < Trust::Instructions && Trust::Time < Trust::Advice);
    }

    #[test]
    fn names_that_nothing_has_are_told_with_the_nearest() {
        for name in ["counters", "memory", "instructions", "ns_per_op", "counter.locks_taken", "map.p99"] {
            assert_eq!(mistake(name), None, "{name}");
        }
        let says = |name: &str| mistake(name).unwrap_or_default();
        assert!(says("instruction").contains("the nearest is instructions"), "{}", says("instruction"));
        assert!(says("counter.locks_take").contains("the nearest is locks_taken"));
        assert!(says("ns_per_opp").contains("the nearest is ns_per_op"));
    }
}
