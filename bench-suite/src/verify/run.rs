//! A whole verification: every file against every policy, on as many threads as there are cores.
//!
//! Invariant: results come in the order of policies and of files, whatever finished first.

use super::{FileError, FileResult, Mismatch};
use crate::policies::Entry;
use rayon::prelude::*;
use std::path::PathBuf;
use std::thread::available_parallelism;

/// Most threads: each may hold a machine as large as [`super::limits`] allow.
const MAX_THREADS: usize = 4;

/// What became of one policy.
#[derive(Debug, Default)]
pub struct PolicyResult {
    /// Files judged, those that were left at a mismatch included.
    pub files: u64,
    /// Operations run in them.
    pub operations: u64,
    /// Operations that could not be compared, see [`FileResult::not_comparable`].
    pub not_comparable: u64,
    /// The first mismatch of every file that has one, in the order of the files.
    pub mismatches: Vec<Mismatch>,
    /// Why files could not be judged, in their order.
    pub errors: Vec<FileError>,
}

impl PolicyResult {
    fn add(&mut self, result: Result<FileResult, FileError>) {
        match result {
            Ok(file) => {
                self.files += 1;
                self.operations += file.operations;
                self.not_comparable += file.not_comparable;
                self.mismatches.extend(file.mismatch);
            }
            Err(error) => self.errors.push(error),
        }
    }
}

/// Runs every file against every policy: one result for each policy, in their order.
///
/// # Errors
/// The system gives no threads.
pub fn run(policies: &[Entry], files: &[PathBuf]) -> Result<Vec<PolicyResult>, rayon::ThreadPoolBuildError> {
    let threads = available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let jobs: Vec<_> = (0..policies.len()).flat_map(|p| files.iter().map(move |file| (p, file))).collect();
    let done: Vec<_> = pool.install(|| {
        let each = jobs.par_iter().with_max_len(1);
        each.map(|&(p, file)| (p, (policies[p].verify)(file))).collect()
    });
    let mut results: Vec<PolicyResult> = policies.iter().map(|_| PolicyResult::default()).collect();
    for (p, result) in done {
        results[p].add(result);
    }
    Ok(results)
}
