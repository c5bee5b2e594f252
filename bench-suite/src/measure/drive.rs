//! Working a plan through: launch, append, go on; stop without losing anything.

use super::launch::{Launch, Launched};
use crate::cell::CellSpec;
use reports::store::{Store, StoreError};
use thiserror::Error;

/// Why a run could not go on. What was finished is safe.
#[derive(Debug, Error)]
pub enum DriveError {
    /// A record could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No process could be started.
    #[error("cannot start a process for {cell}: {source}")]
    Process {
        /// The cell.
        cell: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Launches that were done now.
    pub done: usize,
    /// Launches that are left, because the user wanted to stop.
    pub left: usize,
}

/// Whoever shows how far a run is.
pub trait Progress {
    /// One launch ended, or was found done; `left` are left.
    fn step(&mut self, cell: &str, left: usize);
}

impl Progress for () {
    fn step(&mut self, _: &str, _: usize) {}
}

/// Launches what is `due`, one at a time, and appends each record at once.
///
/// # Errors
/// [`DriveError`]; the records before it are safe.
pub fn drive(
    due: &[CellSpec],
    store: &mut Store,
    launcher: &mut dyn Launch,
    progress: &mut dyn Progress,
) -> Result<Ended, DriveError> {
    for (finished, spec) in due.iter().enumerate() {
        let left = due.len() - finished;
        let launched = launcher
            .launch(spec)
            .map_err(|source| DriveError::Process { cell: spec.cell.id.clone(), source })?;
        match launched {
            Launched::Record(record) => store.append(&record)?,
            Launched::Stopped => return Ok(Ended { done: finished, left }),
        }
        progress.step(&spec.cell.id, left - 1);
    }
    Ok(Ended { done: due.len(), left: 0 })
}
