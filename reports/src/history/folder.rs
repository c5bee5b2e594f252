//! The folder of a history: its lock, and the copies of the runs' record files.
//!
//! Invariant: a file under `records/` whose name ends in `.jsonl` is whole. It is written under another name,
//! synchronised, and renamed; a draft that a kill left behind is removed by the next who opens the folder.
//! A copy may be compressed with gzip at any time (`NAME.jsonl.gz`).
//!
//! Whoever only reads and may not write here (a mount that is read-only, another user's history) does so without the lock.
//! That is safe beside a command that is at work: copies come by a rename, a draft has another name, an acceptance that is
//! not ended yet is a cut last line and left out, and the index is copied into memory in one transaction of SQLite's
//! ([`super::index`]); what it lacks by then is read from the copies, as after a kill.

use super::error::{HistoryError, in_lock, io, is_forbidden};
use super::steps::reached;
use crate::lock::Lock;
use crate::{compressed, store};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What a run's copy is called after its name.
const ENDINGS: [&str; 2] = [".jsonl", ".jsonl.gz"];
/// The end of a draft's name.
const DRAFT: &str = ".new";

/// The file that is locked while a command is at work.
const LOCK: &str = "lock";

/// What a folder is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To change it; it is made where there is none.
    Make,
    /// To change it.
    Change,
    /// To read it, without its lock where that cannot be written.
    Read,
}

/// A history's folder, locked if anything there may be written.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held while the folder is open.
    lock: Option<Lock>,
}

/// The copy of a run's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// Where it is.
    pub path: PathBuf,
    /// What it looks like from outside.
    pub look: Look,
}

/// A file's size in bytes and when it was last written, in nanoseconds since 1970-01-01 UTC: where neither has changed,
/// nobody reads it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub bytes: u64,
    pub written: u64,
}

impl Look {
    fn of(path: &Path) -> std::io::Result<Self> {
        let file = fs::metadata(path)?;
        let since = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { bytes: file.len(), written: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) })
    }
}

impl Folder {
    /// Opens the folder, and waits for its lock.
    pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Self, HistoryError> {
        let records = path.join("records");
        if !records.is_dir() {
            if purpose != Purpose::Make {
                return Err(HistoryError::None(path.to_owned()));
            }
            fs::create_dir_all(&records).map_err(io(&records, "make the folder"))?;
            synchronise(path)?;
        }
        let lock = path.join(LOCK);
        let held = match Lock::take(&lock) {
            Ok(held) => held,
            Err(error) if purpose == Purpose::Read && is_forbidden(&error) => {
                return Ok(Self::unlocked(path));
            }
            Err(error) => return Err(in_lock(&lock, error)),
        };
        let folder = Self { path: path.to_owned(), lock: Some(held) };
        folder.remove_drafts()?;
        Ok(folder)
    }

    /// The folder for whoever changes nothing in it.
    pub(super) fn unlocked(path: &Path) -> Self {
        Self { path: path.to_owned(), lock: None }
    }

    /// Whether anything in it may be written.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether another command holds the folder at `path`, as far as can be seen.
    pub(super) fn is_busy(path: &Path) -> bool {
        let lock = path.join(LOCK);
        lock.exists() && matches!(Lock::try_take(&lock), Ok(None))
    }

    /// The index's file.
    pub(super) fn index(&self) -> PathBuf {
        self.path.join("index.sqlite")
    }

    /// The file of accepted shifts.
    pub(super) fn accepted(&self) -> PathBuf {
        self.path.join("accepted.jsonl")
    }

    /// The file of marks of unfinished runs.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.path.join("unfinished.json")
    }

    fn records(&self) -> PathBuf {
        self.path.join("records")
    }

    fn names(&self) -> Result<Vec<(PathBuf, String)>, HistoryError> {
        let path = self.records();
        let entries = fs::read_dir(&path).map_err(io(&path, "read"))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io(&path, "read"))?;
            if let Ok(name) = entry.file_name().into_string() {
                names.push((entry.path(), name));
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove_drafts(&self) -> Result<(), HistoryError> {
        for (path, name) in self.names()? {
            if ENDINGS.iter().any(|ending| name.ends_with(&format!("{ending}{DRAFT}"))) {
                fs::remove_file(&path).map_err(io(&path, "remove the draft"))?;
            }
        }
        Ok(())
    }

    /// All copies, by the names of their runs. Where a run has a plain and a compressed one, the plain counts.
    pub(super) fn copies(&self) -> Result<BTreeMap<String, Copy>, HistoryError> {
        let mut copies = BTreeMap::new();
        for (path, name) in self.names()? {
            if let Some(run) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
                let look = Look::of(&path).map_err(io(&path, "read"))?;
                copies.entry(run.to_owned()).or_insert(Copy { path, look });
            }
        }
        Ok(copies)
    }

    /// Keeps `text` as the run `name`, in the place of what was there: whole or not at all.
    pub(super) fn keep(&self, name: &str, text: &[u8]) -> Result<Copy, HistoryError> {
        let path = self.records().join(format!("{name}.jsonl"));
        let draft = self.records().join(format!("{name}.jsonl{DRAFT}"));
        let mut file = File::create(&draft).map_err(io(&draft, "make"))?;
        reached();
        file.write_all(text).map_err(io(&draft, "write"))?;
        reached();
        file.sync_all().map_err(io(&draft, "write"))?;
        reached();
        fs::rename(&draft, &path).map_err(io(&path, "write"))?;
        reached();
        synchronise(&self.records())?;
        reached();
        let look = Look::of(&path).map_err(io(&path, "read"))?;
        Ok(Copy { path, look })
    }
}

/// Waits until the names in `folder` are on the disk.
fn synchronise(folder: &Path) -> Result<(), HistoryError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(io(folder, "synchronise the folder"))
}

/// The file of records that `path` means: itself, or the one in the folder there.
pub(super) fn runs_file(path: &Path) -> Result<PathBuf, HistoryError> {
    let file = store::file_of(path);
    if path.is_dir() && !file.exists() { Err(HistoryError::NoRuns(path.to_owned())) } else { Ok(file) }
}

/// What the file holds, whether it is compressed or not.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, HistoryError> {
    compressed::read(path).map_err(io(path, "read"))
}
