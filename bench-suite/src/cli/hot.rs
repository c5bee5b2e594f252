//! `swiotlb-bench hot`: where the measured loops lie. Hidden: `ci/hot_paths.sh` asks.

use super::out::say;
use super::{Exit, Failure};
use crate::hot;

/// Nothing to choose.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<Exit, Failure> {
    say(&hot::loops())?;
    Ok(Exit::Ok)
}
