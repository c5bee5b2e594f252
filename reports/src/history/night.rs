//! One run, read to become one point of each of its series.
//!
//! Invariant: what is put together is of one machine, one build, one cell with one set of parameters, and
//! each launch is there once. Machines are told apart; anything else that is mixed is refused with a message.

use super::error::HistoryError;
use super::series::{Key, Number};
use super::unfinished::Unfinished;
use crate::quantile::Quantile;
use crate::record::RunRecord;
use crate::stats::{median, spread::spread};
use crate::units::plural;
use crate::{date, fingerprint, metric, store};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is said of a last line that is no whole one.
pub(super) const CUT: &str = "cut by a run that was interrupted";

/// How far the clocks of two machines may differ, in seconds.
const MOST_AHEAD: u64 = 3_600;

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its name: when its first record began, and the start of that record's SHA-256. In the order of time.
    pub name: String,
    /// When its first record began, in seconds since 1970-01-01 UTC.
    pub started: u64,
    /// The revision that was built.
    pub revision: String,
    /// The machines' fingerprints.
    pub machines: BTreeSet<String>,
    /// The suites.
    pub suites: BTreeSet<String>,
    /// Records that count.
    pub records: u64,
    /// Records that are void, and do not.
    pub void: u64,
    /// What it lacks, where it was added before it was finished.
    pub unfinished: Option<Unfinished>,
}

/// A run with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Night {
    /// The run.
    pub run: Run,
    /// One number for each series that it has part in.
    pub numbers: BTreeMap<Key, Number>,
    /// What a reader has to know: a cut last line, void launches, several machines.
    pub notes: Vec<String>,
    /// The whole lines, each ended, as they are kept.
    pub(super) text: Vec<u8>,
    /// The start of each line's SHA-256.
    pub(super) hashes: Vec<[u8; 16]>,
}

impl Night {
    /// Reads a run's records; `path` is what messages call them.
    ///
    /// # Errors
    /// [`HistoryError::Damaged`] and [`HistoryError::Refused`].
    pub fn read(path: &Path, mut text: Vec<u8>) -> Result<Self, HistoryError> {
        let loaded = store::load_from(&*text, path).map_err(|source| HistoryError::Io {
            path: path.to_owned(),
            action: "read",
            source,
        })?;
        let mut notes = Vec::new();
        for cut in loaded.bad.iter().filter(|line| line.cut) {
            let (path, line) = (path.display(), cut.line);
            notes.push(format!("{path}:{line}: {CUT}: left out"));
            text.truncate(text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        }
        let damaged: Vec<_> = loaded.bad.iter().filter(|line| !line.cut).collect();
        if let Some(first) = damaged.first() {
            return Err(HistoryError::Damaged { first: first.to_string(), count: damaged.len() });
        }
        if text.last().is_some_and(|b| *b != b'\n') {
            text.push(b'\n');
        }
        let refuse = |why| HistoryError::Refused { path: path.to_owned(), why };
        let hashes: Vec<[u8; 16]> = lines(&text).map(hash).collect();
        let first = loaded.records.first().zip(hashes.first());
        let (first, hash) = first.ok_or_else(|| refuse("no record in it".to_owned()))?;
        if let Some((one, again)) = repeated(&hashes) {
            return Err(refuse(format!("record {again} is record {one} once more: keep one of them")));
        }
        let name = format!("{}-{}", date::moment(first.started), hex(&hash[..6]));
        let (cells, run) = sorted(&loaded.records, (name, first.started), &mut notes).map_err(refuse)?;
        Ok(Self { run, numbers: numbers(&cells), notes, text, hashes })
    }
}

/// That a run is dated in the future, in words.
pub(super) fn ahead(run: &Run) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let is_ahead = run.started > now.saturating_add(MOST_AHEAD);
    is_ahead.then(|| format!("{}: dated in the future (it is {} by this clock)", run.name, date::moment(now)))
}

/// What is not empty, with its newline.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

fn hash(line: &[u8]) -> [u8; 16] {
    let mut start = [0; 16];
    start.copy_from_slice(&Sha256::digest(line)[..16]);
    start
}

/// The first record that is there once more: its number, counted from 1, and that of its repetition.
fn repeated(hashes: &[[u8; 16]]) -> Option<(usize, usize)> {
    let mut seen = BTreeMap::new();
    hashes.iter().zip(1..).find_map(|(hash, number)| Some((seen.insert(hash, number)?, number)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The launches of each cell, under a key that lacks its metric.
type Cells<'a> = BTreeMap<Key, Vec<&'a RunRecord>>;

/// The records by cell, or why they may not be put together.
fn sorted<'a>(
    records: &'a [RunRecord],
    (name, started): (String, u64),
    notes: &mut Vec<String>,
) -> Result<(Cells<'a>, Run), String> {
    let is_arm = |record: &&RunRecord| record.place.as_ref().is_some_and(|place| place.arm.is_some());
    let (arms, records): (Vec<_>, Vec<_>) = records.iter().partition(is_arm);
    let Some(first) = records.first() else {
        return Err("all its records are arms of a comparison: a night is a run of `measure`".to_owned());
    };
    if !arms.is_empty() {
        let (n, what) = (arms.len(), plural(arms.len() as u64, "record"));
        notes.push(format!("{n} {what} of a comparison's arms left out"));
    }
    if let Some(other) = records.iter().find(|record| record.revision != first.revision) {
        return Err(format!(
            "records of the builds {} and {}: a night is of one build; measure each into a folder of its own",
            first.revision, other.revision
        ));
    }
    let void = records.iter().filter(|record| record.void.is_some()).count();
    if void > 0 {
        notes.push(format!("{void} void {} left out", plural(void as u64, "launch")));
    }
    let cells = by_cell(&records)?;
    let run = Run {
        name,
        started,
        revision: first.revision.clone(),
        machines: cells.keys().map(|key| key.machine.clone()).collect(),
        suites: cells.keys().map(|key| key.suite.clone()).collect(),
        records: (records.len() - void) as u64,
        void: void as u64,
        unfinished: None,
    };
    if run.machines.len() > 1 {
        notes.push(format!("records of {} machines: each has its own series", run.machines.len()));
    }
    Ok((cells, run))
}

/// Also cells of which every launch is void.
fn by_cell<'a>(records: &[&'a RunRecord]) -> Result<Cells<'a>, String> {
    let (mut cells, mut launches, mut parameters) = (Cells::new(), BTreeSet::new(), BTreeMap::new());
    for record in records {
        let key = key_of(record);
        let place = (key.machine.clone(), key.suite.clone(), key.cell.clone());
        let launch = record.place.as_ref().map(|place| place.launch);
        if let Some(launch) = launch.filter(|launch| !launches.insert((place.clone(), *launch))) {
            return Err(format!(
                "{} has its launch {launch} twice: are these two runs in one file?",
                key.cell
            ));
        }
        if parameters.entry(place).or_insert(&record.parameters) != &&record.parameters {
            return Err(format!("{} was run with several sets of parameters", key.cell));
        }
        let launches = cells.entry(key).or_default();
        if record.void.is_none() {
            launches.push(*record);
        }
    }
    Ok(cells)
}

fn key_of(record: &RunRecord) -> Key {
    let cell = match record.place {
        Some(_) => record.scenario.clone(),
        None => format!("{} under {}", record.scenario, record.policy.label),
    };
    Key {
        machine: fingerprint::of(&record.machine),
        suite: record.suite.clone().unwrap_or_default(),
        cell,
        parameters: record.parameters.clone(),
        metric: String::new(),
    }
}

fn numbers(cells: &Cells) -> BTreeMap<Key, Number> {
    let mut numbers = BTreeMap::new();
    for (cell, launches) in cells {
        let names: BTreeSet<String> = launches.iter().flat_map(|record| metrics_of(record)).collect();
        for metric in names {
            let values: Vec<f64> = launches.iter().filter_map(|r| metric::of(r, &metric)).collect();
            if let Some(number) = number(&values) {
                numbers.insert(Key { metric, ..cell.clone() }, number);
            }
        }
    }
    numbers
}

/// What becomes a series: every number that the runner gave but for the quartiles that describe another one,
/// failures, and of each histogram the median and the 99th percentile.
fn metrics_of(record: &RunRecord) -> impl Iterator<Item = String> {
    let quantiles = record.latencies.keys().flat_map(|operation| {
        [Quantile::P50, Quantile::P99].map(|quantile| format!("{operation}.{quantile}"))
    });
    let given = record.metrics.keys().filter(|name| !name.ends_with("_quartile_ns")).cloned();
    given.chain(["failed".to_owned()]).chain(quantiles)
}

fn number(values: &[f64]) -> Option<Number> {
    let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
    Some(Number { median: median(values)?, n, spread: spread(values) })
}

#[cfg(test)]
#[path = "night_tests.rs"]
pub(super) mod tests;
