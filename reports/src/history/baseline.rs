//! The baseline: the run that a new build is held against.
//!
//! It is the newest run of a machine, with all the suites asked for, that lies before every open shift of that
//! machine's series in those suites that the newest run of each still has part in. Where there is none, it is the newest
//! run before those shifts, of whatever machine and suites: who builds both sides where they are compared needs a revision
//! and no numbers. So a build behind a shift that nobody has accepted never becomes the measure of the next one, and a
//! night that merely stood out is passed over. Accepting the shifts moves the baseline on: the last accepted run is then
//! before no open shift.

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
    /// How many later runs there are, usable or not, behind an open shift or of other suites.
    pub passed_over: usize,
    /// How many series have an open shift.
    pub open: usize,
}

impl History {
    /// The baseline of a machine (its fingerprint) in `suites` among the runs that are finished and usable; nothing where
    /// none lies before the open shifts.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn baseline(
        &self,
        machine: &str,
        suites: &[&str],
        is_usable: &dyn Fn(&Run) -> bool,
    ) -> Result<Option<Baseline>, HistoryError> {
        let wanted: BTreeSet<&str> = suites.iter().copied().collect();
        let runs = self.runs()?;
        let judged = self.judged(&|key| key.machine == machine && wanted.contains(key.suite.as_str()))?;
        let is_alive = |judged: &&Judged| {
            let newest = runs
                .iter()
                .rfind(|run| run.machines.contains(machine) && run.suites.contains(&judged.series.key.suite));
            let last = judged.series.points.last();
            newest.zip(last).is_some_and(|(newest, last)| last.run >= newest.name)
        };
        let first_open: Vec<&str> = judged.iter().filter(is_alive).filter_map(first_open).collect();
        let bound = first_open.iter().min().copied();
        let before = bound.map_or(runs.len(), |bound| runs.partition_point(|run| run.name.as_str() < bound));
        let has_all = |run: &Run| {
            run.machines.contains(machine) && wanted.iter().all(|suite| run.suites.contains(*suite))
        };
        let found = |wanted: &dyn Fn(&Run) -> bool| {
            let is_whole = |run: &Run| run.unfinished.is_none() && is_usable(run);
            (0..before).rev().find(|&number| is_whole(&runs[number]) && wanted(&runs[number]))
        };
        let Some(number) = found(&has_all).or_else(|| found(&|_| true)) else { return Ok(None) };
        let run = runs[number].clone();
        let Some(records) = self.records_of(&run.name)? else { return Ok(None) };
        Ok(Some(Baseline { run, records, passed_over: runs.len() - 1 - number, open: first_open.len() }))
    }
}

fn first_open(judged: &Judged) -> Option<&str> {
    judged.shifts.iter().find(|shift| shift.is_open()).map(|shift| shift.run.as_str())
}
