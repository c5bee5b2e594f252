//! Stored runs in the forms that other programs read. Records in, text out; no file is touched here.
//!
//! | file | form | who reads it |
//! | --- | --- | --- |
//! | `criterion.rs` | criterion's folders | critcmp, criterion |
//! | `go.rs` | Go benchmark text | benchstat |
//! | `hdr.rs` | interval log, percentile text | HdrHistogram's tools |
//! | `long.rs` | CSV, one number a row | spreadsheets, R |
//! | `bencher.rs` | Bencher Metric Format | bencher |
//! | `github.rs` | custom JSON | github-action-benchmark |
//!
//! Bottom to top: `names.rs` makes names that a form can hold, `measure.rs` knows a metric's unit and better
//! direction, `cells.rs` holds what all forms share: cells, and a number per launch.
//!
//! Invariant: a process launch gives one number per metric, wherever a form has room for several. Launches of
//! different cells, arms or runs are never put together.

pub mod bencher;
pub mod cells;
pub mod criterion;
pub mod github;
pub mod go;
pub mod hdr;
pub mod long;
pub mod measure;
pub mod names;

pub use cells::{Cell, Export, Run};

use std::path::PathBuf;

/// What an exporter made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The text or the files.
    pub form: Form,
    /// Results, histograms or rows in it: none is nothing to read.
    pub entries: usize,
    /// What a reader has to know: what was left out, and why.
    pub notes: Vec<String>,
}

/// One text, or files below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// For standard output, or a file.
    Text(String),
    /// Paths below the folder that the user names, each with its text; no two are the same.
    Files(Vec<(PathBuf, String)>),
}

/// A note on `count` things that were left out; nothing where there are none.
fn left_out(count: usize, what: &str, why: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what} left out: {why}"))
}

/// JSON of plain data, indented, with a line feed at its end.
fn pretty(value: &impl serde::Serialize) -> String {
    // Strings, finite numbers and maps with string keys: there is nothing that could fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::evidence::Place;
    use crate::latency::Latency;
    use crate::record::{Kind, PolicyName, RunRecord};

    /// Launch `launch` of a cell, with its time.
    pub(crate) fn launch(cell: &str, arm: Option<&str>, launch: u32, ns: f64) -> RunRecord {
        let policy = PolicyName { label: "lock=queued search=list".to_owned(), ..PolicyName::default() };
        let mut record = RunRecord::new(Kind::Cell, cell, policy);
        let arm = arm.map(str::to_owned);
        record.place = Some(Place { launch, arm, ..Place::default() });
        record.metrics = [("ns_per_op".to_owned(), ns), ("jain".to_owned(), 1.0)].into();
        record.counters = [("areas_tried".to_owned(), 7)].into();
        record.started = 1_700_000_000 + u64::from(launch);
        record.revision = "408f583".to_owned();
        record.machine.cpu_model = Some("AMD EPYC 7B13".to_owned());
        record
    }

    /// The same with a histogram of `map`: 1,000 samples from `ns` ns on.
    pub(crate) fn timed(record: RunRecord, ns: u64) -> RunRecord {
        let mut latency = Latency::new();
        (0..1_000).for_each(|i| latency.record(ns + i));
        RunRecord { latencies: [("map".to_owned(), latency)].into(), ..record }
    }

    pub(crate) const CELL: &str = "slot-search/policy=kernel,slots=1,threads=2";

    /// Six launches of one cell: 100 ns to 105 ns.
    pub(crate) fn six() -> Vec<RunRecord> {
        (0..6).map(|n| launch(CELL, None, n, 100.0 + f64::from(n))).collect()
    }

    /// One run of these cells.
    pub(crate) fn run<'a>(label: &str, cells: &[&'a [RunRecord]]) -> Run<'a> {
        let cells = cells.iter().copied().filter_map(Cell::new).collect();
        Run { label: label.to_owned(), machine: "0123456789abcdef".to_owned(), cells }
    }

    pub(crate) fn export<'a>(runs: Vec<Run<'a>>, metrics: &[&str]) -> Export<'a> {
        Export { runs, metrics: metrics.iter().map(|&name| name.to_owned()).collect() }
    }

    pub(crate) fn text(exported: Exported) -> String {
        match exported.form {
            Form::Text(text) => text,
            Form::Files(files) => panic!("files: {files:?}"),
        }
    }
}
