//! `swiotlb-bench cmp OLD NEW`: two stored runs side by side.

use super::markdown::Summary;
use super::out::say;
use super::{Exit, Failure};
use crate::measure::stored::StoredRun;
use crate::measure::unpaired::{Slices, compare, keys, table};
use std::path::PathBuf;
use workloads::suite::error::unknown;
use workloads::suite::filter::Filter;

/// What to compare.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The older run: a file of records, or a folder that holds `runs.jsonl`, plain or compressed with gzip.
    old: PathBuf,
    /// The newer one.
    new: PathBuf,
    /// The metric that is compared.
    #[arg(long, value_name = "NAME", default_value = "ns_per_op", env = "SWIOTLB_BENCH_METRIC")]
    metric: String,
    /// Parameters that rows begin with and are ordered by.
    #[arg(long = "row", value_name = "KEY", env = "SWIOTLB_BENCH_ROW", value_delimiter = ',')]
    rows: Vec<String>,
    /// A parameter that is spread over columns.
    #[arg(long = "col", value_name = "KEY", env = "SWIOTLB_BENCH_COL")]
    column: Option<String>,
    /// Only these cells, as in `policy=lock-*,pools>=64`.
    #[arg(long, value_name = "EXPR", default_value = "", env = "SWIOTLB_BENCH_FILTER")]
    filter: String,
    #[command(flatten)]
    summary: Summary,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let read = |path| StoredRun::read(path).map_err(Failure::error);
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let filter = Filter::parse(&args.filter).map_err(|e| Failure::usage(format!("--filter: {e}")))?;
    let known = keys([&old, &new]);
    let asked = args.rows.iter().chain(&args.column).map(String::as_str).chain(filter.keys());
    for key in asked {
        if !known.contains(key) {
            return Err(Failure::usage(unknown("parameter", key, known.iter().map(String::as_str))));
        }
    }
    let found = compare(&old, &new, &args.metric, &filter);
    if found.cells.is_empty() && found.notes.is_empty() {
        return Err(Failure::usage("no cell is left: the filter excludes them all"));
    }
    if !found.cells.is_empty() && !found.has_numbers() {
        return Err(Failure::usage(format!("--metric {}: no launch has it", args.metric)));
    }
    let slices = Slices { rows: args.rows.clone(), column: args.column.clone() };
    let title = format!("{}: {} against {}", args.metric, args.new.display(), args.old.display());
    let table = table(title, &found, &slices);
    say(&reports::terminal::render(&table))?;
    args.summary.write(std::slice::from_ref(&table))?;
    Ok(Exit::Ok)
}
