//! A report of run folders: what a reader asks first, then the numbers, then how they were taken.
//!
//! A [`source::Source`] is a folder; [`compose`] makes one [`Document`] of several, and of what is given [`Beside`] them:
//! traces and a history. Suites' tables, verdicts and
//! comparisons are those that `measure` and `ab` print; figures come from [`crate::figures`]. Nothing is measured
//! here, and everything follows from the folders: the same folders give the same report, byte for byte.

mod advice;
mod against;
mod compared;
pub mod excerpt;
mod ground;
mod latencies;
mod method;
pub mod nights;
mod repeat;
mod runs;
pub mod source;
mod spread;
pub mod traces;

pub use runs::broken;

use crate::measure::plan::RunPlan;
use against::Answer;
use nights::Nights;
use reports::document::{Block, Document, Finding, Tone};
use reports::record::RunRecord;
use reports::{date, units};
use source::Source;
use std::collections::BTreeSet;
use std::ops::Not as _;
use traces::Recorded;
use workloads::suite::Cell;

/// Findings of one tone that a summary lists; the rest is counted.
const MOST: usize = 12;
/// Characters of a revision that are shown.
const REVISION: usize = 12;

/// What a report may hold beside runs.
#[derive(Default)]
pub struct Beside {
    /// Traces.
    pub traces: Vec<Recorded>,
    /// How traces were read: flags of the command line.
    pub reading: Vec<String>,
    /// A history.
    pub nights: Option<Nights>,
}

/// The report of `sources`, in their order, and of what stands beside them.
#[must_use]
pub fn compose(sources: &[Source], beside: &Beside) -> Document {
    let mut document = Document::new(title(sources, beside), lead(sources));
    let summary = document.push("summary", "Summary", Vec::new());
    let (mut findings, mut answers) = (Vec::new(), Vec::new());
    for source in sources {
        runs::push(source, &mut document, &mut findings, &mut answers);
        advice::push(source, &mut document, &mut findings);
    }
    against::tell_apart(&mut answers);
    findings.extend(answers.iter().filter_map(Answer::finding));
    beside.traces.iter().for_each(|trace| traces::push(trace, &mut document, &mut findings));
    if let Some(nights) = &beside.nights {
        nights::push(nights, sources, &mut document, &mut findings);
    }
    if sources.iter().any(|source| source.records.is_empty().not() || source.calibrated.is_some()) {
        taken(sources, &mut document, &mut findings);
    } else if sources.iter().any(|source| source.advice.as_ref().is_some_and(|of| of.machine.is_some())) {
        document.push("machine", "Machine", ground::machines(sources));
    }
    document.push("repeat", "To repeat it", repeat::blocks(sources, beside));
    if let Some(section) = document.section_mut(&summary) {
        section.blocks.push(Block::Findings(shortest(findings)));
        section.blocks.extend(against::table(&answers).map(Block::Table));
    }
    document
}

/// The sections on how numbers were taken.
fn taken(sources: &[Source], document: &mut Document, findings: &mut Vec<Finding>) {
    document.push("method", "How the numbers were taken", method::blocks(sources));
    document.push("machine", "Machine", ground::machines(sources));
    let noise = document.push("noise", "Noise ledger", ground::noise(sources));
    findings.extend(ground::findings(sources).into_iter().map(|finding| finding.see(noise.clone())));
    let errors = document.push("error-rate", "How often a verdict is wrong", method::errors(sources));
    findings.extend(method::unknown_errors(sources).map(|finding| finding.see(errors)));
}

/// The cells of a plan's suite, in the plan's order.
fn of_suite(plan: &RunPlan, suite: usize) -> Vec<Cell> {
    let of_suite = |(number, _): &&(u32, Cell)| usize::try_from(*number).ok() == Some(suite);
    plan.cells.iter().filter(of_suite).map(|(_, cell)| cell.clone()).collect()
}

/// The worst first, and not too many of one sort.
fn shortest(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.tone);
    let mut kept: Vec<Finding> = Vec::new();
    for tone in [Tone::Bad, Tone::Result, Tone::Caution, Tone::Good] {
        let of_tone: Vec<&Finding> = findings.iter().filter(|finding| finding.tone == tone).collect();
        kept.extend(of_tone.iter().take(MOST).copied().cloned());
        let left = of_tone.len().saturating_sub(MOST);
        if left > 0 {
            kept.push(Finding::new(tone, format!("{left} more of these stand in the sections below.")));
        }
    }
    kept
}

fn title(sources: &[Source], beside: &Beside) -> String {
    let suites = sources.iter().flat_map(|source| source.suites.iter().map(|suite| suite.name.as_str()));
    let mut seen = BTreeSet::from([crate::measure::steady::CONTROL]);
    let suites: Vec<&str> = suites.filter(|name| seen.insert(name)).collect();
    match suites.as_slice() {
        [] => others(sources, beside),
        all if all.len() <= 4 => format!("swiotlb-bench: {}", all.join(", ")),
        [first, ..] => format!("swiotlb-bench: {first} and {} more suites", suites.len() - 1),
    }
}

/// What a report without suites is about.
fn others(sources: &[Source], beside: &Beside) -> String {
    let advised = sources.iter().filter_map(|source| Some(source.advice.as_ref()?.recording.name.as_str()));
    let mut names: Vec<&str> = advised.chain(beside.traces.iter().map(Recorded::name)).collect();
    names.dedup();
    match names.as_slice() {
        [] => "swiotlb-bench report".to_owned(),
        names => format!("swiotlb-bench: {}", names.join(", ")),
    }
}

fn lead(sources: &[Source]) -> String {
    let records = || sources.iter().flat_map(|source| &source.records);
    if records().next().is_none() {
        let timed =
            sources.iter().any(|source| source.advice.as_ref().is_some_and(|of| !of.timed.is_empty()));
        return if timed {
            format!("The best few candidates were timed {}.", ground::place(sources))
        } else {
            "Nothing was measured for it.".to_owned()
        };
    }
    let started = records().map(|record| record.started).filter(|started| *started > 0);
    let days = started.fold(None, |ends: Option<(u64, u64)>, at| {
        let (first, last) = ends.unwrap_or((at, at));
        Some((first.min(at), last.max(at)))
    });
    let days = days.map(|(first, last)| (date::day(first), date::day(last)));
    let when = match days {
        None => "On an unknown day".to_owned(),
        Some((first, last)) if first == last => format!("On {first}"),
        Some((first, last)) => format!("From {first} to {last}"),
    };
    let launches = units::count(records().count() as u64);
    format!(
        "{when}, {}: {launches} process launches of revision {}.",
        ground::place(sources),
        revisions(records())
    )
}

fn revisions<'r>(records: impl Iterator<Item = &'r RunRecord>) -> String {
    let all: BTreeSet<String> = records.map(|record| short(&record.revision)).collect();
    if all.is_empty() { "unknown".to_owned() } else { all.into_iter().collect::<Vec<_>>().join(", ") }
}

/// A revision as it is shown, with its mark where files differed from it.
fn short(revision: &str) -> String {
    let (commit, mark) = revision.split_once('-').map_or((revision, ""), |(commit, _)| (commit, "-dirty"));
    format!("{}{mark}", commit.chars().take(REVISION).collect::<String>())
}

#[cfg(test)]
pub(crate) mod made_up;
#[cfg(test)]
mod tests;
