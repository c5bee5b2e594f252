//! `swiotlb-bench cell`: one cell in this process. Hidden: `measure`, `ab` and `gate` call it.

use super::out::say;
use super::{Exit, Failure};
use crate::cell::{self, CellSpec, counting};
use std::io::Read;

/// The largest specification, bytes.
const MOST_BYTES: u64 = 1 << 20;

/// How much of it.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Only run so many batches of the cell's operations where a tool that counts instructions looks for them, and say
    /// how many operations a batch has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batches: Option<u32>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    // Whoever started this process waits for it: without them there is nobody to keep the record.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::error(format!("standard input: {error}")))?;
    let spec: CellSpec = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("standard input is no cell: {error}")))?;
    if let Some(batches) = args.batches {
        let ops = counting::bare(&spec, batches as usize).map_err(Failure::error)?;
        say(&format!("{ops}\n"))?;
        return Ok(Exit::Ok);
    }
    #[cfg(target_os = "linux")]
    cell::own_pages::put_in_place();
    let record = cell::run(&spec);
    let line =
        serde_json::to_string(&record).map_err(|error| Failure::error(format!("the record: {error}")))?;
    say(&format!("{line}\n"))?;
    Ok(Exit::Ok)
}
