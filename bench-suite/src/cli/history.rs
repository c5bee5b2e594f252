//! `swiotlb-bench history add|list|show|accept|export`: runs night by night, and where their series shift.

use super::out::say;
use super::{Exit, Failure, complain};
use crate::measure::folder::{Folder, FolderError};
use crate::measure::plan::RUNS_FILE;
use reports::history::shifts::Shift;
use reports::history::{Added, History, HistoryError, Judged, Key, Unfinished, export, tables};
use reports::text::visible;
use reports::units::plural;
use reports::{compressed, csv, terminal};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use workloads::suite::error::unknown;
use workloads::suite::filter::Filter;

/// Where the history is, and what to do with it.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
    /// The history's folder.
    #[arg(long, global = true, value_name = "DIR", default_value = "history", env = "SWIOTLB_BENCH_HISTORY")]
    history: PathBuf,
}

#[derive(clap::Subcommand)]
enum What {
    /// Add runs, each a file of records or a folder that holds `runs.jsonl`, plain or compressed with gzip, and show
    /// the shifts that are open.
    Add {
        /// The runs.
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
    },
    /// List the runs.
    List,
    /// Show series night by night with their shifts; without a choice, an overview of all.
    Show(Choice),
    /// Accept the open shifts of the series chosen: their levels are right from now on.
    Accept {
        #[command(flatten)]
        choice: Choice,
        /// Why they are right.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who says so.
        #[arg(long, value_name = "NAME", default_value = "unknown", env = "USER")]
        by: String,
    },
    /// Write the points of the series chosen to standard output, as CSV.
    Export {
        #[command(flatten)]
        choice: Choice,
        /// As JSON, not as CSV.
        #[arg(long)]
        json: bool,
    },
}

/// Which series.
#[derive(clap::Args)]
struct Choice {
    /// Series by their 12 digits, or as few of them as no other begins with (`history show` lists them).
    #[arg(value_name = "SERIES")]
    series: Vec<String>,
    /// Only these, by parameters, `metric`, `machine` and `suite`, as in `metric=ns_per_op,policy=lock-*`.
    #[arg(long, value_name = "EXPR", default_value = "", env = "SWIOTLB_BENCH_FILTER")]
    filter: String,
}

/// Says that opening the history waits, where another command is at work on it.
pub(super) fn say_if_busy(folder: &Path) {
    if History::is_busy(folder) {
        let path = folder.display();
        complain(format_args!("{path}: another command is at work on this history: waiting for it"));
    }
}

/// Whether a run could be added to the history now, which is made where there is none.
///
/// # Errors
/// It cannot be made, locked or read.
pub(super) fn usable(folder: &Path) -> Result<(), Failure> {
    say_if_busy(folder);
    let history = History::create(folder).map_err(Failure::error)?;
    history.notes.iter().for_each(complain);
    Ok(())
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    say_if_busy(&args.history);
    let told = |history: Result<History, HistoryError>| {
        let history = history.map_err(Failure::error)?;
        history.notes.iter().for_each(complain);
        Ok(history)
    };
    let read = || told(History::read(&args.history));
    match &args.what {
        What::Add { runs } => add(args, runs),
        What::List => {
            let runs = read()?.runs().map_err(Failure::error)?;
            say(&terminal::render(&tables::runs(&runs)))?;
            Ok(Exit::Ok)
        }
        What::Show(choice) => {
            let all = chosen(&read()?, choice)?;
            show(&all, choice)
        }
        What::Accept { choice, reason, by } => {
            accept(told(History::open(&args.history))?, choice, reason, by)
        }
        What::Export { choice, json } => {
            let all = chosen(&read()?, choice)?;
            say(&if *json {
                export::json(&all).map_err(Failure::error)?
            } else {
                csv::render(&export::table(&all))
            })?;
            Ok(Exit::Ok)
        }
    }
}

fn add(args: &Args, runs: &[PathBuf]) -> Result<Exit, Failure> {
    let mut history = History::create(&args.history).map_err(Failure::error)?;
    history.notes.iter().for_each(complain);
    let (mut names, mut text) = (Vec::new(), String::new());
    for path in runs {
        let left = left(path);
        let added = history.add_part(path, left).map_err(|e| failed(e, &text))?;
        left.filter(|left| left.missing > 0).into_iter().for_each(|left| warn(path, left));
        let (night, word) = match added {
            Added::Already(run) => {
                let path = path.display();
                text.push_str(&line(format_args!("{path}: is there already as {}; nothing added", run.name)));
                continue;
            }
            Added::New(night) => (night, "added"),
            Added::Grown(night) => (night, "was there with fewer records, and has grown"),
        };
        night.notes.iter().for_each(complain);
        let (path, run, series) = (path.display(), &night.run, night.numbers.len());
        let (name, records, revision) = (&run.name, run.records, &run.revision);
        let what = plural(records, "record");
        text.push_str(&line(format_args!(
            "{path}: {word} as {name}: {records} {what}, {series} series, revision {revision}"
        )));
        names.push(night.run.name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let alerts = history.alerts(&names).map_err(Failure::error)?;
    // Whoever reads slowly keeps no other command from the history.
    drop(history);
    if !alerts.is_empty() {
        text.push('\n');
        text.push_str(&terminal::render(&tables::alerts(&alerts)));
    }
    say(&text)?;
    Ok(Exit::Ok)
}

/// What the plan beside a run's records says is missing; nothing where there is no plan.
fn left(path: &Path) -> Option<Unfinished> {
    let packed = compressed::name(Path::new(RUNS_FILE));
    let is_records = path.file_name().is_some_and(|name| name == RUNS_FILE || name == packed.as_os_str());
    let folder = if is_records { path.parent()? } else { path };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !folder.is_dir() {
        return None;
    }
    match Folder::look(folder) {
        Ok((plan, due)) => Some(Unfinished { missing: due.len() as u64, planned: plan.steps.len() as u64 }),
        Err(FolderError::Plan(error)) => {
            complain(format_args!("warning: {error}: whether the run was finished is not known"));
            None
        }
        // What else is wrong there, `add` says.
        Err(_) => None,
    }
}

fn warn(path: &Path, Unfinished { missing, planned }: Unfinished) {
    let is = if missing == 1 { "is" } else { "are" };
    complain(format_args!(
        "warning: {}: {missing} of {planned} {} {is} missing: the run was not finished; `measure --resume` goes on with it, \
         and adding it again adds the rest; as it is, it is no baseline",
        path.display(),
        plural(planned, "launch")
    ));
}

/// A line of data: names in it come from anywhere.
fn line(text: impl std::fmt::Display) -> String {
    format!("{}\n", visible(&text.to_string()))
}

/// A run that was refused; those before it are added, and that is said.
fn failed(error: HistoryError, text: &str) -> Failure {
    match say(text) {
        Ok(()) => Failure::error(error),
        Err(failure) => failure,
    }
}

fn show(all: &[Judged], choice: &Choice) -> Result<Exit, Failure> {
    if choice.series.is_empty() && choice.filter.is_empty() {
        say(&terminal::render(&tables::overview(all)))?;
        return Ok(Exit::Ok);
    }
    let texts: Vec<String> = all.iter().map(|judged| terminal::render(&tables::series(judged))).collect();
    say(&texts.join("\n"))?;
    Ok(Exit::Ok)
}

fn accept(mut history: History, choice: &Choice, reason: &str, by: &str) -> Result<Exit, Failure> {
    // Refuses a choice that cannot be meant before anything is written.
    let wanted: BTreeSet<Key> =
        chosen(&history, choice)?.into_iter().map(|judged| judged.series.key).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let accepted = history.accept(&|key| wanted.contains(key), (reason, by, now)).map_err(Failure::error)?;
    drop(history);
    if accepted.is_empty() {
        return Err(Failure::error("no shift is open in the series chosen: `history show` lists them"));
    }
    let told = |judged: &Judged| {
        let (id, key) = (judged.series.key.id(), &judged.series.key);
        let since = judged.open().map_or("", |shift: &Shift| &shift.run);
        line(format_args!("{id}: accepted from {since} on: {} of {}", key.metric, key.cell))
    };
    say(&accepted.iter().map(told).collect::<String>())?;
    Ok(Exit::Ok)
}

/// The series chosen.
fn chosen(history: &History, choice: &Choice) -> Result<Vec<Judged>, Failure> {
    let filter = Filter::parse(&choice.filter).map_err(|e| Failure::usage(format!("--filter: {e}")))?;
    let all = history.judged(&|_| true).map_err(Failure::error)?;
    let keys: BTreeSet<String> =
        all.iter().flat_map(|judged| judged.series.key.values().into_keys()).collect();
    if let Some(key) = filter.keys().find(|key| !keys.contains(*key)).filter(|_| !all.is_empty()) {
        return Err(Failure::usage(unknown("parameter", key, keys.iter().map(String::as_str))));
    }
    let ids: BTreeSet<String> = all.iter().map(|judged| judged.series.key.id()).collect();
    let series = choice.series.iter().map(|start| whole(start, &ids)).collect::<Result<BTreeSet<_>, _>>()?;
    let wanted = |key: &Key| {
        (series.is_empty() || series.contains(&key.id())) && filter.matches(&key.cell, &key.values())
    };
    let found: Vec<Judged> = all.into_iter().filter(|judged| wanted(&judged.series.key)).collect();
    if found.is_empty() && !ids.is_empty() {
        return Err(Failure::usage("no series is left: the filter excludes them all"));
    }
    Ok(found)
}

/// The series that begins with `start`.
fn whole(start: &str, ids: &BTreeSet<String>) -> Result<String, Failure> {
    let meant: Vec<&String> = ids.iter().filter(|id| id.starts_with(start)).collect();
    match meant.as_slice() {
        [id] => Ok((*id).clone()),
        [] => Err(Failure::usage(format!("no series `{}`: `history show` lists them", visible(start)))),
        [first, second, ..] => Err(Failure::usage(format!(
            "{} series begin with `{}`, {first} and {second} among them: write more of it",
            meant.len(),
            visible(start)
        ))),
    }
}
