//! One number of a record, by the name that suites and tables use.
//!
//! | name | number |
//! | --- | --- |
//! | `ns_per_op`, any other in `metrics` | as the runner gave it |
//! | `counter.NAME`, `count.NAME` | a step counter, a count |
//! | `failed`, `failed.REASON` | requests that failed |
//! | `map.p99`, `response.p99.9`, `map.max` | a quantile of a histogram, ns, by the sample rule |

use crate::quantile::{Cell, Quantile};
use crate::record::RunRecord;

/// The number called `name`; nothing where the record has none, or too few samples for it.
#[must_use]
pub fn of(record: &RunRecord, name: &str) -> Option<f64> {
    if let Some(number) = record.metrics.get(name) {
        return Some(*number);
    }
    if name == "failed" {
        return Some(real(record.failures.values().sum()));
    }
    let (first, rest) = name.split_once('.')?;
    match first {
        "counter" => record.counters.get(rest).copied().map(real),
        "count" => record.counts.get(rest).copied().map(real),
        // A reason that did not occur is not listed.
        "failed" => Some(real(record.failures.get(rest).copied().unwrap_or(0))),
        operation => quantile(record, operation, rest),
    }
}

fn quantile(record: &RunRecord, operation: &str, which: &str) -> Option<f64> {
    let latency = record.latencies.get(operation)?;
    if which == "max" {
        return latency.max_ns().map(real);
    }
    let wanted = Quantile::TABLE.into_iter().find(|q| q.to_string() == which)?;
    match latency.at(&[wanted]).first()? {
        Cell::Value(ns) => Some(real(*ns)),
        Cell::Above(_) | Cell::TooFew(_) => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown and compared to a few digits")]
fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    #[test]
    fn names_lead_to_numbers() {
        let record = sample();
        let number = |name: &str| of(&record, name);
        assert_eq!(number("ns_per_op"), Some(97.5));
        assert_eq!(number("counter.areas_tried"), Some(20_010.0));
        assert_eq!(number("count.maps"), Some(20_001.0));
        assert_eq!((number("failed"), number("failed.capacity")), (Some(4.0), Some(3.0)));
        assert_eq!(number("failed.alignment"), Some(0.0));
        assert!(number("map.p99").is_some_and(|ns| ns > 1_000.0));
        assert_eq!(number("find_pool.max"), Some(34.0));
        for absent in ["find_pool.p99", "map.p98", "unmap.p50", "nothing", "counter.x", "count.x"] {
            assert_eq!(number(absent), None, "{absent}");
        }
    }
}
