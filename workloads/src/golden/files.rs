//! Which files to read: named ones, and all vectors below named folders.

use std::fs;
use std::path::{Path, PathBuf};

use super::GoldenError;

/// Folders below a named one that are looked into; deeper ones are left alone, and so is a loop of links.
const MAX_DEPTH: u32 = 16;

/// The vectors that `paths` stand for, sorted, each once. A file stands for itself whatever its name; a
/// folder for every `*.jsonl` and `*.jsonl.gz` in it or below.
///
/// # Errors
/// A path does not exist or cannot be read; a folder holds no vectors; no path was given.
pub fn find_files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, GoldenError> {
    if paths.is_empty() {
        return Err(GoldenError::NoPaths);
    }
    let mut found = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let meta = fs::metadata(path).map_err(|source| GoldenError::Find { path: path.into(), source })?;
        if !meta.is_dir() {
            found.push(path.to_owned());
            continue;
        }
        let before = found.len();
        walk(path, MAX_DEPTH, &mut found)?;
        if found.len() == before {
            return Err(GoldenError::NoFiles { path: path.to_owned() });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn walk(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) -> Result<(), GoldenError> {
    let fault = |source| GoldenError::Find { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else if is_vectors(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_vectors(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
    }

    #[test]
    fn folders_are_searched_and_files_taken_as_they_are() {
        let golden = data().join("golden");
        let all = find_files(&[&golden]).unwrap();
        assert!(all.len() > 40 && all.is_sorted());
        let twice = find_files(&[&golden, &all[3]]).unwrap();
        assert_eq!(all, twice);
    }

    #[test]
    fn what_is_missing_or_empty_is_an_error() {
        let e = find_files(&["/nonexistent"]).unwrap_err().to_string();
        assert!(e.starts_with("/nonexistent: "), "{e}");
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert!(matches!(find_files(&[src]), Err(GoldenError::NoFiles { .. })));
        assert!(matches!(find_files::<&str>(&[]), Err(GoldenError::NoPaths)));
    }
}
