//! Bencher Metric Format: benchmarks by name, each with its measures (<https://bencher.dev/bmf.json>).
//!
//! A value is the median over launches, its bounds the exact interval of the median, from six launches on.
//! The two measures that every project has from the start are used as they are meant: `latency` in ns per
//! operation, `throughput` in operations per second.

use super::cells::Export;
use super::{Exported, Form, left_out, pretty};
use crate::stats::sign_test::Estimate;
use serde::Serialize;
use std::collections::BTreeMap;

/// One metric of one benchmark.
#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

/// The runs in Bencher Metric Format.
#[must_use]
pub fn text(export: &Export<'_>) -> Exported {
    let (mut benchmarks, mut without) = (BTreeMap::new(), 0);
    for (_, cell, name) in export.cells() {
        let metrics = export.main_metrics(cell);
        let found =
            metrics.iter().filter_map(|metric| Some((measure(metric), value(cell.estimate(metric)?))));
        let measures: BTreeMap<String, Metric> = found.collect();
        without += usize::from(measures.is_empty());
        if !measures.is_empty() {
            benchmarks.insert(name, measures);
        }
    }
    let notes = left_out(without, "cells", "they have none of the metrics").into_iter().collect();
    Exported { form: Form::Text(pretty(&benchmarks)), entries: benchmarks.len(), notes }
}

fn value(found: Estimate) -> Metric {
    let (lower_value, upper_value) = found.interval.map(|(low, high, _)| (low, high)).unzip();
    Metric { value: found.median, lower_value, upper_value }
}

fn measure(metric: &str) -> String {
    match metric {
        "ns_per_op" => "latency".to_owned(),
        "ops_per_s" => "throughput".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::{CELL, export, launch, run, six, text as of};

    #[test]
    fn a_median_with_its_interval() {
        let launches = six();
        let arm = [launch("s/x=1", Some("B"), 0, 97.25)];
        let bare = [launch("s/y=1", None, 0, f64::NAN)];
        let exported = text(&export(vec![run("night", &[&launches, &arm, &bare])], &["ns_per_op"]));
        assert_eq!(exported.notes, ["1 cells left out: they have none of the metrics"]);
        let expected = format!(
            r#"{{
  "s/x=1,arm=B": {{
    "latency": {{
      "value": 97.25
    }}
  }},
  "{CELL}": {{
    "latency": {{
      "value": 102.5,
      "lower_value": 100.0,
      "upper_value": 105.0
    }}
  }}
}}
"#
        );
        assert_eq!(of(exported), expected);
    }
}
