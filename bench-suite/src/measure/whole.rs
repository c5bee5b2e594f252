//! A file that is written whole or not at all.
//!
//! Invariant: whatever was at its path is there until all of the new one is on the disk beside it. A full disk costs
//! nobody a document that a report is spliced into.

use serde::Serialize;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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

/// Writes `content` to the path that a user gave, by way of a draft beside it. A link stays one: what it points to is
/// written. What is no file of its own (a pipe, `/dev/stdout`) or has no room beside it (a file mounted alone) is
/// written where it is.
///
/// # Errors
/// The system's; what was at `path` before is there still, where it could have a draft.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let content = content.as_ref();
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let there = std::fs::metadata(&whole).ok();
    let has_draft = !is_of_the_system(path) && there.as_ref().is_none_or(Metadata::is_file);
    let draft = draft_of(&whole).filter(|_| has_draft);
    let made = draft.and_then(|draft| Some((File::create(&draft).ok()?, draft)));
    let Some((mut file, draft)) = made else { return std::fs::write(path, content) };
    let permissions = || there.map_or(Ok(()), |there| std::fs::set_permissions(&draft, there.permissions()));
    let written = file.write_all(content).and_then(|()| permissions());
    let written = written.and_then(|()| std::fs::rename(&draft, &whole));
    if written.is_err() {
        // Best effort: the error that matters is the one above.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Names for what other processes may have open: they would not see a new file in its place.
fn is_of_the_system(path: &Path) -> bool {
    ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder))
}

/// `.report.html.new` beside `report.html`.
fn draft_of(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".new");
    Some(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_link_and_permissions_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file", &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "no draft is left");
    }

    #[test]
    fn what_cannot_be_written_says_so_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(write(&folder.path().join("file/below"), "x").is_err());
        assert!(write(folder.path(), "x").is_err());
        #[cfg(target_os = "linux")]
        assert_eq!(write(Path::new("/dev/full"), "x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
