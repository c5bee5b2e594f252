//! Tells the program which revision it is built from: `SWIOTLB_BENCH_REVISION`, which records carry.
//!
//! The commit's first twelve digits, with `-dirty` where a tracked file differs from it. A build that sets the
//! variable is believed; without git, or outside this project's own repository, it is `unknown`.

use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "SWIOTLB_BENCH_REVISION";
/// What decides the program's code, from the root of the repository. Tests are not among it: a changed test
/// does not build the program anew.
const SOURCES: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "bench-suite/src",
    "bench-suite/suites",
    "plots/src",
    "reports/src",
    "swiotlb-core/src",
    "workloads/src",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let revision = std::env::var(VARIABLE).ok().filter(|told| !told.trim().is_empty()).or_else(found);
    println!("cargo::rustc-env={VARIABLE}={}", revision.as_deref().unwrap_or("unknown").trim());
}

/// The revision of the repository whose root is the workspace's.
fn found() -> Option<String> {
    // Asked when this runs: checkouts that share a target folder share this program, built in one of them.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).parent()?;
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // Every commit and every checkout adds a line to the log of HEAD.
    let log = git(root, &["rev-parse", "--git-path", "logs/HEAD"])?;
    for path in [root.join(log)].into_iter().chain(SOURCES.map(|source| root.join(source))) {
        // A path that is not there would make every build run this again.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(root, &["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

/// What git prints; nothing where it cannot be run or fails.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").current_dir(root).args(arguments).output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    done.status.success().then(|| text.trim().to_owned())
}
