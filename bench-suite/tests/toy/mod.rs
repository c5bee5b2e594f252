//! Allocators in C, compiled where a test runs. Without a C compiler the tests say so and pass.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A suite that takes next to nothing. Many mappings are live at once: an allocator that gives a slot twice is seen. Long
/// enough for more than twenty batches, as a page that the host takes away voids fewer.
pub const STORAGE: &str = r#"
name = "storage"
title = "Storage on one thread"
analysis = "A stand-in."
scenario = "model storage"
policies = ["kernel"]
[parameters]
ops_per_thread = 3_000
repeat = 2
depth = "32"
sizes = "4KiB"
threads = 1
nslabs = 1024
"#;

/// A path from this package's folder on.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compiles a library into `folder`; `None` if there is no compiler.
pub fn compiled(folder: &Path, name: &str, source_file: &Path, flags: &[&str]) -> Option<PathBuf> {
    let (include, example) = (source("../swiotlb-core/include"), source("../swiotlb-core/include/example"));
    let out = folder.join(name);
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]).args(flags);
    cc.arg("-I").arg(include).arg("-I").arg(example).arg(source_file).arg("-o").arg(&out);
    match cc.output() {
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            Some(out)
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "cc cannot be run: {error}");
            eprintln!("skipped: cc cannot be run: {error}");
            None
        }
    }
}

/// The toy and a folder.
pub fn with_toy(flags: &[&str]) -> Option<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    let toy = source("../swiotlb-core/include/example/toy.c");
    let library = compiled(folder.path(), "toy.so", &toy, flags)?;
    Some((folder, library))
}

/// The policy that a library is.
pub fn policy(library: &Path) -> String {
    format!("ext:{}", library.display())
}
