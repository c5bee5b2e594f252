//! What can be wrong with golden vectors. Each message names file and line and says what to do.

use std::io;
use std::path::PathBuf;

use crate::json::without_place;
use crate::lines::LineError;

use super::{MAX_STEPS, SCHEMA};

/// Why golden vectors could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// A line could not be read.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The file has no lines.
    #[error("{path}: empty file; line 1 must be the header of schema {SCHEMA}", path = .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is not JSON, or a field has the wrong type.
    #[error("{path}:{line}: {what} (column {column})", path = .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1; 0 if the parser knows none.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// The line is JSON but no line of the schema.
    #[error("{path}:{line}: {what}", path = .path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is missing or unknown.
        what: String,
    },
    /// A step's number is not the one after its predecessor's.
    #[error("{path}:{line}: step {found} where {expected} was due; lines are missing or out of order",
        path = .path.display())]
    Order {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The number found.
        found: u64,
        /// The number that was due.
        expected: u64,
    },
    /// More steps than [`MAX_STEPS`].
    #[error("{path}:{line}: more than {MAX_STEPS} steps; split the file", path = .path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A file or folder that was named cannot be looked at.
    #[error("{path}: {source}", path = .path.display())]
    Find {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder holds no vectors.
    #[error("{path}: no *.jsonl or *.jsonl.gz in this folder or below", path = .path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// No path was named.
    #[error("no file or folder of golden vectors was named")]
    NoPaths,
}

/// A line's fault, before its place is known.
#[derive(Debug)]
pub(super) enum Fault {
    Json(serde_json::Error),
    Schema(String),
}

impl Fault {
    pub(super) fn at(self, path: PathBuf, line: u64) -> GoldenError {
        match self {
            Self::Json(e) => {
                GoldenError::Json { path, line, column: e.column(), what: without_place(&e.to_string()) }
            }
            Self::Schema(what) => GoldenError::Schema { path, line, what },
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(e: serde_json::Error) -> Self {
        Self::Json(e)
    }
}
