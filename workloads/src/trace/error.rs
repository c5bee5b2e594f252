//! What makes a trace unreadable as a whole. A single bad record is counted in [`super::Skipped`] instead.

use std::io;
use std::path::PathBuf;

use crate::lines::{LineError, LineFault};

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A line could not be read.
    #[error("{}{}", .0, cut(.0))]
    Line(#[from] LineError),
    /// A recorder's own file.
    #[error("{path}: this is {what}: `{prints} {path}` makes the text that is read", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The program that prints it.
        prints: &'static str,
    },
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
    #[error("{}: {}", .path.display(), no_events(*.lines, .skipped, *.ignored, .expected))]
    NoEvents {
        /// The file.
        path: PathBuf,
        /// Lines that were read.
        lines: u64,
        /// What was skipped, in words.
        skipped: String,
        /// Events of other kinds.
        ignored: u64,
        /// What such a file looks like, or what this one lacks.
        expected: &'static str,
    },
    /// More records than allowed.
    #[error("{path}:{line}: more than {max} records; cut the trace, or raise the limit (--max-records)", path = .path.display())]
    TooManyRecords {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The limit.
        max: u64,
    },
    /// The file of facts beside the trace cannot be read.
    #[error("{path}: cannot be read: {source}", path = .path.display())]
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

/// What can be done with a file that was cut off.
const fn cut(error: &LineError) -> &'static str {
    if matches!(error.fault, LineFault::CutGzip) {
        ", or read what is left of it with --allow-cut"
    } else {
        ""
    }
}

fn no_events(lines: u64, skipped: &str, ignored: u64, expected: &str) -> String {
    if lines == 0 {
        return "it is empty: there is no trace in it".to_owned();
    }
    format!(
        "no event of the software IO TLB in {lines} lines ({skipped}; {ignored} events of other kinds); {expected}"
    )
}
