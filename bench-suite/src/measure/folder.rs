//! The folder of a run: its plan, its records, and the lock that keeps a second run out.

use super::drive::{DriveError, Ended, Progress, drive};
use super::launch::Launch;
use super::made::{Made, mixed};
use super::plan::{Key, PLAN_FILE, PlanError, RUNS_FILE, RunPlan, Step, done, key_of};
use crate::cell::CellSpec;
use reports::compressed;
use reports::record::RunRecord;
use reports::store::{self, Repair, Store, StoreError};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use thiserror::Error;
use workloads::suite::Mode;

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
    /// There is no such folder.
    #[error("{path}: there is no such folder, and no run to resume: --out names the one of a run", path = .0.display())]
    Nowhere(PathBuf),
    /// There is one in it, and its plan is gone.
    #[error("{path}: {PLAN_FILE} is missing, so that nobody knows what is left to run; its records are in {runs}: put the plan back, or choose another --out", path = .path.display(), runs = .runs.display())]
    NoPlan {
        /// The folder.
        path: PathBuf,
        /// Its records.
        runs: PathBuf,
    },
    /// There is another one in it.
    #[error("{path} holds another run (other suites, sides, seed or rules): go on with the command that began it (commands.txt in the folder has it), or choose another --out", path = .0.display())]
    Other(PathBuf),
    /// There is one in it that differs in something that is known.
    #[error("{path} holds {how}: go on with the command that began it (commands.txt in the folder has it), or choose another --out", path = .path.display())]
    Differs {
        /// The folder.
        path: PathBuf,
        /// What it holds, and what was asked for.
        how: String,
    },
    /// It was begun elsewhere.
    #[error("{path} holds {how}: it goes on where and with what it began; choose another --out", path = .path.display())]
    Elsewhere {
        /// The folder.
        path: PathBuf,
        /// In what that differs.
        how: String,
    },
    /// Its records are not of one machine and one build.
    #[error("{path} holds {what}: nothing is added to them, and no verdict comes of them; choose another --out", path = .path.display())]
    Mixed {
        /// The folder.
        path: PathBuf,
        /// Which, in words.
        what: String,
    },
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
        let new = !path.exists();
        std::fs::create_dir_all(path)
            .map_err(|source| FolderError::Make { path: path.to_owned(), source })?;
        let (store, repair) = Store::open(&path.join(RUNS_FILE))?;
        let used = RunPlan::load(path)?.is_some() || !records(path)?.is_empty();
        if used {
            return Err(FolderError::Taken(path.to_owned()));
        }
        if let Err(error) = plan.save(path) {
            undo(path, new);
            return Err(error.into());
        }
        Ok(Self { path: path.to_owned(), store, plan, done: HashSet::new(), repair })
    }

    /// Goes on with the run in `path`; with `same`, only if it is that run.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn resume(path: &Path, same: impl FnOnce(&RunPlan) -> bool) -> Result<Self, FolderError> {
        let found = Self::opened(path)?;
        if same(&found.plan) { Ok(found) } else { Err(FolderError::Other(path.to_owned())) }
    }

    /// Goes on with the run in `path` if `wanted` is its plan.
    ///
    /// # Errors
    /// [`FolderError`]; [`FolderError::Differs`] says in what the plans differ.
    pub fn resume_as(path: &Path, wanted: &RunPlan) -> Result<Self, FolderError> {
        let found = Self::opened(path)?;
        is_the_same(path, &found.plan, wanted).map(|()| found)
    }

    /// What a run in `path` is, and what of it is left, without a change to anything there.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn look(path: &Path) -> Result<(RunPlan, Vec<CellSpec>), FolderError> {
        let plan = RunPlan::load(path)?.ok_or_else(|| without_plan(path))?;
        let runs = store::file_of(path);
        // A cut last line is what resuming would mend.
        let kept = if runs.exists() { store::load(&runs)?.records } else { Vec::new() };
        let (done, steps) = (done(&kept), plan.steps.iter());
        let due = steps.filter_map(|step| plan.spec(step)).filter(|spec| !done.contains(&key_of(spec)));
        let due = due.collect();
        Ok((plan, due))
    }

    fn opened(path: &Path) -> Result<Self, FolderError> {
        if !compressed::find(&path.join(PLAN_FILE)).exists() {
            return Err(without_plan(path));
        }
        let (store, repair) = Store::open(&path.join(RUNS_FILE))?;
        let plan = RunPlan::load(path)?.ok_or_else(|| without_plan(path))?;
        let differs = plan.made.as_ref().and_then(|made| made.difference(&Made::here()));
        if let Some(how) = differs {
            return Err(FolderError::Elsewhere { path: path.to_owned(), how });
        }
        let kept = records(path)?;
        // Each program of a side that has several may be of a revision of its own: the table names them.
        if let Some(what) = mixed(&kept).filter(|_| plan.builds.is_none()) {
            return Err(FolderError::Mixed { path: path.to_owned(), what });
        }
        let done = done(&kept);
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

/// Why there is nothing to resume in a folder without a plan.
fn without_plan(path: &Path) -> FolderError {
    let (path, runs) = (path.to_owned(), compressed::find(&path.join(RUNS_FILE)));
    if runs.metadata().is_ok_and(|file| file.len() > 0) {
        FolderError::NoPlan { path, runs }
    } else if path.exists() {
        FolderError::Empty(path)
    } else {
        FolderError::Nowhere(path)
    }
}

/// Whether the plan found in `path` is the one that is wanted.
///
/// # Errors
/// [`FolderError::Differs`].
pub fn is_the_same(path: &Path, found: &RunPlan, wanted: &RunPlan) -> Result<(), FolderError> {
    let path = path.to_owned();
    if let Some(how) = found.made.as_ref().zip(wanted.made.as_ref()).and_then(|(f, w)| f.difference(w)) {
        return Err(FolderError::Elsewhere { path, how });
    }
    difference(found, wanted).map_or(Ok(()), |how| Err(FolderError::Differs { path, how }))
}

/// In what two plans differ, the plainest difference first: the seed and the mode decide everything else.
fn difference(found: &RunPlan, wanted: &RunPlan) -> Option<String> {
    // Plans that were made before they said so are of this machine and program as far as anybody knows.
    let found = &RunPlan { made: wanted.made.clone(), ..found.clone() };
    let mode = |plan: &RunPlan| if plan.mode == Mode::Quick { "quick" } else { "full" };
    Some(if found == wanted {
        return None;
    } else if found.mode != wanted.mode {
        format!("a {} run and a {} one is asked for", mode(found), mode(wanted))
    } else if found.seed != wanted.seed {
        format!("a run with seed {} and --seed {} is asked for", found.seed, wanted.seed)
    } else if found.suites != wanted.suites {
        "a run of other suites, or of suites that have changed since".to_owned()
    } else if found.cells != wanted.cells {
        "a run of other cells or policies".to_owned()
    } else {
        "a run with another number of launches, or of another comparison".to_owned()
    })
}

/// Removes what a run that could not begin has left: no records yet, and a draft of its plan. Best effort: the
/// error that matters is the one that ended it.
fn undo(path: &Path, new: bool) {
    let _ = std::fs::remove_file(path.join("plan.json.new"));
    let runs = path.join(RUNS_FILE);
    if std::fs::metadata(&runs).is_ok_and(|file| file.len() == 0) {
        let _ = std::fs::remove_file(runs);
    }
    if new {
        // Only where nothing else is in it.
        let _ = std::fs::remove_dir(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_plan_says_what_it_holds() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let says = |path: &Path, what: &str| {
            let said = [Folder::look(path).err(), Folder::resume(path, |_| true).err()];
            for said in said.map(|error| error.map(|error| error.to_string()).unwrap_or_default()) {
                assert!(said.contains(what), "{said}");
            }
        };
        says(folder.path(), "holds no run to resume");
        says(&folder.path().join("none"), "none: there is no such folder");
        std::fs::write(folder.path().join(RUNS_FILE), "{}\n").unwrap_or_else(|error| panic!("{error}"));
        says(folder.path(), "plan.json is missing");
        says(folder.path(), "its records are in ");
    }

    #[test]
    fn plans_differ_in_what_decides_the_rest() {
        let plan = |seed, mode| RunPlan::rounds(Vec::new(), seed, mode);
        let how = |wanted: &RunPlan| difference(&plan(1, Mode::Full), wanted);
        assert_eq!(how(&plan(1, Mode::Full)), None);
        assert_eq!(how(&plan(2, Mode::Full)).as_deref(), Some("a run with seed 1 and --seed 2 is asked for"));
        assert_eq!(how(&plan(2, Mode::Quick)).as_deref(), Some("a full run and a quick one is asked for"));
        let of = |made| RunPlan { made, ..plan(1, Mode::Full) };
        let here = Made::here();
        let same = |found, wanted| is_the_same(Path::new("r"), &of(found), &of(wanted));
        assert!(same(None, Some(here.clone())).is_ok());
        let other = Made { program: Some("0".into()), ..here.clone() };
        let says = same(Some(other), Some(here)).map_or_else(|error| error.to_string(), |()| String::new());
        let begins = "r holds a run of another build of this program (SHA-256 0, and this is ";
        assert!(says.starts_with(begins) && says.ends_with("choose another --out"), "{says}");
    }
}
