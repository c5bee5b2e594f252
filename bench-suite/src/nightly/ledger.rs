//! Which stages of a night are over: `nightly.json` in the night's folder.
//!
//! Invariant: the file is written whole or not at all, after each stage; a stage that is in it is not run again, unless
//! it could not be done: what stood in its way may be gone by the time that somebody resumes the night. One
//! night at a time is at work in a folder: whoever works holds its lock.

use super::stage::{Decided, Decision, Meaning, Name};
use crate::measure::plan::{PLAN_FILE, RUNS_FILE};
use crate::measure::whole;
use reports::compressed;
use reports::lock::Lock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file's name.
pub const FILE: &str = "nightly.json";
/// The file that is locked while a night is at work.
const LOCK: &str = "lock";
/// The version of its form.
const VERSION: u32 = 1;

/// How a stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code; nothing where a signal ended it, or where it was left out.
    pub exit: Option<i32>,
    /// Why it was left out, if it was.
    #[serde(default)]
    pub left_out: Option<String>,
    /// Whether it was left out and should not have been.
    #[serde(default)]
    pub amiss: bool,
    /// How long it took, s.
    pub seconds: u64,
    /// What it complained of last, where it ended other than well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

impl Ended {
    /// A stage that ended with this exit code, after so many seconds.
    #[must_use]
    pub fn with(exit: Option<i32>, seconds: u64) -> Self {
        Self { exit, left_out: None, amiss: false, seconds, said: String::new() }
    }

    /// A stage that did not run, and why.
    #[must_use]
    pub fn left_out(why: String) -> Self {
        Self { left_out: Some(why), ..Self::with(None, 0) }
    }

    /// What that means for the night.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match &self.left_out {
            Some(_) if self.amiss => Meaning::Broken,
            Some(_) => Meaning::Well,
            None => Meaning::of(self.exit),
        }
    }

    /// Whether it ran, and could not be done.
    #[must_use]
    pub fn is_to_run_again(&self) -> bool {
        self.left_out.is_none() && self.meaning() == Meaning::Broken
    }
}

/// A night as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    version: u32,
    /// Whether a machine that is not fit ends the night with exit code 6.
    #[serde(default)]
    pub strict: bool,
    /// The folder that paths of the command lines are meant from; empty where nobody said.
    #[serde(default)]
    pub place: PathBuf,
    /// What the summary says beside the stages: the baseline, and what was passed over for it.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// The command line of each stage, as it was decided when the night began.
    pub commands: BTreeMap<Name, Vec<String>>,
    /// Stages that are over.
    pub ended: BTreeMap<Name, Ended>,
}

/// Why a night's folder cannot be used.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Not a night of this version.
    #[error("{path}: not a night of this version ({why}): choose another --out", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is a night in it already.
    #[error("{path} holds a night: --resume goes on with it, another --out begins a new one", path = .0.display())]
    Taken(PathBuf),
    /// There is a run of another command in it.
    #[error("{path} holds a run of another command: choose another --out", path = .0.display())]
    Run(PathBuf),
    /// There is none in it.
    #[error("{path} holds no night to resume", path = .0.display())]
    Empty(PathBuf),
    /// A process is at work in it.
    #[error("{path}: another process is at work on this night: wait for it, or choose another --out", path = .0.display())]
    Busy(PathBuf),
}

/// A night's folder, locked.
#[derive(Debug)]
pub struct Folder {
    /// Where it is.
    path: PathBuf,
    /// Held as long as this is.
    _lock: Lock,
}

impl Folder {
    /// Whether a night may begin in the folder at `path`.
    ///
    /// # Errors
    /// [`LedgerError::Run`].
    pub fn check(path: &Path) -> Result<(), LedgerError> {
        if holds_a_run(path) { Err(LedgerError::Run(path.to_owned())) } else { Ok(()) }
    }

    /// Locks the folder at `path`; `make` makes it where there is none.
    ///
    /// # Errors
    /// [`LedgerError::Busy`], [`LedgerError::Empty`] where there is none, [`LedgerError::Run`], [`LedgerError::Io`].
    pub fn lock(path: &Path, make: bool) -> Result<Self, LedgerError> {
        let told = |path: &Path| {
            let path = path.to_owned();
            |source| LedgerError::Io { path, source }
        };
        if make {
            Self::check(path)?;
            std::fs::create_dir_all(path).map_err(told(path))?;
        } else if !path.join(FILE).exists() {
            return Err(LedgerError::Empty(path.to_owned()));
        }
        let lock = path.join(LOCK);
        match Lock::try_take(&lock).map_err(told(&lock))? {
            Some(held) => Ok(Self { path: path.to_owned(), _lock: held }),
            None => Err(LedgerError::Busy(path.to_owned())),
        }
    }

    fn ledger(&self) -> PathBuf {
        self.path.join(FILE)
    }
}

/// Whether a command that measures has been at work in the folder: a night's own runs are in folders below it.
fn holds_a_run(path: &Path) -> bool {
    [PLAN_FILE, RUNS_FILE].iter().any(|name| compressed::find(&path.join(name)).exists())
}

impl Ledger {
    /// Begins a night: what its stages are to do.
    ///
    /// # Errors
    /// [`LedgerError::Taken`] where there is one, [`LedgerError::Io`].
    pub fn begin(folder: &Folder, decided: Decided) -> Result<Self, LedgerError> {
        if folder.ledger().exists() {
            return Err(LedgerError::Taken(folder.path.clone()));
        }
        let Decided { stages, remarks, strict, place } = decided;
        let (commands, ended) = (BTreeMap::new(), BTreeMap::new());
        let mut night = Self { version: VERSION, strict, place, remarks, commands, ended };
        for (name, decision) in stages {
            match decision {
                Decision::Runs(command) => drop(night.commands.insert(name, command)),
                Decision::LeftOut(why) => drop(night.ended.insert(name, Ended::left_out(why))),
                Decision::Amiss(why) => {
                    night.ended.insert(name, Ended { amiss: true, ..Ended::left_out(why) });
                }
            }
        }
        night.save(folder)?;
        Ok(night)
    }

    /// Goes on with the night in the folder. Stages that could not be done run again, and so does the history's after
    /// them.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn resume(folder: &Folder) -> Result<Self, LedgerError> {
        let path = folder.ledger();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(LedgerError::Empty(folder.path.clone()));
            }
            Err(source) => return Err(LedgerError::Io { path, source }),
        };
        let mut night: Self = match serde_json::from_slice(&text) {
            Ok(night) => night,
            Err(error) => return Err(LedgerError::Foreign { path, why: error.to_string() }),
        };
        if night.version != VERSION {
            let why = format!("version {} instead of {VERSION}", night.version);
            return Err(LedgerError::Foreign { path, why });
        }
        let again = night.ended.values().any(Ended::is_to_run_again);
        night.ended.retain(|name, ended| !(ended.is_to_run_again() || again && *name == Name::History));
        Ok(night)
    }

    /// Notes that a stage is over.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn end(&mut self, folder: &Folder, name: Name, ended: Ended) -> Result<(), LedgerError> {
        self.ended.insert(name, ended);
        self.save(folder)
    }

    fn save(&self, folder: &Folder) -> Result<(), LedgerError> {
        let path = folder.ledger();
        whole::save(&path, self).map_err(|source| LedgerError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn a_night_goes_on_where_it_was_cut() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("night");
        let decided = BTreeMap::from([
            (Name::Doctor, Decision::Runs(vec!["doctor".to_owned()])),
            (Name::Gate, Decision::LeftOut("no --gate was given".to_owned())),
        ]);
        let folder = Folder::lock(&path, true).unwrap();
        let decided = Decided { stages: decided, ..Decided::default() };
        let mut night = Ledger::begin(&folder, decided.clone()).unwrap();
        assert!(matches!(Ledger::begin(&folder, decided), Err(LedgerError::Taken(_))));
        assert_eq!(night.ended[&Name::Gate].left_out.as_deref(), Some("no --gate was given"));
        let ended = |exit| Ended::with(exit, 3);
        night.end(&folder, Name::Doctor, ended(Some(0))).unwrap();
        // A draft that a crash left is no ledger.
        std::fs::write(path.join("nightly.json.new"), "{").unwrap();
        // Two do not go on with it at once.
        let second = Folder::lock(&path, false).unwrap_err().to_string();
        assert!(second.contains("another process is at work on this night"), "{second}");
        drop(folder);
        let again = Folder::lock(&path, false).unwrap();
        assert_eq!(Ledger::resume(&again).unwrap(), night);
        // What could not be done, or was killed, is done again, and the history's stage after it; what failed is not.
        let mut broken = night.clone();
        broken.end(&again, Name::Control, ended(Some(3))).unwrap();
        broken.end(&again, Name::History, Ended::left_out("see the stage suites".to_owned())).unwrap();
        assert_eq!(Ledger::resume(&again).unwrap(), broken);
        for exit in [Some(1), None] {
            broken.end(&again, Name::Suites, ended(exit)).unwrap();
            let left: Vec<Name> = Ledger::resume(&again).unwrap().ended.into_keys().collect();
            assert_eq!(left, [Name::Doctor, Name::Control, Name::Gate], "{exit:?}");
        }
    }

    #[test]
    fn what_is_no_night_is_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        assert!(matches!(Folder::lock(&path.join("none"), false), Err(LedgerError::Empty(_))));
        assert!(!path.join("none").exists());
        let folder = Folder::lock(path, true).unwrap();
        assert!(matches!(Ledger::resume(&folder), Err(LedgerError::Empty(_))));
        // Another command's run, compressed too: nothing is left there.
        for name in [PLAN_FILE, "runs.jsonl.gz"] {
            let other = place.path().join("run");
            std::fs::create_dir(&other).unwrap();
            std::fs::write(other.join(name), "").unwrap();
            let error = Folder::lock(&other, true).unwrap_err().to_string();
            assert!(error.contains("run holds a run of another command: choose another --out"), "{error}");
            assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1);
            std::fs::remove_dir_all(other).unwrap();
        }
        for (text, says) in [("{", "EOF"), (r#"{"version":7,"commands":{},"ended":{}}"#, "version 7")] {
            std::fs::write(path.join(FILE), text).unwrap();
            let error = Ledger::resume(&folder).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("choose another --out"), "{error}");
        }
    }
}
