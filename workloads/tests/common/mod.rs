//! Where the tests' data lies: in this crate, and in the folder that `SWIOTLB_SHARED` names, if it is set.
#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// The folders called `name`.
pub fn folders(name: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)];
    folders.extend(std::env::var_os("SWIOTLB_SHARED").map(|shared| Path::new(&shared).join(name)));
    folders
}

/// All traces whose names have this ending.
pub fn traces(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders("traces") {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_str().unwrap().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A file's name up to its first dot.
pub fn stem(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned()
}
