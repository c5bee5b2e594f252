//! `swiotlb-bench import criterion DIR`: another program's results as records of a new run.

use super::choice::twice;
use super::dma_map_benchmark::store;
use super::out::say;
use super::{Exit, Failure};
use crate::measure::plan::RUNS_FILE;
use reports::import::criterion;
use reports::text::visible;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What to import.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// criterion's results, one launch for each baseline.
    Criterion(Criterion),
}

#[derive(clap::Args)]
struct Criterion {
    /// criterion's folder, as `target/criterion`.
    folder: PathBuf,
    /// Baselines of the same code, one for each time that it was measured.
    #[arg(
        long = "baseline",
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "new",
        env = "SWIOTLB_BENCH_CRITERION_BASELINE"
    )]
    baselines: Vec<String>,
    /// Folder for the records (runs.jsonl), which may not hold any yet.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let What::Criterion(args) = &args.what;
    if let Some(name) = twice(args.baselines.iter().map(String::as_str)) {
        return Err(Failure::usage(format!(
            "baseline `{}` is named twice: each is one launch, and the same one again is none",
            visible(name)
        )));
    }
    let mut records = criterion::read(&args.folder, &args.baselines).map_err(Failure::error)?;
    let runs = args.out.join(RUNS_FILE);
    if std::fs::metadata(&runs).is_ok_and(|file| file.len() > 0) {
        return Err(Failure::error(format!("{}: holds records: choose another --out", runs.display())));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (path, mut store) = store(&args.out)?;
    for record in &mut records {
        record.started = now;
        store.append(record).map_err(Failure::error)?;
    }
    say(&format!("Records: {} in {}\n", records.len(), path.display()))?;
    Ok(Exit::Ok)
}
