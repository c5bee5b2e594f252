//! `replay`: a recorded trace against a policy.

use swiotlb_core::policy::Policy;
use thiserror::Error;

/// Why a replay could not be done.
#[derive(Debug, Error)]
pub enum ReplayError {}

/// What to replay.
pub struct ReplayJob<'a> {
    /// p
    pub path: &'a str,
}

/// Result.
pub struct Replayed {}

/// Runs.
///
/// # Errors
/// None.
pub fn run<P: Policy, C: Policy>(job: &ReplayJob<'_>) -> Result<Replayed, ReplayError> {
    let _ = job;
    Ok(Replayed {})
}
