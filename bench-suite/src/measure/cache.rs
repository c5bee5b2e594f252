//! The folder that builds are kept in, shared by all comparisons of a user.
//!
//! Invariants: who writes below it holds its lock; what is finished is never changed; and what made a program (compiler,
//! flags, the linker's stand-in) is part of the name of the folder that it lies in, so that no program of another compiler is
//! taken for one of this.

use reports::lock::Lock;
use sha2::{Digest, Sha256};
use std::fs::{File, FileTimes};
use std::io::{Result, Write as _, stderr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Held by whoever writes.
const LOCK: &str = "lock";
/// In each folder of programs or of a revision's files; its time is that of the last use.
const USED: &str = "used";
/// What nobody used for so long is removed.
const KEPT: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Hexadecimal digits of a name.
const DIGITS: usize = 16;
/// Variables that change what cargo builds: these, and those that begin so.
const FLAGS: [&str; 5] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CC", "CFLAGS"];
const FLAGS_BEGIN: [&str; 3] = ["CARGO_PROFILE_", "CARGO_BUILD_RUST", "CARGO_TARGET_X86"];

/// Waits until nobody else writes below `cache`; writers hold what is returned.
///
/// # Errors
/// The system's answer.
pub fn lock(cache: &Path) -> Result<Lock> {
    let path = cache.join(LOCK);
    if let Some(held) = Lock::try_take(&path)? {
        return Ok(held);
    }
    // That nobody may be reading it is no reason to stop.
    let _ = writeln!(stderr(), "swiotlb-bench: waiting for another build in {}", cache.display());
    Lock::take(&path)
}

/// A name for what makes programs of the source at `root`: rustc there, the variables that cargo reads, and `script`.
/// Flags in cargo's own configuration files are not in it.
#[must_use]
pub fn maker(root: &Path, script: &str) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    // Without an answer nothing can be built either, and cargo says why.
    let version = Command::new(rustc).arg("-vV").current_dir(root).output().map(|done| done.stdout);
    let begins = |name: &str| FLAGS_BEGIN.iter().any(|start| name.starts_with(start));
    let mut flags: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| FLAGS.contains(&name.as_str()) || begins(name)).collect();
    flags.sort();
    name_of(format!("{:?}\n{flags:?}\n{script}", version.unwrap_or_default()).as_bytes())
}

/// A name for these bytes: the first sixteen hexadecimal digits of their SHA-256.
#[must_use]
pub fn name_of(bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    digest[..DIGITS].to_owned()
}

/// Notes that `folder` is used now.
///
/// # Errors
/// The system's answer.
pub fn touch(folder: &Path) -> Result<()> {
    File::create(folder.join(USED))?.set_times(FileTimes::new().set_modified(SystemTime::now()))
}

/// Removes the folders that nobody has used for 14 days before `now`. Nothing that [`touch`] did not mark is
/// touched.
///
/// # Errors
/// The system's answer.
pub fn forget_old(cache: &Path, now: SystemTime) -> Result<()> {
    for entry in std::fs::read_dir(cache)? {
        let folder = entry?.path();
        let Ok(used) = folder.join(USED).metadata().and_then(|file| file.modified()) else { continue };
        if now.duration_since(used).is_ok_and(|age| age > KEPT) {
            std::fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn another_script_is_another_maker() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(maker(root.path(), "a"), maker(root.path(), "a"));
        assert_ne!(maker(root.path(), "a"), maker(root.path(), "b"));
    }

    #[test]
    fn what_is_used_is_kept() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["old", "new", "foreign"] {
            std::fs::create_dir(cache.path().join(name)).unwrap();
        }
        let now = SystemTime::now();
        let long_ago = FileTimes::new().set_modified(now - KEPT - Duration::from_secs(60));
        touch(&cache.path().join("old")).unwrap();
        touch(&cache.path().join("new")).unwrap();
        let file = File::options().write(true).open(cache.path().join("old").join(USED)).unwrap();
        file.set_times(long_ago).unwrap();
        forget_old(cache.path(), now).unwrap();
        let there = |name: &str| cache.path().join(name).exists();
        assert_eq!(["old", "new", "foreign"].map(there), [false, true, true]);
    }

    #[test]
    fn one_writer_at_a_time() {
        let cache = tempfile::tempdir().unwrap();
        let held = lock(cache.path()).unwrap();
        let second = || Lock::try_take(&cache.path().join(LOCK)).unwrap();
        assert!(second().is_none());
        drop(held);
        assert!(second().is_some());
    }
}
