//! Runs that were added before they were finished: how many of their launches were missing.
//!
//! Kept in `unfinished.json` and nowhere else, since records do not say what was planned. Invariant: a run that is there and
//! known to be unfinished is marked: the mark is written before its copy, and goes after the copy of the finished run is there.

use super::error::{HistoryError, io};
use crate::units::plural;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// What a run lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Launches that are missing.
    pub missing: u64,
    /// Launches that were planned.
    pub planned: u64,
}

impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} {} missing", self.missing, self.planned, plural(self.planned, "launch"))
    }
}

/// The marks, by the names of the runs.
pub(super) type Marks = BTreeMap<String, Unfinished>;

/// The marks in the file at `path`; none where there is no file.
pub(super) fn load(path: &Path) -> Result<Marks, HistoryError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Marks::new()),
        Err(error) => return Err(io(path, "read")(error)),
    };
    serde_json::from_slice(&text).map_err(|error| HistoryError::Refused {
        path: path.to_owned(),
        why: format!(
            "no marks of unfinished runs ({error}): mend the file, or remove it, and the marks with it"
        ),
    })
}

/// The marks with that of the run `name` as `left` says; nothing where that is as it was.
pub(super) fn marked(marks: &Marks, name: &str, left: Unfinished) -> Option<Marks> {
    let mut new = marks.clone();
    if left.missing == 0 {
        new.remove(name);
    } else {
        new.insert(name.to_owned(), left);
    }
    (new != *marks).then_some(new)
}

/// Writes the marks, whole or not at all.
pub(super) fn save(path: &Path, marks: &Marks) -> Result<(), HistoryError> {
    let draft = path.with_extension("json.new");
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(marks)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().map_err(io(path, "write"))
}
