//! A stored run, read to be compared with another: its records by cell, or why they may not be put together.
//!
//! Invariant: the launches of a cell are of one machine and one set of parameters, and each is there once.
//! Anything else is refused with a message, never averaged.

use super::made::mixed;
use super::plan::RUNS_FILE;
use reports::fingerprint;
use reports::record::RunRecord;
use reports::store::{self, StoreError};
use reports::units::plural;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a stored run cannot be used.
#[derive(Debug, Error)]
pub enum StoredError {
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder without records.
    #[error("{path}: the folder holds no {RUNS_FILE} (nor {RUNS_FILE}.gz)", path = .0.display())]
    NoRuns(PathBuf),
    /// A file without records.
    #[error("{path}: no record in it", path = .0.display())]
    Empty(PathBuf),
    /// The file holds lines that are no records of this version.
    #[error("{first}{more}: nothing is compared of damaged or foreign records", more = if *.count > 1 { format!(" (and {} more)", .count - 1) } else { String::new() })]
    Damaged {
        /// The first of them.
        first: String,
        /// How many.
        count: usize,
    },
    /// A launch is there twice.
    #[error("{path}: {cell} has its launch {launch} twice: are these two runs in one file? Keep one", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The cell.
        cell: String,
        /// The launch.
        launch: u32,
    },
    /// A record without a launch's number, as of a replay, is there twice.
    #[error("{path}: a record of {cell} is there twice, the same in everything: keep one", path = path.display())]
    Repeated {
        /// The file.
        path: PathBuf,
        /// The cell.
        cell: String,
    },
    /// More than one machine.
    #[error("{path}: records of {count} machines in one file: compare those of one", path = path.display())]
    Machines {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// More than one build of a side.
    #[error("{path}: {what}: a run is of one build; keep each in a folder of its own", path = path.display())]
    Builds {
        /// The file.
        path: PathBuf,
        /// Which, in words.
        what: String,
    },
    /// One cell with several sets of parameters.
    #[error("{path}: {cell} was run with {key}={one} and with {key}={other}", path = path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// The cell.
        cell: String,
        /// The parameter.
        key: String,
        /// One value.
        one: String,
        /// Another.
        other: String,
    },
}

/// The launches of one cell.
#[derive(Debug, Default)]
pub struct Stored {
    /// Every parameter.
    pub parameters: BTreeMap<String, String>,
    /// Its records, void ones left out.
    pub launches: Vec<RunRecord>,
}

/// A stored run.
#[derive(Debug)]
pub struct StoredRun {
    /// The file.
    pub path: PathBuf,
    /// The machine's fingerprint.
    pub machine: String,
    /// The cells by name.
    pub cells: BTreeMap<String, Stored>,
    /// What a reader has to know: a cut last line, void launches.
    pub notes: Vec<String>,
}

impl StoredRun {
    /// Reads the file at `path`, or the records in the folder there.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn read(path: &Path) -> Result<Self, StoredError> {
        let file = store::file_of(path);
        if path.is_dir() && !file.exists() {
            return Err(StoredError::NoRuns(path.to_owned()));
        }
        let loaded = store::load(&file)?;
        let mut notes = Vec::new();
        if let Some(cut) = loaded.bad.iter().find(|line| line.cut) {
            notes.push(format!(
                "{}:{}: cut by a run that was interrupted, left out",
                file.display(),
                cut.line
            ));
        }
        let damaged: Vec<_> = loaded.bad.iter().filter(|line| !line.cut).collect();
        match damaged.first() {
            Some(first) => Err(StoredError::Damaged { first: first.to_string(), count: damaged.len() }),
            None => Self::of(&file, loaded.records, notes),
        }
    }

    fn of(path: &Path, records: Vec<RunRecord>, mut notes: Vec<String>) -> Result<Self, StoredError> {
        let path = path.to_owned();
        let machines: BTreeSet<String> = records.iter().map(|r| fingerprint::of(&r.machine)).collect();
        if machines.len() > 1 {
            return Err(StoredError::Machines { path, count: machines.len() });
        }
        let Some(machine) = machines.into_iter().next() else { return Err(StoredError::Empty(path)) };
        if let Some(what) = mixed(&records) {
            return Err(StoredError::Builds { path, what });
        }
        let (mut cells, mut seen, mut void) = (BTreeMap::<String, Stored>::new(), BTreeSet::new(), 0_u64);
        for record in records {
            let name = name_of(&record);
            let launch = record.place.as_ref().map(|place| place.launch);
            if let Some(launch) = launch.filter(|launch| !seen.insert((name.clone(), *launch))) {
                return Err(StoredError::Twice { path, cell: name, launch });
            }
            let cell = cells.entry(name.clone()).or_default();
            let first = cell.parameters.is_empty();
            if let Some((key, one, other)) =
                different(&cell.parameters, &record.parameters).filter(|_| !first)
            {
                return Err(StoredError::Parameters { path, cell: name, key, one, other });
            }
            if launch.is_none() && cell.launches.contains(&record) {
                return Err(StoredError::Repeated { path, cell: name });
            }
            cell.parameters.clone_from(&record.parameters);
            if record.void.is_some() {
                void += 1;
            } else {
                cell.launches.push(record);
            }
        }
        if void > 0 {
            notes.push(format!("{}: {void} void {} left out", path.display(), plural(void, "launch")));
        }
        Ok(Self { path, machine, cells, notes })
    }
}

/// What its launches have in common: the id, the arm of a comparison, the policy where no id holds it.
fn name_of(record: &RunRecord) -> String {
    let Some(place) = &record.place else {
        return format!("{} under {}", record.scenario, record.policy.label);
    };
    match &place.arm {
        Some(arm) => format!("{} (arm {arm})", record.scenario),
        None => record.scenario.clone(),
    }
}

/// The first parameter that two sets do not share: its name and both values.
#[must_use]
pub fn different(
    one: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> Option<(String, String, String)> {
    let value =
        |set: &BTreeMap<String, String>, key: &String| set.get(key).map_or("nothing", |v| v).to_owned();
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = keys.into_iter().find(|key| one.get(*key) != other.get(*key))?;
    Some((differs.clone(), value(one, differs), value(other, differs)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use reports::evidence::Place;
    use reports::record::{Kind, PolicyName};

    fn record(launch: u32) -> RunRecord {
        let mut record = RunRecord::new(Kind::Cell, "s/pools=4", PolicyName::default());
        record.place = Some(Place { launch, ..Place::default() });
        record.parameters.insert("pools".into(), "4".into());
        record
    }

    fn read(lines: &str) -> Result<StoredRun, StoredError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(RUNS_FILE), lines).unwrap();
        StoredRun::read(folder.path())
    }

    fn lines(records: &[RunRecord]) -> String {
        records.iter().map(|record| format!("{}\n", serde_json::to_string(record).unwrap())).collect()
    }

    fn says(lines: &str, what: &str) {
        let error = read(lines).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }

    #[test]
    fn a_run_is_read_whole_and_a_cut_line_is_told() {
        let mut void = record(2);
        void.void = Some("oracle".into());
        let whole = lines(&[record(0), record(1), void]);
        let run = read(&whole).unwrap();
        assert_eq!((run.cells["s/pools=4"].launches.len(), run.notes.len()), (2, 1));
        let cut = format!("{whole}{}", &lines(&[record(3)])[..40]);
        let run = read(&cut).unwrap();
        assert_eq!(run.cells["s/pools=4"].launches.len(), 2);
        assert!(run.notes[0].contains("runs.jsonl:4: cut by a run"), "{:?}", run.notes);
    }

    #[test]
    fn what_may_not_be_put_together_is_refused() {
        says("", "no record in it");
        says(&lines(&[record(0), record(1), record(0)]), "has its launch 0 twice");
        let mut other = record(1);
        other.machine.cpu_model = Some("another".into());
        says(&lines(&[record(0), other]), "records of 2 machines");
        let other = RunRecord { revision: "r2".into(), ..record(1) };
        says(&lines(&[record(0), other.clone()]), " and r2: a run is of one build");
        let void = RunRecord { void: Some("crashed".into()), ..other.clone() };
        assert!(read(&lines(&[record(0), void])).is_ok());
        // The arms of a comparison are of two builds.
        let arms = |mut record: RunRecord, arm: &str| {
            record.place.as_mut().unwrap().arm = Some(arm.into());
            record
        };
        assert!(read(&lines(&[arms(record(0), "A"), arms(other.clone(), "B")])).is_ok());
        says(&lines(&[arms(record(0), "B"), arms(other, "B")]), "as arm B");
        let mut other = record(1);
        other.parameters.insert("copy".into(), "off".into());
        says(&lines(&[record(0), other]), "was run with copy=nothing and with copy=off");
        let replayed = RunRecord { place: None, ..record(0) };
        says(&lines(&[replayed.clone(), record(1), replayed]), "is there twice, the same in everything");
        let foreign = lines(&[record(0)]).replace("swiotlb-bench/1", "swiotlb-bench/9");
        says(&foreign, "read it with the version that wrote it");
        says(&format!("nonsense\n{}", lines(&[record(0)])), "runs.jsonl:1:");
        let none = StoredRun::read(tempfile::tempdir().unwrap().path()).unwrap_err();
        assert!(none.to_string().contains("holds no runs.jsonl"), "{none}");
    }

    #[test]
    fn arms_and_policies_are_cells_of_their_own() {
        let mut arm = record(0);
        arm.place.as_mut().unwrap().arm = Some("B".into());
        let mut replayed = record(0);
        replayed.place = None;
        replayed.policy.label = "kernel".into();
        let again = RunRecord { started: 1, ..replayed.clone() };
        let run = read(&lines(&[record(0), arm, replayed, again])).unwrap();
        let names: Vec<(&String, usize)> = run.cells.iter().map(|(n, c)| (n, c.launches.len())).collect();
        let expected = [("s/pools=4", 1), ("s/pools=4 (arm B)", 1), ("s/pools=4 under kernel", 2)];
        assert_eq!(names.iter().map(|(n, c)| (n.as_str(), *c)).collect::<Vec<_>>(), expected);
    }
}
