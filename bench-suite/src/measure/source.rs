//! Where the source of a build lies: this checkout, or the files of a revision, put into a folder of their own.
//!
//! Invariant: neither the checkout nor its repository is written to. A revision's files are taken out with an
//! index of their own.

use super::cache::{lock, touch};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// What a checkout of this project has at its root.
const MARK: &str = "bench-suite/Cargo.toml";
/// How much of a commit's name folders and records carry.
const DIGITS: usize = 12;
/// Set where a revision's files are whole.
const COMPLETE: &str = "complete";

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its root folder.
    pub root: PathBuf,
    /// The commit that it is, twelve digits; nothing for a checkout, whose files may be edited.
    pub revision: Option<String>,
}

/// Why there is no source.
#[derive(Debug, Error)]
pub enum SourceError {
    /// No checkout.
    #[error("no source: neither {start} nor a folder above it is a checkout of this project; run this inside one, or compare programs (build:PATH)", start = .0.display())]
    NoCheckout(PathBuf),
    /// Not a revision.
    #[error("{0}: no revision of the repository in {root}", root = .1.display())]
    NoRevision(String, PathBuf),
    /// A revision of something else, or from before there was a program to build.
    #[error("{0}: that revision has no {MARK}: there is nothing to build in it")]
    Foreign(String),
    /// git.
    #[error("git {what}: {why}")]
    Git {
        /// What was asked of it.
        what: String,
        /// What it said.
        why: String,
    },
    /// A folder.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl Source {
    /// The checkout that `start` lies in, as its files are.
    ///
    /// # Errors
    /// [`SourceError::NoCheckout`].
    pub fn checkout(start: &Path) -> Result<Self, SourceError> {
        let root = start.ancestors().find(|folder| folder.join(MARK).exists());
        let root = root.ok_or_else(|| SourceError::NoCheckout(start.to_owned()))?;
        Ok(Self { root: root.to_owned(), revision: None })
    }

    /// The commit that `rev` names in this checkout's repository, if there is something to build in it.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn commit(&self, rev: &str) -> Result<String, SourceError> {
        let named = format!("{rev}^{{commit}}");
        // The end of options: what a user writes as a revision is never an option.
        let commit = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &named], None);
        let commit = commit.map_err(|error| match error {
            SourceError::Git { why, .. } if why.is_empty() => {
                SourceError::NoRevision(rev.to_owned(), self.root.clone())
            }
            other => other,
        })?;
        if self.git(&["cat-file", "-e", &format!("{commit}:{MARK}")], None).is_err() {
            return Err(SourceError::Foreign(rev.to_owned()));
        }
        Ok(commit)
    }

    /// The files of the revision `rev` of this checkout's repository, below `cache`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn at(&self, rev: &str, cache: &Path) -> Result<Self, SourceError> {
        let commit = self.commit(rev)?;
        let short = commit.get(..DIGITS).unwrap_or(&commit).to_owned();
        let folder = cache.join(format!("source-{short}"));
        let found = Self { root: folder.join("files"), revision: Some(short) };
        let fail = |source| SourceError::Io { path: cache.to_owned(), source };
        std::fs::create_dir_all(cache).map_err(fail)?;
        let _held = lock(cache).map_err(fail)?;
        if !folder.join(COMPLETE).exists() {
            self.take_out(&commit, &folder)?;
        }
        touch(&folder).map_err(fail)?;
        Ok(found)
    }

    /// Writes a commit's files into `folder`; what an interrupted attempt left is overwritten.
    fn take_out(&self, commit: &str, folder: &Path) -> Result<(), SourceError> {
        let fail = |source| SourceError::Io { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder.join("files")).map_err(fail)?;
        let folder = folder.canonicalize().map_err(fail)?;
        let index = folder.join("index");
        // What git locked when it was interrupted; nobody else is at work here.
        for left in [index.clone(), folder.join("index.lock")] {
            match std::fs::remove_file(&left) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(fail(error)),
                _ => {}
            }
        }
        self.git(&["read-tree", commit], Some(&index))?;
        let prefix = format!("--prefix={}/files/", folder.display());
        self.git(&["checkout-index", "--all", "--force", &prefix], Some(&index))?;
        std::fs::write(folder.join(COMPLETE), commit).map_err(fail)
    }

    fn git(&self, arguments: &[&str], index: Option<&Path>) -> Result<String, SourceError> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.root).args(arguments);
        index.iter().for_each(|path| {
            command.env("GIT_INDEX_FILE", path);
        });
        let failed = |why: String| SourceError::Git { what: arguments.join(" "), why };
        let done = command.output().map_err(|error| failed(format!("cannot be run: {error}")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(failed(text(&done.stderr))) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    /// A repository with two commits of a project like this one; `tag` names the first.
    fn repository(folder: &Path) -> Source {
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
            let done = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output();
            assert!(done.unwrap().status.success(), "{arguments:?}");
        };
        git(&["init", "--quiet"]);
        std::fs::write(folder.join("README"), "nothing to build").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "empty"]);
        git(&["tag", "empty"]);
        std::fs::create_dir(folder.join("bench-suite")).unwrap();
        std::fs::write(folder.join(MARK), "one").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "one"]);
        git(&["tag", "one"]);
        std::fs::write(folder.join(MARK), "edited").unwrap();
        Source::checkout(folder).unwrap()
    }

    #[test]
    fn a_revision_s_files_are_taken_out_and_the_checkout_stays() {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let checkout = repository(folder.path());
        assert_eq!(checkout.revision, None);
        assert_eq!(Source::checkout(&folder.path().join("bench-suite")).unwrap(), checkout);
        let one = checkout.at("one", cache.path()).unwrap();
        assert_eq!(std::fs::read_to_string(one.root.join(MARK)).unwrap(), "one");
        assert_eq!(one.revision.as_ref().map(String::len), Some(DIGITS));
        assert_eq!(std::fs::read_to_string(folder.path().join(MARK)).unwrap(), "edited");
        // A second time nothing is taken out.
        std::fs::write(one.root.join(MARK), "kept").unwrap();
        assert_eq!(checkout.at("HEAD", cache.path()).unwrap(), one);
        assert_eq!(std::fs::read_to_string(one.root.join(MARK)).unwrap(), "kept");
    }

    #[test]
    fn what_an_interrupted_attempt_left_does_no_harm() {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let checkout = repository(folder.path());
        let one = checkout.at("one", cache.path()).unwrap();
        let place = one.root.parent().unwrap();
        std::fs::remove_file(place.join(COMPLETE)).unwrap();
        std::fs::write(place.join("index.lock"), "").unwrap();
        std::fs::write(place.join("index"), "half").unwrap();
        assert_eq!(checkout.at("one", cache.path()).unwrap(), one);
    }

    #[test]
    fn what_cannot_be_built_is_told() {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let checkout = repository(folder.path());
        let says = |rev: &str, what: &str| {
            let error = checkout.at(rev, cache.path()).unwrap_err().to_string();
            assert!(error.contains(what), "{rev}: {error}");
        };
        says("nowhere", "nowhere: no revision");
        says("--help", "--help: no revision");
        says("empty", "has no bench-suite/Cargo.toml");
        let error = Source::checkout(cache.path()).unwrap_err().to_string();
        assert!(error.contains("run this inside one"), "{error}");
    }
}
