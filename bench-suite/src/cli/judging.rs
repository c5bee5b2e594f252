//! Running a comparison look by look, until the judge wants no more.

use super::session::{Driver, Where};
use super::{Failure, complain};
use crate::measure::comparison::Pair;
use crate::measure::folder::Folder;
use crate::measure::gate::lost::Lost;
use crate::measure::judged;
use crate::measure::paired::{Paired, paired};
use crate::measure::plan::RunPlan;
use crate::measure::trial::Trial;
use reports::record::RunRecord;
use reports::table::Table;
use std::collections::BTreeSet;
use std::path::Path;

/// A comparison that has ended.
pub(super) struct Judged {
    pub trial: Trial,
    /// With everything, for a page.
    pub table: Table,
    /// For a terminal, one below the other.
    pub narrow: Vec<Table>,
    /// Whether no verdict fails anything: too few blocks, too few layouts, or too often wrong.
    pub only_advises: bool,
    /// Whether an oracle saw a violation: the comparison ended there, and its numbers are void.
    pub violated: bool,
    /// The cells of which more launches are void than a host spoils, or a process failed: how many on which side, and why.
    pub lost: Vec<String>,
    /// The cells whose threads wait for each other: they never confirm anything.
    pub contended: BTreeSet<String>,
}

/// Runs the comparison in `folder`; `shown` is what messages call the folder.
pub(super) fn judge(folder: &mut Folder, place: &Where, shown: &Path) -> Result<Judged, Failure> {
    let comparison = folder.plan.comparison.clone();
    let comparison = comparison.ok_or_else(|| Failure::error("the run in this folder compares nothing"))?;
    let mut trial = Trial::new(comparison).map_err(Failure::error)?;
    let mut driver = Driver::new(folder, place, shown)?;
    let (mut records, mut violated) = (Vec::new(), false);
    while let Some(blocks) = trial.next_look().filter(|_| !violated) {
        driver.run(folder, &trial.wants(blocks))?;
        records = folder.records().map_err(Failure::error)?;
        violated = records.iter().any(RunRecord::is_violated);
        trial.look(blocks, &paired(&folder.plan, &records)).map_err(Failure::error)?;
        tell(&trial);
    }
    let paired = paired(&folder.plan, &records);
    let mut remarks = remarks(&folder.plan, &paired);
    let lost = lost(&trial, &paired);
    remarks.extend(lost.iter().cloned());
    let (mut table, (mut narrow, steps)) = (judged::table(&trial, &paired), judged::narrow(&trial, &paired));
    table.notes.extend(remarks.iter().cloned());
    narrow.notes.extend(remarks);
    let narrow = [Some(narrow), steps].into_iter().flatten().collect();
    let contended = folder.plan.contended();
    Ok(Judged { trial, table, narrow, only_advises: folder.plan.only_advises(), violated, lost, contended })
}

/// What is void of each pair that has lost too much, in words.
fn lost(trial: &Trial, paired: &[Paired<'_>]) -> Vec<String> {
    let pairs = trial.comparison().pairs.iter().zip(paired);
    let told = |(pair, paired): (&Pair, &Paired<'_>)| {
        let lost = Lost::of(paired);
        lost.told().filter(|_| lost.is_too_much()).map(|told| format!("{}: {told}", pair.name))
    };
    pairs.filter_map(told).collect()
}

/// What the plan says beside what was declared: its builds with the revisions that they turned out to be, and
/// what was quoted.
pub(super) fn remarks(plan: &RunPlan, paired: &[Paired<'_>]) -> Vec<String> {
    let revisions = |arm| {
        let all: BTreeSet<&str> = paired.iter().flat_map(|pair| pair.revisions(arm)).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut remarks = Vec::new();
    if let Some(builds) = &plan.builds {
        remarks.push(format!("Revisions: A {}; B {}.", revisions("A"), revisions("B")));
        remarks.extend(builds.notes());
    }
    remarks.extend(plan.remarks.iter().cloned());
    remarks
}

/// How far the comparison is, where a further look follows.
pub(super) fn tell(trial: &Trial) {
    if let Some(next) = trial.next_look() {
        let open = trial.open();
        let (all, looked) = (trial.verdicts().len(), trial.looked());
        complain(format_args!("after {looked} blocks {open} of {all} cells are open; they go on to {next}"));
    }
}
