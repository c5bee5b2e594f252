//! `swiotlb-bench cmp OLD NEW`: two stored runs side by side.

use super::markdown::Summary;
use super::out::say;
use super::{Exit, Failure, complain};
use crate::measure::stored::StoredRun;
use crate::measure::unpaired::{Slices, compare, keys, table};
use reports::history::{History, HistoryError};
use reports::text::visible;
use std::path::{Path, PathBuf};
use workloads::suite::error::unknown;
use workloads::suite::filter::Filter;

/// What to compare.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The older run: a file of records or a folder that holds `runs.jsonl`, plain or compressed with gzip, or a run of
    /// the history, by its name or what no other name begins with. What is there as a path is meant as one.
    old: PathBuf,
    /// The newer one.
    new: PathBuf,
    /// The history's folder.
    #[arg(long, value_name = "DIR", default_value = "history", env = "SWIOTLB_BENCH_HISTORY")]
    history: PathBuf,
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
    let [(old_name, old), (new_name, new)] = [stored(&args.old, args)?, stored(&args.new, args)?];
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
    let title = format!("{}: {new_name} against {old_name}", args.metric);
    let table = table(title, &found, &slices);
    say(&reports::terminal::render(&table))?;
    args.summary.write(std::slice::from_ref(&table))?;
    Ok(Exit::Ok)
}

/// A run, and what it is called: its path, or its whole name in the history.
fn stored(run: &Path, args: &Args) -> Result<(String, StoredRun), Failure> {
    let read = |path: &Path| StoredRun::read(path).map_err(Failure::error);
    let named = run.to_str().filter(|name| !name.contains('/') && !run.exists());
    let Some(start) = named else { return Ok((run.display().to_string(), read(run)?)) };
    let (name, records) = in_history(start, &args.history)?;
    Ok((name, read(&records)?))
}

/// The run of the history whose name begins with `start`, and the file of its records.
fn in_history(start: &str, folder: &Path) -> Result<(String, PathBuf), Failure> {
    let (word, place) = (visible(start), folder.display());
    let history = History::read(folder).map_err(|error| match error {
        HistoryError::None(_) => Failure::usage(format!(
            "{word}: there is no such file or folder, and no history in {place}: `history add RUN` begins one, --history \
             names another folder"
        )),
        other => Failure::error(other),
    })?;
    history.notes.iter().for_each(complain);
    let runs = history.runs().map_err(Failure::error)?.into_iter().map(|run| run.name);
    let meant: Vec<String> = runs.filter(|name| name.starts_with(start)).collect();
    match meant.as_slice() {
        [name] => {
            let records = history.records_of(name).map_err(Failure::error)?;
            let gone = || Failure::error(format!("{name}: its records are gone from the history in {place}"));
            Ok((name.clone(), records.ok_or_else(gone)?))
        }
        [] => Err(Failure::usage(format!(
            "{word}: there is no such file or folder, and no run of the history in {place} has a name that begins so: \
             `history list` shows them"
        ))),
        [first, second, more @ ..] => {
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            Err(Failure::usage(format!(
                "{word}: several runs of the history in {place} have a name that begins so: {first}, {second}{more}: \
                 write more of the name"
            )))
        }
    }
}
