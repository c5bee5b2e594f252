//! Which stages of a night are over: `nightly.json` in the night's folder.
//!
//! Invariant: the file is written whole or not at all, after each stage; a stage that is in it is not run again.

use super::stage::Name;
use crate::measure::whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file's name.
pub const FILE: &str = "nightly.json";
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
    /// How long it took, s.
    pub seconds: u64,
}

/// A night as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    version: u32,
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
    /// There is none in it.
    #[error("{path} holds no night to resume", path = .0.display())]
    Empty(PathBuf),
}

impl Ledger {
    /// Begins a night in `folder`.
    ///
    /// # Errors
    /// [`LedgerError::Taken`] where there is one, [`LedgerError::Io`].
    pub fn begin(folder: &Path, commands: BTreeMap<Name, Vec<String>>) -> Result<Self, LedgerError> {
        if folder.join(FILE).exists() {
            return Err(LedgerError::Taken(folder.to_owned()));
        }
        std::fs::create_dir_all(folder)
            .map_err(|source| LedgerError::Io { path: folder.to_owned(), source })?;
        let night = Self { version: VERSION, commands, ended: BTreeMap::new() };
        night.save(folder)?;
        Ok(night)
    }

    /// Goes on with the night in `folder`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn resume(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(LedgerError::Empty(folder.to_owned()));
            }
            Err(source) => return Err(LedgerError::Io { path, source }),
        };
        let night: Self = match serde_json::from_slice(&text) {
            Ok(night) => night,
            Err(error) => return Err(LedgerError::Foreign { path, why: error.to_string() }),
        };
        if night.version != VERSION {
            let why = format!("version {} instead of {VERSION}", night.version);
            return Err(LedgerError::Foreign { path, why });
        }
        Ok(night)
    }

    /// Notes that a stage is over.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn end(&mut self, folder: &Path, name: Name, ended: Ended) -> Result<(), LedgerError> {
        self.ended.insert(name, ended);
        self.save(folder)
    }

    fn save(&self, folder: &Path) -> Result<(), LedgerError> {
        let path = folder.join(FILE);
        whole::save(&path, self).map_err(|source| LedgerError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn a_night_goes_on_where_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("night");
        let commands = BTreeMap::from([(Name::Doctor, vec!["doctor".to_owned()])]);
        let mut night = Ledger::begin(&path, commands.clone()).unwrap();
        assert!(matches!(Ledger::begin(&path, commands), Err(LedgerError::Taken(_))));
        let ended = Ended { exit: Some(0), left_out: None, seconds: 3 };
        night.end(&path, Name::Doctor, ended).unwrap();
        // A draft that a crash left is no ledger.
        std::fs::write(path.join("nightly.json.new"), "{").unwrap();
        assert_eq!(Ledger::resume(&path).unwrap(), night);
    }

    #[test]
    fn what_is_no_night_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Ledger::resume(folder.path()), Err(LedgerError::Empty(_))));
        for (text, says) in [("{", "EOF"), (r#"{"version":7,"commands":{},"ended":{}}"#, "version 7")] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = Ledger::resume(folder.path()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("choose another --out"), "{error}");
        }
    }
}
