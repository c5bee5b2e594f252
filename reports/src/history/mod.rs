//! The history: runs night by night, each copied once, and the series that they make.
//!
//! | in the folder | what it is |
//! | --- | --- |
//! | `records/RUN.jsonl` | a run's records, copied as they were: the truth |
//! | `accepted.jsonl` | shifts that somebody accepted, with reasons: the truth too |
//! | `unfinished.json` | runs that were added before they were finished |
//! | `index.sqlite` | an index over both; may be removed at any time, and is made again |
//! | `lock` | keeps a second command out while one is at work |
//!
//! Invariant: whatever kills a command, the history can be read afterwards and holds every run that was
//! added before. A run is copied, synchronised, renamed into its place, and then put into the index in one
//! transaction; [`History::open`] brings the index in line with the copies and says what it did.
//!
//! Bottom to top: `error`, `folder` (files), `series` and `night` (a run becomes numbers), `index`, `accepted`,
//! [`shifts`], [`baseline`], and [`tables`] and [`export`] for people and for programs.

mod accepted;
pub mod baseline;
mod error;
pub mod export;
mod folder;
mod index;
mod night;
mod series;
pub mod shifts;
mod steps;
pub mod tables;
mod unfinished;

pub use accepted::Accepted;
pub use error::HistoryError;
use night::{CUT, ahead};
pub use night::{Night, Run};
pub use series::{Key, Number, Point, Series};
pub use unfinished::Unfinished;

use crate::units::plural;
use folder::{Copy, Folder, Purpose};
use index::{Found, Index};
use rayon::prelude::*;
use shifts::Shift;
use std::path::{Path, PathBuf};
use unfinished::Marks;

/// A history, open and locked until it is dropped.
#[derive(Debug)]
pub struct History {
    folder: Folder,
    index: Index,
    accepted: Vec<Accepted>,
    unfinished: Marks,
    /// What was mended when it was opened, and what could not be read.
    pub notes: Vec<String>,
}

/// What became of a run that was to be added.
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    /// It is there now.
    New(Night),
    /// Fewer of its records were there; now all are.
    Grown(Night),
    /// All its records were there before: nothing was changed.
    Already(Run),
}

/// A series with what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The series.
    pub series: Series,
    /// Its shifts, the oldest first.
    pub shifts: Vec<Shift>,
}

impl Judged {
    /// The newest shift that nobody has accepted.
    #[must_use]
    pub fn open(&self) -> Option<&Shift> {
        self.shifts.iter().rev().find(|shift| shift.is_open())
    }
}

impl History {
    /// Opens the history in `folder`, and waits for a command that is at work there.
    ///
    /// # Errors
    /// [`HistoryError`], [`HistoryError::None`] where there is none.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        Self::in_folder(Folder::open(folder, Purpose::Change)?)
    }

    /// The same to read it only: where this user may not write there, without the lock, and nothing there is changed.
    ///
    /// # Errors
    /// As [`History::open`].
    pub fn read(folder: &Path) -> Result<Self, HistoryError> {
        Self::in_folder(Folder::open(folder, Purpose::Read)?)
    }

    /// The same, and makes an empty history where there is none.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn create(folder: &Path) -> Result<Self, HistoryError> {
        Self::in_folder(Folder::open(folder, Purpose::Make)?)
    }

    fn in_folder(folder: Folder) -> Result<Self, HistoryError> {
        let path = folder.index();
        let may_write = folder.is_locked();
        let opened = if may_write { Index::open(&path) } else { Index::copied(&path) };
        let (index, found) = opened.map_err(in_index(&path))?;
        let (accepted, cut) = accepted::load(&folder.accepted())?;
        let unfinished = unfinished::load(&folder.unfinished())?;
        let mut history = Self { folder, index, accepted, unfinished, notes: cut.into_iter().collect() };
        let copies = history.folder.copies()?.len();
        let made = if may_write { "made again" } else { "made again in memory" };
        let of = plural(copies as u64, "run");
        match &found {
            Found::Missing if copies > 0 => {
                history.notes.push(format!("{}: missing, {made} of {copies} {of}", path.display()));
            }
            Found::Unusable(why) => {
                history.notes.push(format!("{}: {why}: {made} of {copies} {of}", path.display()));
            }
            Found::Missing | Found::Whole => {}
        }
        history.synchronise(found == Found::Whole)?;
        for run in history.runs()? {
            if let Some(ahead) = ahead(&run) {
                let copy = format!("records/{}.jsonl", run.name);
                history.notes.push(format!("{ahead}: it counts as the newest run: remove {copy}"));
            }
        }
        Ok(history)
    }

    /// Brings the index in line with the copies; with `tell`, says what that took.
    fn synchronise(&mut self, tell: bool) -> Result<(), HistoryError> {
        let path = self.folder.index();
        let (copies, looks) = (self.folder.copies()?, self.index.looks().map_err(in_index(&path))?);
        for name in looks.keys().filter(|name| !copies.contains_key(*name)) {
            self.index.remove(name).map_err(in_index(&path))?;
            self.notes.push(format!("{name}: its records are gone, and it from the index"));
        }
        for (name, copy) in copies.iter().filter(|(name, copy)| looks.get(*name) != Some(&copy.look)) {
            match self.index_copy(name, copy) {
                Ok(true) if tell => {
                    self.notes.push(format!("{name}: its records were not in the index; now they are"));
                }
                Ok(_) => {}
                Err(error @ HistoryError::Index { .. }) if !error.is_of_one_run() => return Err(error),
                Err(error) => self.notes.push(format!("left out: {error}")),
            }
        }
        Ok(())
    }

    /// Puts a copy into the index; whether it holds records that the index had not. One that lacks records which the index
    /// knows was damaged or changed, and is refused.
    fn index_copy(&mut self, name: &str, copy: &Copy) -> Result<bool, HistoryError> {
        let text = folder::read(&copy.path)?;
        let bytes = text.len();
        let night = Night::read(&copy.path, text)?;
        if night.run.name != name {
            let why = format!("its records are those of {}: it was renamed or changed", night.run.name);
            return Err(HistoryError::Refused { path: copy.path.clone(), why });
        }
        let known = self.index.hashes(name).map_err(in_index(&self.folder.index()))?;
        let kept = night.hashes.iter().filter(|hash| known.contains(*hash)).count();
        if kept < known.len() {
            let (gone, of) = (known.len() - kept, known.len());
            let what = plural(of as u64, "record");
            let why = format!(
                "lacks {gone} of the {of} {what} that it was added with (removed or changed), and its numbers stay as they were: \
                 put the copy back, by hand or by `history add` of the run that it was made of; without index.sqlite it is taken \
                 as it is"
            );
            return Err(HistoryError::Refused { path: copy.path.clone(), why });
        }
        // Copies are whole lines.
        if night.text.len() < bytes {
            self.notes.extend(night.notes.iter().filter(|note| note.contains(CUT)).cloned());
        }
        self.put(&night, copy)?;
        Ok(night.hashes.len() > known.len())
    }

    fn put(&mut self, night: &Night, copy: &Copy) -> Result<(), HistoryError> {
        self.is_new(night, &copy.path)?;
        self.index.put(night, copy).map_err(in_index(&self.folder.index()))
    }

    /// Whether another command is at work on the history at `path`, so that opening it waits: for whoever wants to say so.
    #[must_use]
    pub fn is_busy(path: &Path) -> bool {
        Folder::is_busy(path)
    }

    /// Whether no other run has one of the records.
    fn is_new(&self, night: &Night, path: &Path) -> Result<(), HistoryError> {
        let holder = self.index.holder(night).map_err(in_index(&self.folder.index()))?;
        holder.map_or(Ok(()), |(line, run)| Err(HistoryError::Twice { path: path.to_owned(), line, run }))
    }

    /// Adds the run at `path`: a file of records, or a folder that holds one, plain or compressed. A run that
    /// was added before it ended may be added again once it has grown.
    ///
    /// # Errors
    /// [`HistoryError`]; the history is then as it was.
    pub fn add(&mut self, path: &Path) -> Result<Added, HistoryError> {
        self.add_part(path, None)
    }

    /// The same with what the run lacks, where that is known: one that is not finished is marked, and is no baseline.
    ///
    /// # Errors
    /// As [`History::add`].
    pub fn add_part(&mut self, path: &Path, left: Option<Unfinished>) -> Result<Added, HistoryError> {
        let file = folder::runs_file(path)?;
        let mut night = Night::read(&file, folder::read(&file)?)?;
        let kept = self.folder.copies()?.remove(&night.run.name);
        if let Some(kept) = &kept {
            let text = Night::read(&kept.path, folder::read(&kept.path)?)?.text;
            if text.starts_with(&night.text) {
                // Less of a run than is there says nothing of what is there.
                self.mark(&night.run.name, left.filter(|_| text == night.text))?;
                return Ok(Added::Already(night.run));
            }
            if !night.text.starts_with(&text) {
                let (run, kept) = (night.run.name, kept.path.clone());
                return Err(HistoryError::Changed { path: file, run, kept });
            }
        }
        self.is_new(&night, &file)?;
        if let Some(ahead) = ahead(&night.run) {
            let why = format!("{ahead}: it would stay the newest run: mend the clock and measure again");
            return Err(HistoryError::Refused { path: file, why });
        }
        let newest = self.runs()?.pop().filter(|newest| newest.name > night.run.name);
        night.notes.extend(newest.map(|newest| {
            format!(
                "{}: older than the newest run {}, which stays the newest: runs are in the order of their clocks",
                night.run.name, newest.name
            )
        }));
        self.mark(&night.run.name, left.filter(|left| left.missing > 0))?;
        let copy = self.folder.keep(&night.run.name, &night.text)?;
        self.index.put(&night, &copy).map_err(in_index(&self.folder.index()))?;
        self.mark(&night.run.name, left)?;
        Ok(if kept.is_some() { Added::Grown(night) } else { Added::New(night) })
    }

    /// Marks a run as finished or not, where that is known.
    fn mark(&mut self, name: &str, left: Option<Unfinished>) -> Result<(), HistoryError> {
        let marked = left.and_then(|left| unfinished::marked(&self.unfinished, name, left));
        if let Some(marks) = marked {
            unfinished::save(&self.folder.unfinished(), &marks)?;
            self.unfinished = marks;
        }
        Ok(())
    }

    /// All runs, the oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Index`].
    pub fn runs(&self) -> Result<Vec<Run>, HistoryError> {
        let mut runs = self.index.runs().map_err(in_index(&self.folder.index()))?;
        runs.iter_mut().for_each(|run| run.unfinished = self.unfinished.get(&run.name).copied());
        Ok(runs)
    }

    /// The file that holds a run's records.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn records_of(&self, run: &str) -> Result<Option<PathBuf>, HistoryError> {
        Ok(self.folder.copies()?.remove(run).map(|copy| copy.path))
    }

    /// The series that `wanted` chooses, in the order of their keys, each with its shifts.
    ///
    /// # Errors
    /// [`HistoryError::Index`].
    pub fn judged(&self, wanted: &dyn Fn(&Key) -> bool) -> Result<Vec<Judged>, HistoryError> {
        let series = self.index.series(wanted).map_err(in_index(&self.folder.index()))?;
        let accepted = &self.accepted;
        let judge = |series: Series| Judged { shifts: shifts::of(&series, accepted), series };
        Ok(series.into_par_iter().map(judge).collect())
    }

    /// The series that one of the runs has part in and that have an open shift.
    ///
    /// # Errors
    /// [`HistoryError::Index`].
    pub fn alerts(&self, runs: &[&str]) -> Result<Vec<Judged>, HistoryError> {
        let has_part = |judged: &Judged| judged.series.points.iter().any(|p| runs.contains(&p.run.as_str()));
        let all = self.judged(&|_| true)?;
        Ok(all.into_iter().filter(|judged| has_part(judged) && judged.open().is_some()).collect())
    }

    /// Accepts the newest open shift of every series that `wanted` chooses, and all before it; says which.
    ///
    /// # Errors
    /// [`HistoryError`]; [`HistoryError::Acceptance`] for a reason that says nothing.
    pub fn accept(
        &mut self,
        wanted: &dyn Fn(&Key) -> bool,
        (reason, by, at): (&str, &str, u64),
    ) -> Result<Vec<Judged>, HistoryError> {
        if reason.trim().is_empty() {
            return Err(HistoryError::Acceptance(
                "the reason is empty: say why the shift is right".to_owned(),
            ));
        }
        let open: Vec<Judged> = self.judged(wanted)?.into_iter().filter(|j| j.open().is_some()).collect();
        let accepted = |judged: &Judged| {
            let (key, run) = (judged.series.key.clone(), judged.open()?.run.clone());
            Some(Accepted { key, run, reason: reason.to_owned(), by: by.to_owned(), at })
        };
        let new: Vec<Accepted> = open.iter().filter_map(accepted).collect();
        if !new.is_empty() {
            accepted::add(&self.folder.accepted(), &new)?;
            self.accepted.extend(new);
        }
        Ok(open)
    }
}

fn in_index(path: &Path) -> impl FnOnce(rusqlite::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::Index { path, source }
}

#[cfg(test)]
mod copies_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod readers_tests;
#[cfg(test)]
mod tests;
