//! Runs that never ran, for tests of reports and figures.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::source::Source;
use crate::cell::blank;
use crate::measure::plan::{PlannedSuite, RUNS_FILE, RunPlan};
use reports::machine::Machine;
use reports::record::RunRecord;
use tempfile::TempDir;
use workloads::suite::{Cell, Changes, Limits, Mode, cells, read};

/// Policies that suites of tests may name.
const POLICIES: [&str; 8] =
    ["kernel", "fast", "lookup-sorted", "search-bitmap", "lock-mcs", "lock-ticket", "lock-std", "stats-off"];

/// A suite's cells.
pub(crate) fn all_cells(text: &str) -> Vec<Cell> {
    let suite = read("made-up.toml", text).unwrap();
    cells(&suite, &Changes::default(), &POLICIES, Limits::default()).unwrap()
}

pub(crate) fn planned(text: &str) -> PlannedSuite {
    PlannedSuite { source_name: "made-up.toml".into(), text: text.into() }
}

/// A folder with the records of every step of `plan`, each as `fill` leaves it. All are of one machine and day.
pub(crate) fn folder(plan: &RunPlan, fill: impl Fn(&mut RunRecord)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    plan.save(folder.path()).unwrap();
    let record = |step| {
        let mut record = blank(&plan.spec(step).unwrap());
        record.started = 86_400;
        record.revision = "0123456789abcdef".into();
        record.machine = Machine { usable_cores: Some(4), cpu_model: Some("x".into()), ..Machine::default() };
        fill(&mut record);
        format!("{}\n", serde_json::to_string(&record).unwrap())
    };
    let lines: String = plan.steps.iter().map(record).collect();
    std::fs::write(folder.path().join(RUNS_FILE), lines).unwrap();
    folder
}

/// A run of one suite.
pub(crate) fn run(text: &str, launches: u32, fill: impl Fn(&mut RunRecord)) -> TempDir {
    folder(&RunPlan::rounds(vec![(planned(text), all_cells(text), launches)], 1, Mode::Full), fill)
}

/// What is found in such a folder.
pub(crate) fn source(folder: &TempDir) -> Source {
    Source::read(folder.path()).unwrap()
}
