//! criterion's results, read into records: a record for each benchmark of a baseline.
//!
//! criterion measures in one process, so what it keeps under one baseline is one launch, however many points
//! its sample has; `ns_per_op` is the sample's median. Several baselines, saved by as many runs of `cargo bench`,
//! are as many launches, in the order in which the user names them.
//!
//! Invariant: every number is finite and not negative, and the three files of a benchmark belong together.
//! Machine, revision and time are not in the files: the records say so.

use crate::evidence::Place;
use crate::record::{Kind, PolicyName, RunRecord};
use crate::stats::median;
use crate::text::{shorten, visible};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The label of what was measured: whatever the benchmark called.
const POLICY: &str = "criterion";

/// How deep below the folder a benchmark may lie: criterion makes three levels and one for the baseline.
const DEEPEST: usize = 6;

/// The largest file that is read, bytes.
const MOST: u64 = 64 << 20;

/// By how much the median of the sample may differ from the one in the estimates: rounding.
const ROUNDING: f64 = 1e-9;

/// Why results were refused.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is no JSON.
    #[error("{path}: not JSON: {why}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// A field is not what it has to be.
    #[error("{path}: {field} {why}", path = path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field, with dots between the levels.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing of that baseline.
    #[error("{path}: no benchmark has the baseline `{baseline}`; there are: {there}", path = path.display(), there = if .there.is_empty() { "none" } else { .there })]
    None {
        /// The folder.
        path: PathBuf,
        /// What was asked for.
        baseline: String,
        /// The baselines that were found.
        there: String,
    },
    /// Two folders with one benchmark.
    #[error("{first}: {id} is in {second} too: keep one", first = first.display(), second = second.display())]
    Twice {
        /// The benchmark.
        id: String,
        /// One folder.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

/// Reads the benchmarks below `folder` (criterion's `target/criterion`), of these baselines. The first one's records are
/// launch 0, the next one's launch 1. The caller says when they were imported ([`RunRecord::started`]).
///
/// # Errors
/// [`ImportError`], with file and field.
pub fn read(folder: &Path, baselines: &[String]) -> Result<Vec<RunRecord>, ImportError> {
    let mut found = Vec::new();
    search(folder, DEEPEST, &mut found)?;
    found.sort();
    let mut records = Vec::new();
    for (launch, baseline) in (0..).zip(baselines) {
        let named = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_str() == Some(baseline));
        let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
        for place in found.iter().filter(named) {
            let record = benchmark(place, launch)?;
            let id = record.scenario.clone();
            if let Some(first) = places.insert(id.clone(), place.clone()) {
                return Err(ImportError::Twice { id, first, second: place.clone() });
            }
            records.push(record);
        }
        if places.is_empty() {
            return Err(none(folder, baseline, &found));
        }
    }
    Ok(records)
}

fn none(folder: &Path, baseline: &str, found: &[PathBuf]) -> ImportError {
    let names =
        found.iter().filter_map(|place| place.file_name()).map(|name| visible(&name.to_string_lossy()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    let there = shorten(&names.join(", "), 200);
    ImportError::None { path: folder.to_owned(), baseline: visible(baseline), there }
}

/// Every folder with a `benchmark.json` in it, at most `deep` levels below. Links are not followed.
fn search(folder: &Path, deep: usize, found: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let io = |source| ImportError::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_type().map_err(io)?.is_dir() {
            if deep > 0 {
                search(&entry.path(), deep - 1, found)?;
            }
        } else if entry.file_name() == "benchmark.json" {
            found.push(folder.to_owned());
        }
    }
    Ok(())
}

/// The record of one benchmark under one baseline.
fn benchmark(place: &Path, launch: u32) -> Result<RunRecord, ImportError> {
    let [about, estimates, sample] =
        ["benchmark", "estimates", "sample"].map(|name| Json::read(&place.join(name).with_extension("json")));
    let (about, estimates, sample) = (about?, estimates?, sample?);
    let times = times(&sample)?;
    let said = estimates.number(&["median", "point_estimate"])?;
    let held = median(&times).unwrap_or(0.0);
    if (said - held).abs() > ROUNDING * held.abs() {
        let why = format!("is {said}, the median of sample.json is {held}: files of two runs?");
        return Err(estimates.wrong(&["median", "point_estimate"], why));
    }
    let policy = PolicyName { label: POLICY.to_owned(), axes: BTreeMap::new() };
    let mut record = RunRecord::new(Kind::Imported, about.text("full_id")?, policy);
    record.suite = Some(about.text("group_id")?.to_owned());
    record.place = Some(Place { launch, ..Place::default() });
    record.parameters = parameters(&about)?;
    record.metrics = [("ns_per_op".to_owned(), said)].into();
    for (name, key) in [("mean_ns", "mean"), ("std_dev_ns", "std_dev"), ("slope_ns", "slope")] {
        // A flat sample has no slope.
        if key != "slope" || !estimates.at(&[key]).is_none_or(Value::is_null) {
            record.metrics.insert(name.to_owned(), estimates.number(&[key, "point_estimate"])?);
        }
    }
    record.counts = [("points".to_owned(), times.len() as u64)].into();
    record.notes = vec![format!(
        "imported from criterion's baseline {}; started is the time of the import; machine, revision and clock \
         are not in its files",
        visible(&place.file_name().unwrap_or_default().to_string_lossy())
    )];
    Ok(record)
}

/// Times per iteration, ns.
fn times(sample: &Json) -> Result<Vec<f64>, ImportError> {
    let [iterations, times] = ["iters", "times"].map(|key| sample.numbers(key));
    let (iterations, times) = (iterations?, times?);
    if times.is_empty() || iterations.len() != times.len() {
        let why = format!("has {} numbers and `iters` has {}", times.len(), iterations.len());
        return Err(sample.wrong(&["times"], why));
    }
    match iterations.iter().position(|n| *n <= 0.0) {
        Some(at) => Err(sample.wrong(&["iters", &at.to_string()], "is not above 0".to_owned())),
        None => Ok(times.iter().zip(&iterations).map(|(time, n)| time / n).collect()),
    }
}

/// What criterion calls function and value, and what one iteration handles.
fn parameters(about: &Json) -> Result<BTreeMap<String, String>, ImportError> {
    let mut parameters = BTreeMap::new();
    for (name, key) in [("function", "function_id"), ("value", "value_str")] {
        if about.at(&[key]).is_some_and(|value| !value.is_null()) {
            parameters.insert(name.to_owned(), about.text(key)?.to_owned());
        }
    }
    if let Some(throughput) = about.at(&["throughput"]).filter(|value| !value.is_null()) {
        parameters.insert("throughput".to_owned(), shorten(&visible(&throughput.to_string()), 100));
    }
    Ok(parameters)
}

/// A file of JSON, and what messages call it.
struct Json {
    path: PathBuf,
    value: Value,
}

impl Json {
    fn read(path: &Path) -> Result<Self, ImportError> {
        let io = |source| ImportError::Io { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.len() > MOST {
            return Err(io(std::io::Error::new(ErrorKind::FileTooLarge, format!("more than {MOST} bytes"))));
        }
        let text = std::fs::read(path).map_err(io)?;
        let value = serde_json::from_slice(&text)
            .map_err(|error| ImportError::Json { path: path.to_owned(), why: visible(&error.to_string()) })?;
        Ok(Self { path: path.to_owned(), value })
    }

    fn at(&self, field: &[&str]) -> Option<&Value> {
        field.iter().try_fold(&self.value, |value, key| value.get(key))
    }

    fn number(&self, field: &[&str]) -> Result<f64, ImportError> {
        let found = self.at(field).ok_or_else(|| self.wrong(field, "is missing".to_owned()))?;
        usable(found).ok_or_else(|| self.wrong(field, not_a("number of ns", found)))
    }

    fn numbers(&self, key: &str) -> Result<Vec<f64>, ImportError> {
        let found = self.at(&[key]).ok_or_else(|| self.wrong(&[key], "is missing".to_owned()))?;
        let list = found.as_array().ok_or_else(|| self.wrong(&[key], not_a("list", found)))?;
        let one = |(at, value): (usize, &Value)| {
            usable(value).ok_or_else(|| self.wrong(&[key, &at.to_string()], not_a("number of ns", value)))
        };
        list.iter().enumerate().map(one).collect()
    }

    fn text(&self, key: &str) -> Result<&str, ImportError> {
        let found = self.at(&[key]).ok_or_else(|| self.wrong(&[key], "is missing".to_owned()))?;
        found.as_str().ok_or_else(|| self.wrong(&[key], not_a("text", found)))
    }

    fn wrong(&self, field: &[&str], why: String) -> ImportError {
        ImportError::Field { path: self.path.clone(), field: field.join("."), why }
    }
}

/// A number that a time can be.
fn usable(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite() && *number >= 0.0)
}

fn not_a(what: &str, found: &Value) -> String {
    format!("is {}, not a {what}", shorten(&visible(&found.to_string()), 40))
}

#[cfg(test)]
#[path = "criterion_tests.rs"]
mod tests;
