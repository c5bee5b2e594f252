//! A series: one number of one cell on one kind of machine, night by night.

use crate::fingerprint::fnv_1a;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What tells a series from all others. Whatever differs here is never put together: a new machine, another
/// parameter (a quick run beside a full one) begins a new series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The machine's fingerprint.
    pub machine: String,
    /// The suite; empty where none asked for the run.
    pub suite: String,
    /// The cell's id, which holds its policy.
    pub cell: String,
    /// Every parameter of the cell.
    pub parameters: BTreeMap<String, String>,
    /// The metric's name, as [`crate::metric::of`] takes it.
    pub metric: String,
}

impl Key {
    /// The series in 12 digits: the same in every history and after every rebuilding.
    #[must_use]
    pub fn id(&self) -> String {
        let Self { machine, suite, cell, parameters, metric } = self;
        let text = format!("{machine:?}\n{suite:?}\n{cell:?}\n{parameters:?}\n{metric:?}");
        format!("{:016x}", fnv_1a(text.as_bytes())).split_off(4)
    }

    /// The parameters with machine, suite and metric among them, for a condition on series.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        let mut values = self.parameters.clone();
        for (name, value) in [("machine", &self.machine), ("suite", &self.suite), ("metric", &self.metric)] {
            values.insert(name.to_owned(), value.clone());
        }
        values
    }
}

/// One night of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run that it comes from. Names of runs are in the order of time.
    pub run: String,
    /// When that run began, in seconds since 1970-01-01 UTC.
    pub started: u64,
    /// The revision that was built.
    pub revision: String,
    #[serde(flatten)]
    /// The number.
    pub number: Number,
}

/// What one run's launches of a cell say of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Number {
    /// The median over launches.
    pub median: f64,
    /// How many launches have it.
    pub n: u32,
    /// How far launches spread ([`crate::stats::spread`]); nothing of one.
    pub spread: Option<f64>,
}

/// A series with its nights, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is of.
    pub key: Key,
    /// Its nights.
    pub points: Vec<Point>,
}

impl Series {
    /// The medians.
    #[must_use]
    pub fn medians(&self) -> Vec<f64> {
        self.points.iter().map(|point| point.number.median).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_is_another_series() {
        let key = Key {
            machine: "m".into(),
            suite: "s".into(),
            cell: "s/policy=kernel".into(),
            parameters: BTreeMap::from([("mode".into(), "quick".into())]),
            metric: "ns_per_op".into(),
        };
        let others = [
            Key { machine: "n".into(), ..key.clone() },
            Key { suite: "t".into(), ..key.clone() },
            Key { cell: "s/policy=fast".into(), ..key.clone() },
            Key { parameters: BTreeMap::from([("mode".into(), "full".into())]), ..key.clone() },
            Key { metric: "failed".into(), ..key.clone() },
        ];
        assert_eq!(key.id().len(), 12);
        for other in others {
            assert_ne!(key.id(), other.id(), "{other:?}");
        }
        // What was written down once has to mean the same series in every version.
        assert_eq!(key.id(), "8c8b4f93fe98");
        assert_eq!(key.values()["metric"], "ns_per_op");
    }
}
