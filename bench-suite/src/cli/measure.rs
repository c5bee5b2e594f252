//! `swiotlb-bench measure SUITE…`.

use super::choice::{Choice, Chosen, chosen, one};
use super::out::{ending, say};
use super::session::{Where, drive};
use super::{Exit, Failure, complain, switch};
use crate::cell::{CellSpec, backend};
use crate::measure::folder::{Folder, is_the_same};
use crate::measure::plan::RunPlan;
use crate::measure::steady::{CONTROL, STEADY, control_spread};
use crate::measure::{fit, groups, table, verdict};
use crate::run::host;
use reports::machine::Machine;
use reports::record::RunRecord;
use reports::units::{minutes, plural};
use std::path::Path;
use workloads::suite::{Cell, Changes, Limits, hash};

/// What starting one process costs beside what it measures, s.
const START_SECONDS: f64 = 0.1;

/// What to measure.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    place: Where,
    /// Process launches for each cell, instead of what the suite says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000), env = "SWIOTLB_BENCH_LAUNCHES")]
    launches: Option<u32>,
    /// Only say how many cells there are and about how long they take.
    #[arg(long)]
    dry_run: bool,
    /// Leave out the control, which judges the host.
    #[arg(long, env = "SWIOTLB_BENCH_NO_CONTROL", value_parser = switch())]
    no_control: bool,
    /// End with exit code 4 where a suite's expectation fails with its whole interval.
    #[arg(long, env = "SWIOTLB_BENCH_FAIL_EXPECTED", value_parser = switch())]
    fail_expected: bool,
}

const AFTER_HELP: &str = "\
Each launch is a process of its own and leaves one record; what is finished is safe, and --resume goes on.

Exit codes: 0 everything was done; 1 a launch is void, or a file, the host or a full disk stood in the way; \
2 wrong command line; 4 an oracle saw a violation, or an expectation fails (only with --fail-expected); 6 the run does not fit this machine, or the control was not \
steady (only with --strict).";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    args.place.time_limit()?;
    let limits = fit::limits(&Machine::read());
    if args.place.resume && args.choice.suites.is_empty() {
        return resumed(args, None, limits);
    }
    let suites = with_control(args, chosen(&args.choice, limits)?, limits)?;
    let name = suites.first().map_or("run", |s| s.suite.name.as_str()).to_owned();
    let estimated = estimate(args, &suites);
    let plan = plan(args, suites);
    check(&plan)?;
    if args.place.resume {
        return resumed(args, Some(&plan), limits);
    }
    let fits = fits(&plan, limits);
    if args.dry_run {
        say(&estimated)?;
    }
    if args.place.strict && !fits {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        return Ok(Exit::Ok);
    }
    let path = args.place.folder(&name);
    go(args, &path, Folder::begin(&path, plan).map_err(Failure::error)?)
}

/// Goes on with the run in `--out`, which is to be the one that is `wanted` if any is.
fn resumed(args: &Args, wanted: Option<&RunPlan>, limits: Limits) -> Result<Exit, Failure> {
    let path = args.place.folder("");
    let (plan, due) = Folder::look(&path).map_err(Failure::error)?;
    let same = wanted.map_or(Ok(()), |wanted| is_the_same(&path, &plan, wanted));
    same.map_err(Failure::error)?;
    let fits = fits(&plan, limits);
    if args.dry_run {
        say(&left(&plan, &due)?)?;
    }
    if args.place.strict && !fits {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        return Ok(Exit::Ok);
    }
    let folder = match wanted {
        Some(wanted) => Folder::resume_as(&path, wanted),
        None => Folder::resume(&path, |plan| plan.comparison.is_none()),
    };
    go(args, &path, folder.map_err(Failure::error)?)
}

/// Whether everything fits this machine; what does not is told.
pub(super) fn fits(plan: &RunPlan, limits: Limits) -> bool {
    let cells: Vec<Cell> = plan.cells.iter().map(|(_, cell)| cell.clone()).collect();
    let mut warnings = fit::warnings(&cells, limits);
    if !host::may_pin() {
        warnings.push(host::UNPINNED.to_owned());
    }
    for warning in &warnings {
        complain(format_args!("warning: {warning}"));
    }
    warnings.is_empty()
}

fn go(args: &Args, path: &Path, mut folder: Folder) -> Result<Exit, Failure> {
    drive(&mut folder, &args.place, path)?;
    let records = folder.records().map_err(Failure::error)?;
    let runs_file = folder.runs_file();
    let (text, failed) = report(&folder.plan, &records)?;
    let told = say(&format!("{text}Records: {}\n", runs_file.display()));
    ending(exit(args, &records, failed), told, &runs_file)
}

/// The suites, and the control unless it is there or not wanted.
fn with_control(args: &Args, mut suites: Vec<Chosen>, limits: Limits) -> Result<Vec<Chosen>, Failure> {
    if !args.no_control && suites.iter().all(|s| s.suite.name != CONTROL) {
        let changes = Changes { mode: args.choice.mode(), seed: args.choice.seed, ..Changes::default() };
        suites.push(one(CONTROL, &changes, limits)?);
    }
    Ok(suites)
}

fn launches(args: &Args, chosen: &Chosen) -> u32 {
    args.launches.unwrap_or_else(|| chosen.suite.launches.of(args.choice.mode()))
}

fn plan(args: &Args, suites: Vec<Chosen>) -> RunPlan {
    let suites = suites.into_iter().map(|chosen| {
        let times = launches(args, &chosen);
        (chosen.planned, chosen.cells, times)
    });
    RunPlan::rounds(suites.collect(), args.choice.seed, args.choice.mode())
}

/// Whether every cell's runner would take it, before anything runs.
pub(super) fn check(plan: &RunPlan) -> Result<(), Failure> {
    let first = plan.steps.iter().filter(|step| step.launch == 0 || step.counting.is_some());
    let first = first.filter_map(|step| plan.spec(step));
    for spec in first {
        let refused = |why| Failure::usage(format!("{}: {why}", described(&spec)));
        backend::check(&spec).map_err(refused)?;
    }
    Ok(())
}

fn described(spec: &CellSpec) -> String {
    reports::text::visible(&spec.cell.id)
}

/// Cells, launches and time of each suite.
fn estimate(args: &Args, suites: &[Chosen]) -> String {
    let (mut text, mut total) = (String::new(), 0.0);
    for chosen in suites {
        let times = launches(args, chosen);
        let each = chosen.suite.seconds.of(args.choice.mode()) + START_SECONDS;
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000 cells")]
        let seconds = chosen.cells.len() as f64 * f64::from(times) * each;
        total += seconds;
        text.push_str(&format!(
            "{}: {} {} x {times} {} x {each:.1} s = {}\n",
            chosen.suite.name,
            chosen.cells.len(),
            plural(chosen.cells.len() as u64, "cell"),
            plural(times.into(), "launch"),
            minutes(seconds)
        ));
    }
    text.push_str(&format!("in all about {}\n", minutes(total)));
    if !args.choice.set.is_empty() {
        text.push_str(
            "These are the times of the suites' own values; with --set a launch may take longer.\n",
        );
    }
    text
}

/// Launches that are left of each suite, and their time.
fn left(plan: &RunPlan, due: &[CellSpec]) -> Result<String, Failure> {
    let (mut text, mut total) = (String::new(), 0.0);
    for suite in plan.read_suites().map_err(Failure::error)? {
        let launches = due.iter().filter(|spec| spec.suite == suite.name).count();
        let each = suite.seconds.of(plan.mode) + START_SECONDS;
        let seconds = launches as f64 * each;
        total += seconds;
        text.push_str(&format!(
            "{}: {launches} launches left x {each:.1} s = {}\n",
            suite.name,
            minutes(seconds)
        ));
    }
    text.push_str(&format!("in all about {}\n", minutes(total)));
    Ok(text)
}

/// About how long a launch of each cell takes, by the cell's number.
pub(super) fn seconds(plan: &RunPlan) -> Result<impl Fn(u32) -> f64, Failure> {
    let suites = plan.read_suites().map_err(Failure::error)?;
    let of_suite: Vec<f64> = suites.iter().map(|suite| suite.seconds.of(plan.mode) + START_SECONDS).collect();
    let at = |number: &u32| usize::try_from(*number).ok().and_then(|n| of_suite.get(n)).copied();
    let each: Vec<f64> = plan.cells.iter().map(|(suite, _)| at(suite).unwrap_or(0.0)).collect();
    Ok(move |cell| usize::try_from(cell).ok().and_then(|n| each.get(n)).copied().unwrap_or(0.0))
}

/// Each suite's table and what became of its expectations; how many of these failed.
fn report(plan: &RunPlan, records: &[RunRecord]) -> Result<(String, usize), Failure> {
    let by_cell = groups::by_cell(records);
    let (mut text, mut failed) = (String::new(), 0);
    for (number, suite) in plan.read_suites().map_err(Failure::error)?.iter().enumerate() {
        let of_suite = |(n, _): &&(u32, Cell)| usize::try_from(*n).ok() == Some(number);
        let cells: Vec<Cell> = plan.cells.iter().filter(of_suite).map(|(_, cell)| cell.clone()).collect();
        debug_assert_eq!(hash(&plan.suites[number].text), suite.hash);
        text.push_str(&reports::terminal::render(&table::cells(suite, &cells, &by_cell)));
        text.push('\n');
        if let Some(table) = table::verdicts(suite, &cells, &by_cell) {
            text.push_str(&reports::terminal::render(&table));
            text.push('\n');
        }
        failed += verdict::failed(suite, &cells, &by_cell).len();
    }
    Ok((text, failed))
}

/// A failed oracle is a failed verification, as is a failed expectation for those who ask; other void launches
/// are errors; an unsteady control makes the host unfit, for those who want to know.
fn exit(args: &Args, records: &[RunRecord], failed: usize) -> Exit {
    let violated = records.iter().any(RunRecord::is_violated);
    if violated {
        return Exit::Verification;
    }
    let void = records.iter().filter(|record| record.void.is_some()).count();
    if void > 0 {
        complain(format_args!("{void} launches are void: their records say why"));
        return Exit::Error;
    }
    if args.fail_expected && failed > 0 {
        complain(format_args!("{failed} expectations fail: the tables say which"));
        return Exit::Verification;
    }
    if let Some(spread) = control_spread(records).filter(|&spread| spread > STEADY) {
        let percent = (spread - 1.0) * 100.0;
        complain(format_args!(
            "warning: the control, which runs none of our code, spread by {percent:.0} %: the host is not steady"
        ));
        if args.place.strict {
            return Exit::Unfit;
        }
    }
    Exit::Ok
}
