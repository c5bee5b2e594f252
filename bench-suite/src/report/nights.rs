//! The section of a history: shifts that are open, and how the series of this report's cells went night by night.

use super::runs::drawn;
use super::source::Source;
use crate::figures::nights;
use crate::measure::metrics::NS_PER_OP;
use reports::date;
use reports::document::{Block, Document, Finding, Tone};
use reports::history::{History, HistoryError, Judged, Key, Run, tables};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Series that are drawn.
const MOST: usize = 8;

/// A history, read.
#[derive(Debug)]
pub struct Nights {
    /// Its folder.
    pub path: PathBuf,
    runs: Vec<Run>,
    all: Vec<Judged>,
    notes: Vec<String>,
}

impl Nights {
    /// Reads the history in the folder `path`.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn read(path: &Path) -> Result<Self, HistoryError> {
        let history = History::read(path)?;
        let (runs, all) = (history.runs()?, history.judged(&|_| true)?);
        Ok(Self { path: path.to_owned(), runs, all, notes: history.notes })
    }
}

/// Adds the section.
pub(super) fn push(
    nights: &Nights,
    sources: &[Source],
    document: &mut Document,
    findings: &mut Vec<Finding>,
) {
    let wanted = wanted(sources);
    let chosen: Vec<&Judged> = nights.all.iter().filter(|judged| wanted(&judged.series.key)).collect();
    let open: Vec<Judged> =
        chosen.iter().filter(|judged| judged.open().is_some()).copied().cloned().collect();
    let mut blocks = vec![Block::Text(words(nights, &chosen, sources))];
    blocks.extend(nights.notes.iter().cloned().map(Block::Text));
    if !open.is_empty() {
        blocks.push(Block::Table(tables::alerts(&open)));
    }
    blocks.extend(figures(&chosen));
    let name = document.push("history", "Night by night", blocks);
    let finding = if open.is_empty() {
        let n = chosen.len();
        Finding::new(Tone::Good, format!("history: none of {n} series has a shift that nobody has accepted."))
    } else {
        let (n, of) = (open.len(), chosen.len());
        let text = format!(
            "history: {n} of {of} series have a shift that nobody has accepted: alerts, not verdicts."
        );
        Finding::new(Tone::Caution, text)
    };
    findings.push(finding.see(name));
}

/// The series of cells that the sources have; all where there are none.
fn wanted(sources: &[Source]) -> impl Fn(&Key) -> bool {
    let records = sources.iter().flat_map(|source| &source.records);
    let cells: BTreeSet<(String, String)> = records
        .map(|record| {
            let suite = record.suite.clone().unwrap_or_default();
            match record.place {
                Some(_) => (suite, record.scenario.clone()),
                None => (suite, format!("{} under {}", record.scenario, record.policy.label)),
            }
        })
        .collect();
    move |key| cells.is_empty() || cells.contains(&(key.suite.clone(), key.cell.clone()))
}

fn words(nights: &Nights, chosen: &[&Judged], sources: &[Source]) -> String {
    let ends = nights.runs.first().zip(nights.runs.last());
    let days = ends.map_or_else(String::new, |(first, last)| {
        format!(" from {} to {}", date::day(first.started), date::day(last.started))
    });
    let whose = if sources.is_empty() { "" } else { " of cells of this report" };
    let (runs, series, path) = (nights.runs.len(), chosen.len(), nights.path.display());
    format!(
        "{runs} runs{days} in {path}: {series} series{whose}. A shift is an alert and not a verdict: it compares \
         different nights, and may come from the machine as well as from the code."
    )
}

/// What tells figures apart: suite, cell, parameters, metric. Machines share one.
type Apart<'a> = (&'a str, &'a str, &'a BTreeMap<String, String>, &'a str);

/// The series that say most: those with an open shift first, the largest change before others, then those that have
/// shifted at all, then times.
fn figures(chosen: &[&Judged]) -> Vec<Block> {
    let mut groups: BTreeMap<Apart<'_>, Vec<&Judged>> = BTreeMap::new();
    for judged in chosen.iter().filter(|judged| judged.series.points.len() > 1) {
        let key = &judged.series.key;
        groups.entry((&key.suite, &key.cell, &key.parameters, &key.metric)).or_default().push(judged);
    }
    let open = |group: &[&Judged]| {
        let changes = group.iter().filter_map(|judged| judged.open()).map(|shift| shift.change().abs());
        changes.fold(0.0_f64, f64::max)
    };
    let shifted = |group: &[&Judged]| group.iter().any(|judged| !judged.shifts.is_empty());
    let is_time = |group: &[&Judged]| group.iter().any(|judged| judged.series.key.metric == NS_PER_OP);
    let mut groups: Vec<Vec<&Judged>> =
        groups.into_values().filter(|group| shifted(group) || is_time(group)).collect();
    groups.sort_by(|a, b| {
        let rank = |group: &[&Judged]| (shifted(group), is_time(group));
        open(b).total_cmp(&open(a)).then(rank(b).cmp(&rank(a)))
    });
    let left = groups.len().saturating_sub(MOST);
    let mut blocks: Vec<Block> =
        groups.iter().take(MOST).flat_map(|group| drawn(nights::draw(group))).collect();
    if left > 0 {
        blocks.push(Block::Text(format!(
            "{left} more series are not drawn: `history show` has every one of them."
        )));
    }
    blocks
}
