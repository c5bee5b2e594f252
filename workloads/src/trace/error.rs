//! What makes a trace unreadable as a whole. A single bad record is counted in [`super::Skipped`] instead.

use std::io;
use std::path::PathBuf;

use crate::lines::LineError;

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A line could not be read.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A line of a JSON Lines trace is not JSON, or no object.
    #[error("{path}:{line}: {what} (column {column}); a trace in JSON Lines has one object per line",
        path = .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// Not one usable event.
    #[error("{path}: no event of the software IO TLB in {lines} lines ({skipped}; {ignored} events of other kinds); expected {expected}",
        path = .path.display())]
    NoEvents {
        /// The file.
        path: PathBuf,
        /// Lines that were read.
        lines: u64,
        /// What was skipped, in words.
        skipped: String,
        /// Events of other kinds.
        ignored: u64,
        /// What such a file looks like.
        expected: &'static str,
    },
    /// More records than allowed.
    #[error("{path}:{line}: more than {max} records; cut the trace, or raise the limit", path = .path.display())]
    TooManyRecords {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The limit.
        max: u64,
    },
    /// The file of facts beside the trace cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    MetaRead {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file of facts beside the trace is malformed.
    #[error("{path}: {what}; correct the file, or move it away to read the trace without it",
        path = .path.display())]
    Meta {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Masks are said of a device that the trace does not have.
    #[error("{path}: no device `{name}` in this trace; it has {known}", path = .path.display())]
    UnknownDevice {
        /// The trace.
        path: PathBuf,
        /// The device that was named.
        name: String,
        /// The first devices that there are.
        known: String,
    },
}
