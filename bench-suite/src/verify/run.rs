//! A whole verification: every file against every policy, on as many threads as there are cores.
//!
//! Invariant: results come in the order of policies and of files, whatever finished first.

use super::ground::Ground;
use super::{FileError, FileResult, Mismatch, run_file};
use crate::policies::Entry;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::path::{Path, PathBuf};
use std::thread;

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

/// One policy, by its place, and one file.
type Job<'a> = (usize, &'a Path);
/// Jobs by their place, with what became of them.
type Done = Vec<(usize, Result<FileResult, FileError>)>;

/// Runs every file against every policy: one result for each policy, in their order.
pub fn run(policies: &[&Entry], files: &[PathBuf]) -> Vec<PolicyResult> {
    let of_policy = |p| files.iter().map(move |file| (p, file.as_path()));
    let jobs: Vec<Job<'_>> = (0..policies.len()).flat_map(of_policy).collect();
    let mut results: Vec<PolicyResult> = policies.iter().map(|_| PolicyResult::default()).collect();
    for (job, result) in all_done(policies, &jobs) {
        results[jobs[job].0].add(result);
    }
    results
}

/// Does the jobs on several threads; sorted.
fn all_done(policies: &[&Entry], jobs: &[Job<'_>]) -> Done {
    let next = AtomicUsize::new(0);
    let others = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS) - 1;
    let mut done = thread::scope(|scope| {
        // A thread that the system does not give is done without: this one does what is left.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, || work(policies, jobs, &next)).ok();
        let others: Vec<_> = (0..others).filter_map(spawn).collect();
        let mut done = work(policies, jobs, &next);
        for other in others {
            // A panic goes on where it can be seen.
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|&(job, _)| job);
    done
}

/// Takes one job after another while there are any.
fn work(policies: &[&Entry], jobs: &[Job<'_>], next: &AtomicUsize) -> Done {
    let mut ground = Ground::default();
    let mut done = Done::new();
    loop {
        // Relaxed: hands out numbers; the scope's join publishes the results.
        let job = next.fetch_add(1, Ordering::Relaxed);
        let Some(&(policy, file)) = jobs.get(job) else { return done };
        let policy = &policies[policy];
        done.push((job, run_file(policy.build, policy.reproduces, &mut ground, file)));
    }
}
