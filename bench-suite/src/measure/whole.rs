//! A file that is written whole or not at all.

use serde::Serialize;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes `value` as JSON to `path`, by way of a draft beside it whose name ends in `.json.new`.
///
/// # Errors
/// The system's; what was at `path` before is there still.
pub fn save(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let draft = path.with_extension("json.new");
    let mut file = File::create(&draft)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}
