//! A shared library that holds an allocator, loaded for good: an allocator, a thread or a lazily bound symbol of it
//! may be in use until the process ends, so it is never unloaded.
//!
//! Invariant: a [`Library`] speaks this program's version of `swiotlb_ext.h`, and has every function that it
//! requires.

use super::abi;
use super::ops::{Described, Ops, TableError, read};
use reports::record::PolicyName;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use swiotlb_core::policy::Reproduces;
use thiserror::Error;

/// The function that a library exports.
const GET: &str = "swiotlb_ext_get";
/// Digits of a file's SHA-256 that its label shows.
const DIGITS: usize = 12;

/// Why a library cannot be used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such file, or it cannot be read.
    #[error("{path}: cannot be read: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system's loader does not take it.
    #[error("{path}: cannot be loaded as a shared library: {source}", path = .path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        source: libloading::Error,
    },
    /// It is a library and exports no allocator.
    #[error("{path}: exports no function `{GET}`: {source}", path = .path.display())]
    Symbol {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        source: libloading::Error,
    },
    /// Its table is none that can be used.
    #[error("{path}: {source}", path = .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TableError,
    },
}

/// A loaded library.
pub struct Library {
    /// Where it came from.
    path: PathBuf,
    /// The start of its file's SHA-256.
    digest: String,
    /// What it calls itself.
    name: String,
    /// What it declares.
    reproduces: Reproduces,
    /// Its functions.
    pub(super) ops: Ops,
}

impl Library {
    /// Loads the library at `path`, an absolute path or one from the working directory. Its initialisers run.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let of = || path.to_owned();
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read { path: of(), source })?;
        let digest = digest(&bytes);
        // SAFETY: initialisers of a library run, which may do anything. The user named this file in order to run
        // its code in this process.
        let library = unsafe { libloading::Library::new(path) };
        let library = library.map_err(|source| LoadError::Load { path: of(), source })?;
        // SAFETY: that the symbol is a function of this type is what its name stands for: swiotlb_ext.h reserves
        // it. A library that exports something else by that name cannot be told.
        let get = unsafe { library.get::<abi::Get>(GET.as_bytes()) };
        let get = *get.map_err(|source| LoadError::Symbol { path: of(), source })?;
        // For good, so `get` and what it returns stay valid.
        std::mem::forget(library);
        // SAFETY: any number may be passed in, from any thread, by the header.
        let table = unsafe { get(abi::ABI) };
        // SAFETY: a table that the library returns keeps the header's promises about its size and its name.
        let described = unsafe { read(table) };
        let Described { ops, name, reproduces } =
            described.map_err(|source| LoadError::Table { path: of(), source })?;
        Ok(Self { path: of(), digest, name, reproduces, ops })
    }

    /// A table of this program's own, as if it came from a library. It keeps the header's promises.
    pub(super) fn built_in(name: &str, ops: Ops) -> Self {
        let reproduces = Reproduces::NOTHING;
        Self { path: PathBuf::new(), digest: String::new(), name: name.to_owned(), reproduces, ops }
    }

    /// What it declares to reproduce.
    pub fn reproduces(&self) -> Reproduces {
        self.reproduces
    }

    /// Where it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What records call it: its own name, and which build of it this is.
    pub fn policy_name(&self) -> PolicyName {
        let label = format!("external={} sha256={}", self.name, self.digest);
        let axes = [("external", &self.name), ("sha256", &self.digest)];
        PolicyName { label, axes: axes.map(|(axis, name)| (axis.to_owned(), name.clone())).into() }
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut text: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(DIGITS);
    text
}
