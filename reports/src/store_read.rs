//! Reading a file of records, plain or compressed with gzip: whole, or one record at a time.
//!
//! The file is left alone; a line that is no record is named and keeps none of the others from being read.

use super::{MAX_LINE, RUNS_FILE, StoreError};
use crate::compressed;
use crate::record::{RunRecord, SCHEMA, Schema, UnknownSchema};
use crate::text;
use std::io::{self, BufRead, Read as _};
use std::path::{Path, PathBuf};

/// A line that is not a record of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}: {why}", path = path.display())]
pub struct BadLine {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
    /// Whether it is the last one and lacks its newline: a run that was interrupted, not damage.
    pub cut: bool,
}

/// What [`load`] found.
#[derive(Debug, Default, PartialEq)]
pub struct Loaded {
    /// The records, in the file's order.
    pub records: Vec<RunRecord>,
    /// The lines that are none.
    pub bad: Vec<BadLine>,
}

/// The file of records that `path` means: itself, or [`RUNS_FILE`] in the folder there, which may be compressed.
/// Nothing says that it exists.
#[must_use]
pub fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { compressed::find(&path.join(RUNS_FILE)) } else { path.to_owned() }
}

/// Reads all records of the file at `path`. Empty lines are skipped; a line that is no record is reported
/// in [`Loaded::bad`] and keeps none of the others from being read.
///
/// # Errors
/// [`StoreError::Io`] where the file cannot be opened or read at all, or its compressed data are cut or damaged.
pub fn load(path: &Path) -> Result<Loaded, StoreError> {
    let mut records = Vec::new();
    let bad = each(path, |record| records.push(record))?;
    Ok(Loaded { records, bad })
}

/// The same of what is already open; `path` is what messages call it.
///
/// # Errors
/// The reader's own.
pub fn load_from(reader: impl BufRead, path: &Path) -> io::Result<Loaded> {
    let mut records = Vec::new();
    let bad =
        each_from(reader, path, |line| serde_json::from_slice(line).map(|record| records.push(record)))?;
    Ok(Loaded { records, bad })
}

/// As [`load`], one record at a time: a histogram takes 220 KiB, so that whoever wants a few numbers of many
/// records had better not keep them all. Returns the lines that are none.
///
/// # Errors
/// As [`load`].
pub fn each(path: &Path, mut take: impl FnMut(RunRecord)) -> Result<Vec<BadLine>, StoreError> {
    each_line(path, |line| serde_json::from_slice(line).map(&mut take))
}

/// As [`each`], of those records only whose scenario is `wanted`; nothing of the others is decoded.
///
/// # Errors
/// As [`load`].
pub fn each_of(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(RunRecord),
) -> Result<Vec<BadLine>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Head {
        scenario: String,
    }
    each_line(path, |line| {
        let head: Head = serde_json::from_slice(line)?;
        if wanted(&head.scenario) { serde_json::from_slice(line).map(&mut take) } else { Ok(()) }
    })
}

fn each_line(
    path: &Path,
    read: impl FnMut(&[u8]) -> serde_json::Result<()>,
) -> Result<Vec<BadLine>, StoreError> {
    let fail = |action| move |source| StoreError::Io { path: path.to_owned(), action, source };
    let file = compressed::open(path).map_err(fail("open"))?;
    each_from(file, path, read).map_err(fail("read"))
}

fn each_from(
    mut reader: impl BufRead,
    path: &Path,
    mut read: impl FnMut(&[u8]) -> serde_json::Result<()>,
) -> io::Result<Vec<BadLine>> {
    let (mut bad, mut buffer) = (Vec::new(), Vec::new());
    for line in 1.. {
        buffer.clear();
        if (&mut reader).take(MAX_LINE).read_until(b'\n', &mut buffer)? == 0 {
            break;
        }
        let mut cut = buffer.last() != Some(&b'\n');
        let answer = if cut && buffer.len() as u64 == MAX_LINE {
            cut = reader.skip_until(b'\n')? == 0;
            Err(format!("a line of more than {MAX_LINE} bytes"))
        } else if buffer.trim_ascii().is_empty() {
            continue;
        } else {
            read(&buffer).map_err(|e| if cut { bare(&e) } else { wrong(&buffer, &e) })
        };
        if let Err(why) = answer {
            let why = if cut { format!("the last line is cut: {why}") } else { why };
            bad.push(BadLine { path: path.to_owned(), line, why, cut });
        }
    }
    Ok(bad)
}

/// What is wrong with a whole line that is no record, and what to do.
fn wrong(line: &[u8], error: &serde_json::Error) -> String {
    if let Some(schema) = foreign(line) {
        return schema.to_string();
    }
    let what = match line.trim_ascii_start() {
        [b'{', ..] => bare(error),
        other => {
            let start = String::from_utf8_lossy(other).chars().take(1).collect::<String>();
            format!("it begins with `{}`", text::visible(&start))
        }
    };
    format!(
        "damaged: {what}; a record of {SCHEMA} is one JSON object: put the line back from a copy of the file, or remove \
         it and measure its launch again (`measure --resume`)"
    )
}

/// The schema of a line that another version wrote, or another program.
fn foreign(line: &[u8]) -> Option<UnknownSchema> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: String,
    }
    // An array would be taken for the fields in their order.
    let object = line.trim_ascii_start().starts_with(b"{");
    let head: Head = object.then(|| serde_json::from_slice(line).ok())??;
    Schema::try_from(head.schema).err()
}

/// What serde says, with its place in the line.
fn bare(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text::visible(said.strip_suffix(&place).unwrap_or(&said));
    if error.line() == 1 { format!("{what}, at byte {}", error.column()) } else { what }
}
