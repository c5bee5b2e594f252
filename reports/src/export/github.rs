//! What github-action-benchmark reads as `customSmallerIsBetter` or `customBiggerIsBetter`: an array of results.
//!
//! The action knows no direction of a single result, so there are two files, and a metric that only describes is in
//! neither. A value is the median over launches, its range the wider side of the exact interval.

use super::cells::{Cell, Export, Run};
use super::measure::{better, unit};
use super::{Exported, Form, left_out, pretty};
use crate::compare::effect::Better;
use serde::Serialize;

/// One result, as the action's `BenchmarkResult`.
#[derive(Serialize)]
struct Result {
    name: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    unit: String,
    extra: String,
}

/// The metrics of the runs that are better in this direction.
#[must_use]
pub fn text(export: &Export<'_>, direction: Better) -> Exported {
    let (mut results, mut without) = (Vec::new(), 0);
    for (run, cell, name) in export.cells() {
        let metrics = export.main_metrics(cell);
        let judged = metrics.iter().filter(|metric| better(metric) == Some(direction));
        let found: Vec<Result> = judged.filter_map(|metric| result(run, cell, &name, metric)).collect();
        without += usize::from(found.is_empty());
        results.extend(found);
    }
    let notes = left_out(without, "cells", "they have no metric that is better in this direction");
    Exported {
        form: Form::Text(pretty(&results)),
        entries: results.len(),
        notes: notes.into_iter().collect(),
    }
}

fn result(run: &Run<'_>, cell: &Cell<'_>, name: &str, metric: &str) -> Option<Result> {
    let found = cell.estimate(metric)?;
    let wider = |(low, high, _): (f64, f64, f64)| (found.median - low).max(high - found.median);
    let (launches, machine, revision) = (found.n, &run.machine, &cell.first().revision);
    Some(Result {
        name: format!("{name} {metric}"),
        value: found.median,
        range: found.interval.map(|interval| format!("± {}", wider(interval))),
        unit: unit(metric),
        extra: format!("launches: {launches}\nmachine: {machine}\nrevision: {revision}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::{CELL, export, run, six, text as of};

    #[test]
    fn each_direction_has_its_metrics() {
        let launches = six();
        let runs = || export(vec![run("night", &[&launches])], &[]);
        let expected = format!(
            r#"[
  {{
    "name": "{CELL} ns_per_op",
    "value": 102.5,
    "range": "± 2.5",
    "unit": "ns/op",
    "extra": "launches: 6\nmachine: 0123456789abcdef\nrevision: 408f583"
  }}
]
"#
        );
        assert_eq!(of(text(&runs(), Better::Lower)), expected);
        let higher = of(text(&runs(), Better::Higher));
        assert!(higher.contains(&format!("{CELL} jain")) && !higher.contains("ns_per_op"), "{higher}");
    }

    #[test]
    fn a_cell_without_such_a_metric_is_told() {
        let launches = six();
        let none = text(&export(vec![run("r", &[&launches])], &["ns_per_op"]), Better::Higher);
        assert_eq!(none.notes, ["1 cells left out: they have no metric that is better in this direction"]);
        assert_eq!(of(none), "[]\n");
    }
}
