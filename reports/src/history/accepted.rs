//! Accepted shifts: from which run on a series' level is right, why, and who says so.
//!
//! Kept as JSON lines in `accepted.jsonl` and nowhere else: a line is only ever added, by one write that is
//! then synchronised. A last line that was cut by a kill is no acceptance; it is removed before another is added.

use super::error::{HistoryError, io};
use super::series::Key;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// One acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The series.
    #[serde(flatten)]
    pub key: Key,
    /// The run whose level is right, and that of those after it.
    pub run: String,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// When, in seconds since 1970-01-01 UTC.
    pub at: u64,
}

/// All acceptances, and what was left out.
pub(super) fn load(path: &Path) -> Result<(Vec<Accepted>, Option<String>), HistoryError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(error) => return Err(io(path, "read")(error)),
    };
    let mut accepted = Vec::new();
    for (i, line) in text[..whole(&text)].split(|b| *b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let read = serde_json::from_slice(line);
        accepted.push(read.map_err(|why| {
            let (path, line) = (path.display(), i + 1);
            HistoryError::Acceptance(format!("{path}:{line}: no acceptance: {why}: mend or remove the line"))
        })?);
    }
    let cut = (whole(&text) < text.len())
        .then(|| format!("{}: the last line was cut, and is no acceptance", path.display()));
    Ok((accepted, cut))
}

/// The bytes of the lines that are ended.
fn whole(text: &[u8]) -> usize {
    text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
}

/// Adds acceptances, and waits until they are on the disk.
pub(super) fn add(path: &Path, new: &[Accepted]) -> Result<(), HistoryError> {
    let mut text = Vec::new();
    for accepted in new {
        serde_json::to_writer(&mut text, accepted)
            .map_err(|e| HistoryError::Acceptance(format!("the acceptance cannot be written: {e}")))?;
        text.push(b'\n');
    }
    let mut file =
        File::options().append(true).create(true).read(true).open(path).map_err(io(path, "open"))?;
    let kept = whole(&std::fs::read(path).map_err(io(path, "read"))?);
    file.set_len(kept as u64).map_err(io(path, "mend"))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io(path, "write"))
}
