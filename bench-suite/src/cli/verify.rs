//! `swiotlb-bench verify PATH…`.

use super::{Exit, Failure};
use crate::policies;
use std::path::PathBuf;

/// What to verify.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Golden vectors: files or folders, `.jsonl` or `.jsonl.gz`.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Policies to check; every one that claims the kernel's placement if none is given.
    #[arg(long = "policy")]
    policies: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let _ = policies::chosen(&args.policies).map_err(Failure::usage)?;
    let _ = &args.paths;
    Err(Failure::error("not built yet"))
}
