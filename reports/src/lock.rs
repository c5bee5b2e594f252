//! The lock of a file: one process at a time.
//!
//! Invariant: it is held until it is dropped, and freed by the system whatever ends the process.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// A lock that is held.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the file at `path`, which is made where there is none; nothing where another holds it.
    ///
    /// # Errors
    /// The system's answer.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().append(true).create(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The same, and waits where another holds it.
    ///
    /// # Errors
    /// The system's answer.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        file.lock()?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// A process that another thread is starting has a copy of the handle until it runs its own program, and a lock that
    /// is only closed goes with the last copy.
    fn drop(&mut self) {
        // Best effort: the end of the process frees what is left.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_it_goes_when_dropped_whoever_has_a_copy_of_the_handle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        // As a process has it that is about to run its program.
        let _copy = held.file.try_clone().unwrap();
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
