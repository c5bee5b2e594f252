//! Why a history cannot be used, or a run cannot be added to it.

use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be done. The history stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file or folder.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no history in the folder.
    #[error("{path}: no history there: `history add RUN` begins one, --history names another folder", path = .0.display())]
    None(PathBuf),
    /// The lock, which is not this user's to write.
    #[error("{path}: cannot lock: {source}: what only reads (`history list`, `show`, `export`, `cmp`, `report`) needs no lock; to change a history, be its owner, or copy it and name the copy with --history", path = path.display())]
    NotOurs {
        /// The lock's file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The index. It can always be removed: it is made again of the records.
    #[error("{path}: {source}: if that stays so, remove the file; it is made again", path = path.display())]
    Index {
        /// The index's file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A run's folder without records.
    #[error("{path}: the folder holds no runs.jsonl (nor runs.jsonl.gz)", path = .0.display())]
    NoRuns(PathBuf),
    /// Lines that are no records of this version.
    #[error("{first}{more}: nothing of damaged or foreign records is added", more = if *.count > 1 { format!(" (and {} more)", .count - 1) } else { String::new() })]
    Damaged {
        /// The first of them, with its file and line.
        first: String,
        /// How many.
        count: usize,
    },
    /// Records that are not one night's.
    #[error("{path}: {why}", path = path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A record is there in another run.
    #[error("{path}:{line}: this record is in the run {run} already: add each run once, as it was written", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The record's line, counted from 1, empty and cut lines left out.
        line: usize,
        /// The run that has it.
        run: String,
    },
    /// A run that begins like one that is there, and goes on otherwise.
    #[error("{path}: begins as the run {run} does, and then differs from it: one of both was changed; compare it with {kept}", path = path.display(), kept = kept.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The run.
        run: String,
        /// Its file.
        kept: PathBuf,
    },
    /// An acceptance.
    #[error("{0}")]
    Acceptance(String),
}

impl HistoryError {
    /// Whether the index refuses what one run would put into it, and holds everything else.
    pub(super) fn is_of_one_run(&self) -> bool {
        let Self::Index { source, .. } = self else { return false };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
    }
}

/// Whether the system says that nothing may be written there.
pub(super) fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Why there is no lock.
pub(super) fn in_lock(path: &Path, source: io::Error) -> HistoryError {
    let path = path.to_owned();
    if is_forbidden(&source) {
        HistoryError::NotOurs { path, source }
    } else {
        HistoryError::Io { path, action: "lock", source }
    }
}

/// Makes an [`HistoryError::Io`] of what the system answered.
pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::Io { path, action, source }
}
