//! A folder that a report is made of: a run's plan and its records, and what was learned of its errors.
//!
//! Histograms take 220 KiB each, so that records are kept without them: their quantiles are metrics (`map.p99`,
//! `map.max`, and the number of samples, `map.n`), under the names by which [`reports::metric`] finds them. Whoever
//! draws histograms reads the few records again ([`Source::whole`]).

use super::advice;
use crate::measure::calibrations::{self, Calibrations, CalibrationsError};
use crate::measure::commands;
use crate::measure::plan::{PlanError, RUNS_FILE, RunPlan};
use crate::tune::Tuned;
use reports::compressed;
use reports::quantile::{Cell, Quantile};
use reports::record::RunRecord;
use reports::store::{self, BadLine, StoreError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thiserror::Error;
use workloads::suite::{Suite, SuiteError};

/// Why there is no report.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was learned.
    #[error(transparent)]
    Calibrated(#[from] CalibrationsError),
    /// A suite in the plan.
    #[error("{path}: {source}", path = path.display())]
    Suite {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        source: SuiteError,
    },
    /// What `tune` advised.
    #[error("{path}: {why}", path = path.display())]
    Advice {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Neither records nor anything learned.
    #[error("{path}: no {RUNS_FILE} in it (nor {calibration}, nor {advice}): name the folder of a run, as `measure --out` made it{below}", path = path.display(), calibration = calibrations::FILE, advice = advice::FILE)]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// The folders in it that are runs.
        below: String,
    },
    /// Records, and none that could be read.
    #[error("{path}: no record of this version in it{first}", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The first line that is none.
        first: String,
    },
}

/// What was found in one folder.
#[derive(Debug)]
pub struct Source {
    /// The folder, or the file of records.
    pub path: PathBuf,
    /// What was going to run, where a plan says so.
    pub plan: Option<RunPlan>,
    /// The plan's suites.
    pub suites: Vec<Suite>,
    /// The records, without histograms.
    pub records: Vec<RunRecord>,
    /// Lines that are no records.
    pub bad: Vec<BadLine>,
    /// What `tune` advised.
    pub advice: Option<Tuned>,
    /// What comparisons of A with itself showed.
    pub calibrated: Option<Calibrations>,
    /// The commands that made the run, as far as it keeps them.
    pub commands: Vec<String>,
}

impl Source {
    /// Reads the folder at `path`, or the file of records there.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let file = store::file_of(path);
        let calibration = path.join(calibrations::FILE);
        let calibrated = if calibration.exists() { Some(Calibrations::open(&calibration)?) } else { None };
        let advised = compressed::find(&path.join(advice::FILE));
        let advice = if advised.exists() { Some(advice::read(&advised)) } else { None };
        let advice = advice.transpose().map_err(|why| SourceError::Advice { path: advised, why })?;
        let beside = calibrated.is_some() || advice.is_some();
        if !file.exists() && !beside {
            return Err(SourceError::Nothing { path: path.to_owned(), below: below(path) });
        }
        let mut records = Vec::new();
        let bad =
            if file.exists() { store::each(&file, |record| records.push(thin(record)))? } else { Vec::new() };
        if records.is_empty() && !beside {
            let first = bad.first().map(|line| format!("; {line}")).unwrap_or_default();
            return Err(SourceError::Empty { path: file, first });
        }
        let plan = if path.is_dir() { RunPlan::load(path)? } else { None };
        let suites = plan.as_ref().map_or(Ok(Vec::new()), RunPlan::read_suites);
        let suites = suites.map_err(|source| SourceError::Suite { path: path.to_owned(), source })?;
        let commands = commands::read(path);
        Ok(Self { path: path.to_owned(), plan, suites, records, bad, advice, calibrated, commands })
    }

    /// What messages and headings call it.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned())
    }

    /// Cores that the measuring processes could use.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        self.records.iter().filter_map(|record| record.machine.usable_cores).max().unwrap_or(1)
    }

    /// The records of these cells as they were written, whole histograms and all. A file that has changed
    /// meanwhile gives what it has.
    #[must_use]
    pub fn whole(&self, cells: &BTreeSet<&str>) -> Vec<RunRecord> {
        let mut records = Vec::new();
        let histograms = |record: &RunRecord| {
            cells.contains(record.scenario.as_str()) && operations(record).next().is_some()
        };
        if self.records.iter().any(histograms) {
            let wanted = |scenario: &str| cells.contains(scenario);
            let _ = store::each_of(&store::file_of(&self.path), wanted, |record| records.push(record));
        }
        records
    }
}

/// How the number of an operation's samples is called.
const COUNT: &str = ".n";

/// The operations whose quantiles a record without histograms has.
pub(super) fn operations(record: &RunRecord) -> impl Iterator<Item = &str> {
    record.metrics.keys().filter_map(|name| name.strip_suffix(COUNT))
}

/// The record with the quantiles of its histograms in their place.
#[expect(clippy::cast_precision_loss, reason = "shown to a few digits")]
fn thin(mut record: RunRecord) -> RunRecord {
    for (operation, latency) in std::mem::take(&mut record.latencies) {
        let cells = latency.quantiles().cells;
        for (quantile, cell) in Quantile::TABLE.iter().zip(cells) {
            if let Cell::Value(ns) = cell {
                record.metrics.insert(format!("{operation}.{quantile}"), ns as f64);
            }
        }
        record.metrics.extend(latency.max_ns().map(|ns| (format!("{operation}.max"), ns as f64)));
        record.metrics.insert(format!("{operation}{COUNT}"), latency.samples() as f64);
    }
    record
}

/// The folders in `path` that are runs, as words to end a sentence with; empty where there are none.
fn below(path: &Path) -> String {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| entry.path().is_dir() && store::file_of(&entry.path()).exists());
    let mut names: Vec<String> = runs.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    if names.is_empty() { String::new() } else { format!(": {} in it are runs", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use reports::latency::Latency;
    use reports::metric;
    use reports::record::{Kind, PolicyName};

    #[test]
    fn a_record_without_histograms_answers_as_with_them() {
        let mut record = RunRecord::new(Kind::Cell, "s/x", PolicyName::default());
        let mut latency = Latency::new();
        (1..=2_000).for_each(|ns| latency.record(ns));
        record.latencies.insert("map".into(), latency);
        let thin = thin(record.clone());
        assert!(thin.latencies.is_empty());
        for name in ["map.p50", "map.p99", "map.p99.9", "map.max", "map.p98"] {
            assert_eq!(metric::of(&thin, name), metric::of(&record, name), "{name}");
        }
        assert_eq!(metric::of(&thin, "map.n"), Some(2_000.0));
        assert_eq!(operations(&thin).collect::<Vec<_>>(), ["map"]);
    }

    #[test]
    fn what_is_no_run_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let says = |what: &str| {
            let error = Source::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says("no runs.jsonl in it");
        std::fs::write(folder.path().join(RUNS_FILE), "{}\n").unwrap();
        says("no record of this version in it; ");
    }
}
