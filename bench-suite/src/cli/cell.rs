//! `swiotlb-bench cell`: one cell in this process. Hidden: `measure` and `ab` call it.

use super::out::say;
use super::{Exit, Failure};
use crate::cell::{self, CellSpec};
use std::io::Read;

/// The largest specification, bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Nothing to choose.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<Exit, Failure> {
    // Whoever started this process waits for it: without them there is nobody to keep the record.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::error(format!("standard input: {error}")))?;
    let spec: CellSpec = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("standard input is no cell: {error}")))?;
    #[cfg(target_os = "linux")]
    cell::own_pages::put_in_place();
    let record = cell::run(&spec);
    let line =
        serde_json::to_string(&record).map_err(|error| Failure::error(format!("the record: {error}")))?;
    say(&format!("{line}\n"))?;
    Ok(Exit::Ok)
}
