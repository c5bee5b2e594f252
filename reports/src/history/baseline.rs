//! The baseline: the run that a new build is held against.
//!
//! It is the newest run of a machine, with all the suites asked for, that lies before every open shift of that
//! machine's series in those suites that the newest run still has part in. So a build behind a shift that nobody has accepted never becomes the
//! measure of the next one, and a night that merely stood out is passed over. Accepting the shifts moves the
//! baseline on: the last accepted run is then before no open shift.

use super::error::HistoryError;
use super::night::Run;
use super::{History, Judged};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The run, with its revision.
    pub run: Run,
    /// The file of its records.
    pub records: PathBuf,
    /// How many later runs of the machine and the suites lie behind an open shift.
    pub passed_over: usize,
    /// How many series have an open shift.
    pub open: usize,
}

impl History {
    /// The baseline of a machine (its fingerprint) in `suites`; nothing where no run of it has them all.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn baseline(&self, machine: &str, suites: &[&str]) -> Result<Option<Baseline>, HistoryError> {
        let wanted: BTreeSet<&str> = suites.iter().copied().collect();
        let has_all = |run: &Run| {
            run.machines.contains(machine) && wanted.iter().all(|suite| run.suites.contains(*suite))
        };
        let mut runs: Vec<Run> = self.runs()?.into_iter().filter(has_all).collect();
        let Some(newest) = runs.last().map(|run| run.name.clone()) else { return Ok(None) };
        let judged = self.judged(&|key| key.machine == machine && wanted.contains(key.suite.as_str()))?;
        let is_alive =
            |judged: &&Judged| judged.series.points.last().is_some_and(|point| point.run >= newest);
        let first_open: Vec<&str> = judged.iter().filter(is_alive).filter_map(first_open).collect();
        let bound = first_open.iter().min().copied();
        let before = bound.map_or(runs.len(), |bound| runs.partition_point(|run| run.name.as_str() < bound));
        let passed_over = runs.len() - before;
        runs.truncate(before);
        let Some(run) = runs.pop() else { return Ok(None) };
        let Some(records) = self.records_of(&run.name)? else { return Ok(None) };
        Ok(Some(Baseline { run, records, passed_over, open: first_open.len() }))
    }
}

fn first_open(judged: &Judged) -> Option<&str> {
    judged.shifts.iter().find(|shift| shift.is_open()).map(|shift| shift.run.as_str())
}
