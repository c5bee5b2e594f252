//! Golden vectors: operations in order, each with what Linux's software IO TLB did (`swiotlb-golden/1`).
//!
//! A file is JSON Lines, plain or gzip. Line 1 is the [`Header`], each further line a [`Step`]; steps are
//! numbered from 0 without a gap, so a line that was lost is an error and not a wrong answer later on.
//!
//! ```no_run
//! # fn main() -> Result<(), workloads::golden::GoldenError> {
//! use workloads::golden::{GoldenFile, find_files};
//! for path in find_files(&["vectors"])? {
//!     let file = GoldenFile::open(&path)?;
//!     println!("{}: {}", file.header().file, file.header().rule.as_deref().unwrap_or(""));
//!     for step in file {
//!         let step = step?;
//!         println!("{} {}", step.index, step.op.name());
//!     }
//! }
//! # Ok(()) }
//! ```

mod error;
mod files;
mod header;
mod op;
mod out;
mod pattern;
mod wire;
mod write;

use std::path::Path;

use crate::lines::Lines;

pub use error::GoldenError;
pub use files::find_files;
pub use header::{Arena, Header, SCHEMA};
pub use op::{
    Api, Device, FindAt, FindPool, Init, InitMode, Map, Op, Ralloc, Restricted, Rfree, Span, Sync, Unmap,
    Write,
};
pub use out::{
    Area, Bug, Cause, Note, Out, OutError, PageEvent, PageEventKind, PoolAdded, PoolSnapshot, Pools, Zone,
};
pub use pattern::{fill_pattern, pattern};
pub use write::to_text;

/// Most steps that a file may have; a longer file is refused.
pub const MAX_STEPS: u64 = 50_000_000;

/// One operation and what was observed of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its number, from 0.
    pub index: u64,
    /// Its line in the file, from 1.
    pub line: u64,
    /// What was asked.
    pub op: Op,
    /// What Linux did.
    pub out: Out,
    /// A remark for the reader, where there is one.
    pub why: Option<String>,
}

/// A file of golden vectors: its header, and its steps as an iterator that reads as it goes.
///
/// After an error the iterator ends.
#[derive(Debug)]
pub struct GoldenFile {
    header: Header,
    lines: Lines,
    next_index: u64,
    done: bool,
}

impl GoldenFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or its first line is no header of schema [`SCHEMA`].
    pub fn open(path: &Path) -> Result<Self, GoldenError> {
        Self::from_lines(Lines::open(path)?)
    }

    /// Reads the header from lines that are already open.
    ///
    /// # Errors
    /// As [`GoldenFile::open`].
    pub fn from_lines(mut lines: Lines) -> Result<Self, GoldenError> {
        let path = lines.path().to_owned();
        let Some(text) = lines.next_text()? else {
            return Err(GoldenError::Empty { path });
        };
        let header = header::parse(text).map_err(|fault| fault.at(path, 1))?;
        Ok(Self { header, lines, next_index: 0, done: false })
    }

    /// The file's first line.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.lines.path()
    }

    fn read_step(&mut self) -> Result<Option<Step>, GoldenError> {
        let path = self.lines.path().to_owned();
        loop {
            let line = self.lines.number() + 1;
            let Some(text) = self.lines.next_text()? else { return Ok(None) };
            if text.trim().is_empty() {
                continue;
            }
            if self.next_index == MAX_STEPS {
                return Err(GoldenError::TooMany { path, line });
            }
            let step = wire::parse(text, line).map_err(|fault| fault.at(path.clone(), line))?;
            if step.index != self.next_index {
                let (found, expected) = (step.index, self.next_index);
                return Err(GoldenError::Order { path, line, found, expected });
            }
            self.next_index += 1;
            return Ok(Some(step));
        }
    }
}

impl Iterator for GoldenFile {
    type Item = Result<Step, GoldenError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.read_step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

impl std::iter::FusedIterator for GoldenFile {}

/// Parses one line of a golden file, without its file: for tools that hold lines of their own.
///
/// # Errors
/// The line is not JSON, or no step of the schema; the error names `line` and a made-up file, `-`.
pub fn parse_step(text: &str, line: u64) -> Result<Step, GoldenError> {
    wire::parse(text, line).map_err(|fault| fault.at("-".into(), line))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::io::Cursor;

    const HEADER: &str = r#"{"kind":"header","schema":"swiotlb-golden/1","kernel":"6.12.107","page_size":4096,"slot_size":2048,"segment_slots":128,"max_page_order":10,"min_pool_slots":512,"file":"t","arena":{"base":8192,"size":4096}}"#;

    fn open(text: &str) -> Result<GoldenFile, GoldenError> {
        let input = Cursor::new(text.to_owned().into_bytes());
        GoldenFile::from_lines(Lines::from_reader(Path::new("t.jsonl"), input)?)
    }

    fn first_error(lines: &[&str]) -> String {
        let text = format!("{HEADER}\n{}\n", lines.join("\n"));
        let steps: Result<Vec<_>, _> = open(&text).unwrap().collect();
        steps.unwrap_err().to_string()
    }

    #[test]
    fn steps_follow_the_header() {
        let text = format!("{HEADER}\n\n{}\n", r#"{"i":0,"op":"run_rcu","out":{"callbacks":2},"x":1}"#);
        let mut file = open(&text).unwrap();
        assert_eq!(file.header().arena, Arena { base: 8192, size: 4096 });
        let step = file.next().unwrap().unwrap();
        assert_eq!((step.index, step.line, step.op), (0, 3, Op::RunRcu));
        assert_eq!(step.out.callbacks, Some(2));
        assert!(file.next().is_none());
    }

    #[test]
    fn the_header_is_checked() {
        let e = open("").unwrap_err().to_string();
        assert_eq!(e, "t.jsonl: empty file; line 1 must be the header of schema swiotlb-golden/1");
        let e = open(&HEADER.replace("golden/1", "golden/2")).unwrap_err().to_string();
        assert!(e.starts_with("t.jsonl:1: schema is `swiotlb-golden/2`"), "{e}");
        let e = open(r#"{"t_ns":1,"op":"map"}"#).unwrap_err().to_string();
        assert!(e.starts_with("t.jsonl:1: missing field `schema`"), "{e}");
    }

    #[test]
    fn errors_name_line_and_field() {
        let e = first_error(&[r#"{"i":0,"op":"run_rcu","out":{}}"#, r#"{"i":1,"op":"map","out":{}}"#]);
        assert_eq!(e, "t.jsonl:3: op `map` lacks `h`");
        let e = first_error(&[r#"{"i":0,"op":"map","h":-1,"out":{}}"#]);
        assert!(e.starts_with("t.jsonl:2: invalid value: integer `-1`, expected u64 (column 2"), "{e}");
        let e = first_error(&[r#"{"i":0,"op":"jump","out":{}}"#]);
        assert!(e.starts_with("t.jsonl:2: unknown op `jump`"), "{e}");
        let e = first_error(&["{\"i\":0,"]);
        assert!(e.starts_with("t.jsonl:2: EOF while parsing"), "{e}");
        let e = first_error(&[r#"{"i":1,"op":"run_rcu","out":{}}"#]);
        assert_eq!(e, "t.jsonl:2: step 1 where 0 was due; lines are missing or out of order");
    }

    #[test]
    fn the_iterator_ends_after_an_error() {
        let mut file = open(&format!("{HEADER}\n[]\n[]\n")).unwrap();
        assert!(file.next().unwrap().is_err());
        assert!(file.next().is_none());
    }
}
