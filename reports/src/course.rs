//! How a run went over time: occupancy, fragmentation, pools and the tail of each interval.
//!
//! Time is the workload's own (a trace's), not that of the machine it ran on; a tail is of the calls that began in
//! the interval. A quantity holds from one operation to the next, so that a mean is over time and not over operations.

use serde::{Deserialize, Serialize};

/// A course, in intervals of one length that follow each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Whose tail it has: `map`, or `map as recorded`.
    pub operation: String,
    /// Which quantile the tails are: `p99`.
    pub quantile: String,
    /// The intervals, in order.
    pub intervals: Vec<Interval>,
}

/// One interval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its end, ns since the first operation.
    pub end_ns: u64,
    /// Slots in use, percent of all, those of transient pools among both.
    pub occupancy: Spread,
    /// Free slots in runs shorter than a segment, percent of the free slots of pools that stay.
    pub fragmentation: Spread,
    /// Pools, transient ones among them.
    pub pools: Spread,
    /// Calls of the operation that began in it.
    pub samples: u64,
    /// The quantile of their latencies, ns; absent where the calls are too few for it.
    #[serde(default)]
    pub tail_ns: Option<u64>,
    /// The longest of them, ns.
    #[serde(default)]
    pub max_ns: Option<u64>,
}

/// A quantity over an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over time.
    pub mean: f64,
    /// Its lowest moment.
    pub low: f64,
    /// Its highest moment.
    pub high: f64,
}
