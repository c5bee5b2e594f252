//! `swiotlb-bench replay TRACE…`.

use super::{Exit, Failure};
use std::path::PathBuf;

/// What to replay.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Traces: JSON Lines or raw ftrace text, gzip or plain.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let _ = &args.traces;
    Err(Failure::error("not built yet"))
}
