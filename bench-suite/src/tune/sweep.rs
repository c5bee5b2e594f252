//! Every candidate against one load, in virtual time, on all of this machine's CPUs.
//!
//! Each candidate is played by itself on one thread, and results come in the candidates' order: how many threads
//! there are changes nothing of them.

use super::candidates::Candidate;
use super::simulate::{Simulated, simulate};
use crate::policies;
use crate::run::RunError;
use crate::run::ledger::Broken;
use rayon::prelude::*;
use swiotlb_core::error::InitError;
use thiserror::Error;
use workloads::demand::Load;

/// A candidate and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The candidate.
    pub candidate: Candidate,
    /// What came of it.
    pub result: Simulated,
}

/// Why a candidate could not be tried.
#[derive(Debug, Error)]
pub enum SweepError {
    /// Its policy does not exist or cannot be loaded.
    #[error("{0}")]
    Policy(String),
    /// Its allocator could not be set up or played.
    #[error("{candidate}: {source}")]
    Run {
        /// The candidate.
        candidate: String,
        /// Why.
        source: RunError,
    },
    /// Its allocator did what none may.
    #[error("{candidate}: {source}")]
    Broken {
        /// The candidate.
        candidate: String,
        /// What it did.
        source: Broken,
    },
}

impl SweepError {
    /// A geometry that is none.
    pub(super) fn refused(candidate: String, error: InitError) -> Self {
        Self::Run { candidate, source: error.into() }
    }
}

/// Plays `load` against every candidate.
///
/// # Errors
/// [`SweepError`] for the first candidate, in their order, that could not be tried.
pub fn sweep(candidates: &[Candidate], load: &Load<'_>) -> Result<Vec<Tried>, SweepError> {
    let all: Vec<_> = candidates.par_iter().map(|candidate| one(candidate, load)).collect();
    all.into_iter().collect()
}

/// Plays `load` against one candidate.
///
/// # Errors
/// [`SweepError`]
pub fn one(candidate: &Candidate, load: &Load<'_>) -> Result<Tried, SweepError> {
    let policy = policies::by_name(candidate.policy).map_err(SweepError::Policy)?;
    let result = simulate(candidate, policy, load)
        .map_err(|source| SweepError::Run { candidate: candidate.to_string(), source })?;
    match result.broken {
        Some(source) => Err(SweepError::Broken { candidate: candidate.to_string(), source }),
        None => Ok(Tried { candidate: candidate.clone(), result }),
    }
}
