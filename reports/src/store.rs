//! The file of records, `runs.jsonl`: one record a line, only ever added to; to be kept, compressed as a whole.
//!
//! A finished line is never touched again. A record is written as one whole line by a single write and then
//! synchronised, so that a crash, a kill or a full disk can cut only the last line, and a cut last line is
//! recognised: it has no newline. [`Store::open`] removes such a rest before it adds anything, and says so;
//! [`load`] leaves the file alone, reads everything else, and names file and line of what it could not read.
//! Whoever appends holds the file's lock.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::compressed;
use crate::record::RunRecord;
use crate::text;

#[path = "store_read.rs"]
mod read;

pub use read::{BadLine, Loaded, each, each_of, file_of, load, load_from};

/// The records' file in a run's folder.
pub const RUNS_FILE: &str = "runs.jsonl";

/// The longest line that is written or read: 64 MiB, some hundred histograms.
pub const MAX_LINE: u64 = 64 << 20;

/// How every line that this program wrote begins, in every version.
const START: &[u8] = b"{\"schema\":\"swiotlb-bench/";

/// Why records could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened, read or written.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk (or the user's quota, or the process's limit) is full. All records before are safe.
    #[error("{path}: no space left for a record of {bytes} bytes ({source}); the {kept} bytes before it are safe: free space and resume", path = path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes of the line that did not fit.
        bytes: usize,
        /// Bytes of finished lines in the file.
        kept: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process appends to the file.
    #[error("{path}: another run is writing to this file: wait for it or choose another folder", path = path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The records there are compressed: they are kept as they are.
    #[error("{path}: compressed records are only read: `gunzip {path}` goes on with them, another folder begins anew", path = path.display())]
    Compressed {
        /// The compressed file.
        path: PathBuf,
    },
    /// The file ends in something that no record begins with; it is left as it is.
    #[error("{path}: not a file of records (its last line, {line}, is cut and begins with no record): choose another file", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// The record cannot be written so that it could be read again.
    #[error("a record of `{scenario}` cannot be written: {why}")]
    Record {
        /// The record's scenario.
        scenario: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What [`Store::open`] mended at the end of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The last record was whole and lacked only its newline.
    Terminated {
        /// The line, counted from 1.
        line: u64,
    },
    /// The last line was cut; this many bytes of it were removed.
    Removed {
        /// The line, counted from 1.
        line: u64,
        /// Bytes removed.
        bytes: u64,
    },
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Terminated { line } => write!(f, "line {line} lacked its newline, which was added"),
            Self::Removed { line, bytes } => write!(
                f,
                "line {line} was cut by a run that was interrupted; its {bytes} bytes were removed, all records before it are whole"
            ),
        }
    }
}

/// A file of records, open for adding to it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: File,
}

impl Store {
    /// Opens or creates the file at `path`, takes its lock, and mends a cut last line.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Busy`], [`StoreError::Foreign`] where the file is not ours, and
    /// [`StoreError::Compressed`] where it lies there compressed.
    pub fn open(path: &Path) -> Result<(Self, Option<Repair>), StoreError> {
        let fail = |action| move |source| StoreError::Io { path: path.to_owned(), action, source };
        let found = compressed::find(path);
        if found != path {
            return Err(StoreError::Compressed { path: found });
        }
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fail("open"))?;
        if !file.metadata().map_err(fail("open"))?.is_file() {
            return Err(fail("append")(io::Error::new(ErrorKind::InvalidInput, "not a regular file")));
        }
        if matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)) {
            return Err(StoreError::Busy { path: path.to_owned() });
        }
        let repair = match last_line(&mut file).map_err(fail("read"))? {
            None => None,
            Some(rest) => Some(mend(path, &mut file, &rest)?),
        };
        Ok((Self { path: path.to_owned(), file }, repair))
    }

    /// Adds one record and waits until it is on the disk. After an error the file ends where it ended
    /// before, if the system lets it.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Io`], or [`StoreError::Record`] where the record could not be
    /// read again (a time that is not finite, a line above [`MAX_LINE`]).
    pub fn append(&mut self, record: &RunRecord) -> Result<(), StoreError> {
        append_line(&mut self.file, &self.path, &line_of(record)?)
    }
}

impl Drop for Store {
    /// Unlocks the file now. A process that another thread is starting has a copy of the handle until it runs its own
    /// program, and a lock that is only closed goes with the last copy.
    fn drop(&mut self) {
        // Best effort: the end of the process unlocks whatever is left.
        let _ = self.file.unlock();
    }
}

/// What appending needs of a file; tests put a full disk in its place.
trait Log: Write {
    fn length(&self) -> io::Result<u64>;
    fn cut_to(&mut self, length: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

impl Log for File {
    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|m| m.len())
    }
    fn cut_to(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The record as one line, proved to be readable.
fn line_of(record: &RunRecord) -> Result<Vec<u8>, StoreError> {
    let refuse = |why: String| StoreError::Record { scenario: text::visible(&record.scenario), why };
    let mut line = serde_json::to_vec(record).map_err(|e| refuse(e.to_string()))?;
    serde_json::from_slice::<RunRecord>(&line).map_err(|e| refuse(e.to_string()))?;
    line.push(b'\n');
    if line.len() as u64 > MAX_LINE {
        return Err(refuse(format!("{} bytes are more than {MAX_LINE}", line.len())));
    }
    Ok(line)
}

fn append_line(log: &mut impl Log, path: &Path, line: &[u8]) -> Result<(), StoreError> {
    let fail = |action, source| StoreError::Io { path: path.to_owned(), action, source };
    let kept = log.length().map_err(|e| fail("append", e))?;
    match write_once(log, line).and_then(|()| log.sync()) {
        Ok(()) => Ok(()),
        Err(source) => {
            // Best effort: where even this fails, the next `open` removes the rest.
            let _ = log.cut_to(kept);
            Err(match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    StoreError::Full { path: path.to_owned(), bytes: line.len(), kept, source }
                }
                _ => fail("append", source),
            })
        }
    }
}

/// One write for the whole line. A short one is followed by a second only to learn the reason.
fn write_once(log: &mut impl Log, line: &[u8]) -> io::Result<()> {
    let mut rest = line;
    while !rest.is_empty() {
        match log.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A last line without a newline.
struct Rest {
    line: u64,
    start: u64,
    bytes: u64,
    /// The line itself, up to [`MAX_LINE`].
    text: Vec<u8>,
}

/// The last line where it lacks its newline; `None` for a file of whole lines.
fn last_line(file: &mut File) -> io::Result<Option<Rest>> {
    let length = file.seek(SeekFrom::End(0))?;
    let (mut line, mut start, mut at) = (1, 0, 0);
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(1 << 16, &mut *file);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        for (i, _) in chunk.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            (line, start) = (line + 1, at + i as u64 + 1);
        }
        let n = chunk.len();
        at += n as u64;
        reader.consume(n);
    }
    if start >= length {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    (&mut *file).take(MAX_LINE).read_to_end(&mut text)?;
    Ok(Some(Rest { line, start, bytes: length - start, text }))
}

fn mend(path: &Path, file: &mut File, rest: &Rest) -> Result<Repair, StoreError> {
    let fail = |source| StoreError::Io { path: path.to_owned(), action: "mend the last line", source };
    let ours = rest.text.iter().zip(START).all(|(a, b)| a == b);
    if !ours {
        return Err(StoreError::Foreign { path: path.to_owned(), line: rest.line });
    }
    if serde_json::from_slice::<serde_json::Value>(&rest.text).is_ok() {
        append_line(file, path, b"\n")?;
        return Ok(Repair::Terminated { line: rest.line });
    }
    file.set_len(rest.start).and_then(|()| file.sync_data()).map_err(fail)?;
    Ok(Repair::Removed { line: rest.line, bytes: rest.bytes })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
