//! `swiotlb-bench export RUN...`: stored runs in the forms that other programs read.
//!
//! What may not be put together is refused where a run is read, or named apart where it is written: runs by their
//! folders' names, arms by their letters. Nothing that is there already is written over, except the one
//! file that the user names.

use super::out::{say, unwritten};
use super::{Exit, Failure, complain};
use crate::measure::groups::is_oversubscribed;
use crate::measure::plan::RUNS_FILE;
use crate::measure::stored::StoredRun;
use crate::measure::whole;
use reports::compare::effect::Better;
use reports::export::{Cell, Export, Exported, Form, Run};
use reports::export::{bencher, criterion, github, go, hdr, long, names};
use reports::units::plural;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What to export.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Runs: files of records, or folders that hold `runs.jsonl`, plain or compressed with gzip.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The form.
    #[arg(long, value_enum, value_name = "FORM", env = "SWIOTLB_BENCH_FORMAT")]
    format: Format,
    /// The file to write instead of standard output; for criterion and hgrm, the folder.
    #[arg(long, value_name = "PATH", env = "SWIOTLB_BENCH_OUT")]
    out: Option<PathBuf>,
    /// Only these metrics, as in `ns_per_op,map.p99`.
    #[arg(long = "metric", value_name = "NAME", value_delimiter = ',', env = "SWIOTLB_BENCH_METRIC")]
    metrics: Vec<String>,
}

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// criterion's folders, for critcmp.
    Criterion,
    /// Go benchmark text, for benchstat.
    Go,
    /// HdrHistogram's interval log.
    Hlog,
    /// HdrHistogram's percentile text, a file for each cell and operation.
    Hgrm,
    /// CSV, one number a row.
    Csv,
    /// Bencher Metric Format.
    Bencher,
    /// github-action-benchmark's customSmallerIsBetter.
    GithubSmaller,
    /// github-action-benchmark's customBiggerIsBetter.
    GithubBigger,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let folder = match args.format {
        Format::Criterion | Format::Hgrm => Some(
            args.out
                .as_deref()
                .ok_or_else(|| Failure::usage("this form is a folder of files: name it with --out"))?,
        ),
        _ => None,
    };
    let stored = args.runs.iter().map(|path| StoredRun::read(path).map_err(Failure::error));
    let stored = stored.collect::<Result<Vec<_>, _>>()?;
    let export = Export { runs: runs(&args.runs, &stored), metrics: args.metrics.clone() };
    vet(&export, &stored)?;
    let exported = args.format.export(&export)?;
    exported.notes.iter().for_each(|note| complain(format_args!("note: {note}")));
    if exported.entries == 0 {
        let none = "nothing to export: no launch has what this form carries (docs/INTERCHANGE.md says what that is); \
                    nothing was written";
        return Err(Failure::error(none));
    }
    match (exported.form, folder) {
        (Form::Files(files), Some(folder)) => write_all(folder, &files)?,
        (Form::Text(text), _) => write_one(args.out.as_deref(), &text)?,
        (Form::Files(_), None) => {}
    }
    Ok(Exit::Ok)
}

impl Format {
    fn export(self, export: &Export<'_>) -> Result<Exported, Failure> {
        Ok(match self {
            Self::Criterion => criterion::files(export).map_err(Failure::usage)?,
            Self::Go => go::text(export),
            Self::Hlog => hdr::log(export).map_err(Failure::error)?,
            Self::Hgrm => hdr::percentiles(export).map_err(Failure::error)?,
            Self::Csv => long::text(export),
            Self::Bencher => bencher::text(export),
            Self::GithubSmaller => github::text(export, Better::Lower),
            Self::GithubBigger => github::text(export, Better::Higher),
        })
    }
}

/// The runs with their labels.
fn runs<'a>(paths: &[PathBuf], stored: &'a [StoredRun]) -> Vec<Run<'a>> {
    let mut labels = BTreeSet::new();
    let run = |(path, stored): (&PathBuf, &'a StoredRun)| {
        let wanted = names::FILE.name(&label(path));
        let mut label = wanted.clone();
        for n in 2.. {
            if labels.insert(label.clone()) {
                break;
            }
            label = format!("{wanted}-{n}");
        }
        let cells = stored.cells.values().filter_map(|cell| Cell::new(&cell.launches)).collect();
        Run { label, machine: stored.machine.clone(), cells }
    };
    paths.iter().zip(stored).map(run).collect()
}

/// What the user knows a run by: its folder's name, or its file's.
fn label(path: &Path) -> String {
    // `.` has no name of its own.
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let named = |path: Option<&std::ffi::OsStr>| path.map(|name| name.to_string_lossy().into_owned());
    let plain = if whole.extension().is_some_and(|end| end == "gz") {
        whole.with_extension("")
    } else {
        whole.clone()
    };
    let name = if whole.is_dir() {
        named(whole.file_name())
    } else if plain.file_name().is_some_and(|name| name == RUNS_FILE) {
        named(whole.parent().and_then(Path::file_name))
    } else {
        named(plain.file_stem())
    };
    name.unwrap_or_else(|| "run".to_owned())
}

/// Refuses what leaves nothing to export, and says what a reader of the other program would not see.
fn vet(export: &Export<'_>, stored: &[StoredRun]) -> Result<(), Failure> {
    stored.iter().flat_map(|run| &run.notes).for_each(|note| complain(format_args!("note: {note}")));
    if export.cells().next().is_none() {
        return Err(Failure::error("nothing to export: no launch is usable"));
    }
    if let Some(name) = export.twice() {
        return Err(Failure::error(format!("two cells would be called {name}: export their runs apart")));
    }
    for metric in &export.metrics {
        if export.cells().all(|(_, cell, _)| cell.samples(metric).is_empty()) {
            return Err(Failure::usage(format!("--metric {metric}: no launch has it")));
        }
    }
    let machines: BTreeSet<&String> = stored.iter().map(|run| &run.machine).collect();
    if machines.len() > 1 {
        let count = machines.len();
        complain(format_args!(
            "warning: the runs are of {count} machines: named apart, but their times are not comparable"
        ));
    }
    let crowded = export.cells().filter(|(_, cell, _)| cell.launches.iter().any(is_oversubscribed)).count();
    if crowded > 0 {
        complain(format_args!(
            "warning: {crowded} cells had more threads than cores (oversubscribed): no verdict may use them"
        ));
    }
    Ok(())
}

/// Standard output, or the file that the user names.
fn write_one(out: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = out else { return say(text) };
    whole::write(path, text).map_err(|error| unwritten(path, &error, "--out"))
}

/// Files below a folder, none of which may be there yet.
fn write_all(folder: &Path, files: &[(PathBuf, String)]) -> Result<(), Failure> {
    if let Some(there) = files.iter().map(|(path, _)| folder.join(path)).find(|path| path.exists()) {
        return Err(Failure::error(format!("{}: is there already: choose another --out", there.display())));
    }
    for (path, text) in files {
        let path = folder.join(path);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(text.as_bytes())
        };
        write().map_err(|error| unwritten(&path, &error, "--out"))?;
    }
    let (n, what) = (files.len(), plural(files.len() as u64, "file"));
    say(&format!("{n} {what} below {}\n", folder.display()))
}
