//! The folder of a run: its plan, its records, and the lock that keeps a second run out.

use super::drive::{DriveError, Ended, Progress, drive};
use super::launch::Launch;
use super::plan::{Key, PLAN_FILE, PlanError, RUNS_FILE, RunPlan, Step, done, key_of};
use crate::cell::CellSpec;
use reports::record::RunRecord;
use reports::store::{self, Repair, Store, StoreError};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is a run in it already.
    #[error("{path} holds a run: --resume goes on with it, another --out begins a new one", path = .0.display())]
    Taken(PathBuf),
    /// There is none in it.
    #[error("{path} holds no run to resume", path = .0.display())]
    Empty(PathBuf),
    /// There is another one in it.
    #[error("{path} holds another run (other suites, sides, seed or rules): resume it with the flags that began it, or choose another --out", path = .0.display())]
    Other(PathBuf),
    /// It cannot be made.
    #[error("{path}: cannot make the folder: {source}", path = path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The records hold lines that are none.
    #[error("{first}{more}: nothing is added to damaged records", more = if *.count > 1 { format!(" (and {} more)", .count - 1) } else { String::new() })]
    Damaged {
        /// The first of them.
        first: String,
        /// How many.
        count: usize,
    },
}

/// A run's folder, locked.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    store: Store,
    /// What is going to run.
    pub plan: RunPlan,
    done: HashSet<Key>,
    /// What was mended at the end of the records.
    pub repair: Option<Repair>,
}

impl Folder {
    /// Begins a new run in `path`.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn begin(path: &Path, plan: RunPlan) -> Result<Self, FolderError> {
        std::fs::create_dir_all(path)
            .map_err(|source| FolderError::Make { path: path.to_owned(), source })?;
        let (store, repair) = Store::open(&path.join(RUNS_FILE))?;
        let used = RunPlan::load(path)?.is_some() || !records(path)?.is_empty();
        if used {
            return Err(FolderError::Taken(path.to_owned()));
        }
        plan.save(path)?;
        Ok(Self { path: path.to_owned(), store, plan, done: HashSet::new(), repair })
    }

    /// Goes on with the run in `path`; with `same`, only if it is that run.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn resume(path: &Path, same: impl FnOnce(&RunPlan) -> bool) -> Result<Self, FolderError> {
        if !path.join(PLAN_FILE).exists() {
            return Err(FolderError::Empty(path.to_owned()));
        }
        let (store, repair) = Store::open(&path.join(RUNS_FILE))?;
        let plan = RunPlan::load(path)?.ok_or_else(|| FolderError::Empty(path.to_owned()))?;
        if !same(&plan) {
            return Err(FolderError::Other(path.to_owned()));
        }
        let done = done(&records(path)?);
        Ok(Self { path: path.to_owned(), store, plan, done, repair })
    }

    /// Launches that are left, of those that are wanted.
    #[must_use]
    pub fn due(&self, wanted: &dyn Fn(&Step) -> bool) -> Vec<CellSpec> {
        let steps = self.plan.steps.iter().filter(|step| wanted(step));
        let specs = steps.filter_map(|step| self.plan.spec(step));
        specs.filter(|spec| !self.done.contains(&key_of(spec))).collect()
    }

    /// Runs what is left of what is wanted. What a run asked for may be asked for again.
    ///
    /// # Errors
    /// [`DriveError`]; what was finished is safe.
    pub fn run(
        &mut self,
        wanted: &dyn Fn(&Step) -> bool,
        launcher: &mut dyn Launch,
        progress: &mut dyn Progress,
    ) -> Result<Ended, DriveError> {
        let due = self.due(wanted);
        let ended = drive(&due, &mut self.store, launcher, progress)?;
        self.done.extend(due.iter().take(ended.done).map(key_of));
        Ok(ended)
    }

    /// All records so far.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn records(&self) -> Result<Vec<RunRecord>, FolderError> {
        records(&self.path)
    }

    /// The file of records.
    #[must_use]
    pub fn runs_file(&self) -> PathBuf {
        self.path.join(RUNS_FILE)
    }
}

fn records(path: &Path) -> Result<Vec<RunRecord>, FolderError> {
    let loaded = store::load(&path.join(RUNS_FILE))?;
    match loaded.bad.first() {
        None => Ok(loaded.records),
        Some(first) => Err(FolderError::Damaged { first: first.to_string(), count: loaded.bad.len() }),
    }
}
