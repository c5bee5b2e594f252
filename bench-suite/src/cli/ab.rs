//! `swiotlb-bench ab A B SUITE`: two policies, paired.

use super::choice::{Choice, one};
use super::measure::check;
use super::out::say;
use super::session::{Where, drive};
use super::{Exit, Failure, complain};
use crate::measure::folder::Folder;
use crate::measure::plan::RunPlan;
use crate::measure::{ab, fit, paired};
use crate::policies;
use reports::machine::Machine;
use std::path::Path;
use workloads::suite::error::unknown;
use workloads::suite::{Cell, Limits, Mode};

/// Blocks of a quick comparison, which only advises.
const QUICK_BLOCKS: u32 = 6;

/// What to compare.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The policy that is the base.
    a: String,
    /// The policy that is compared with it; the same one shows the noise alone.
    b: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    place: Where,
    /// Blocks of four launches for each cell: 12, or 6 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000), env = "SWIOTLB_BENCH_BLOCKS")]
    blocks: Option<u32>,
    /// The metric that is compared.
    #[arg(long, value_name = "NAME", default_value = "ns_per_op", env = "SWIOTLB_BENCH_METRIC")]
    metric: String,
    /// Only say how many launches there are.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let limits = fit::limits(&Machine::read());
    let plan = plan(args, limits)?;
    check(&plan)?;
    let cells: Vec<Cell> = plan.cells.iter().map(|(_, cell)| cell.clone()).collect();
    let warnings = fit::warnings(&cells, limits);
    for warning in &warnings {
        complain(format_args!("warning: {warning}"));
    }
    if args.place.strict && !warnings.is_empty() {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        let (cells, blocks) = (plan.cells.len() / 2, plan.steps.len() / 4);
        say(&format!("{cells} cells, {blocks} blocks, {} launches\n", plan.steps.len()))?;
        return Ok(Exit::Ok);
    }
    let path = args.place.folder(&format!("ab-{}-{}", args.a, args.b));
    let folder = if args.place.resume {
        Folder::resume(&path, |found| *found == plan)
    } else {
        Folder::begin(&path, plan)
    };
    go(args, &path, folder.map_err(Failure::error)?)
}

fn plan(args: &Args, limits: Limits) -> Result<RunPlan, Failure> {
    let known: Vec<&str> = policies::ALL.iter().map(|entry| entry.name).collect();
    for name in [&args.a, &args.b] {
        if !known.contains(&name.as_str()) {
            return Err(Failure::usage(unknown("policy", name, known.iter().copied())));
        }
    }
    let [suite] = args.choice.suites.as_slice() else {
        return Err(Failure::usage("a comparison wants one suite"));
    };
    let mode = args.choice.mode();
    let of = |policy: &str| {
        let mut changes = args.choice.changes()?;
        changes.set.push(("policy".to_owned(), policy.to_owned()));
        one(suite, &changes, limits)
    };
    let (a, b) = (of(&args.a)?, of(&args.b)?);
    let b_of = |cell: &Cell| {
        let scenario = paired::scenario_of(&cell.id);
        b.cells.iter().find(|other| paired::scenario_of(&other.id) == scenario).cloned()
    };
    let pairs: Vec<_> = a.cells.iter().filter_map(|cell| Some((cell.clone(), b_of(cell)?))).collect();
    if pairs.is_empty() {
        return Err(Failure::usage("no cell is left that both policies have"));
    }
    let usual = if mode == Mode::Quick { QUICK_BLOCKS } else { 12 };
    let blocks = args.blocks.unwrap_or(usual);
    let names = (args.a.clone(), args.b.clone());
    Ok(ab::plan(a.planned, pairs, names, blocks, args.choice.seed, mode))
}

fn go(args: &Args, path: &Path, mut folder: Folder) -> Result<Exit, Failure> {
    drive(&mut folder, &args.place, path)?;
    let records = folder.records().map_err(Failure::error)?;
    let title = format!("{}: B = {} over A = {}", args.metric, args.b, args.a);
    let pairs = paired::pairs(&records, &args.metric);
    say(&reports::terminal::render(&paired::table(title, &pairs)))?;
    say(&format!("Records: {}\n", folder.runs_file().display()))?;
    let violated = records.iter().any(|r| r.oracle.as_ref().is_some_and(|oracle| oracle.violations > 0));
    let void = pairs.iter().any(|pair| pair.void > 0);
    Ok(if violated {
        Exit::Verification
    } else if void {
        Exit::Error
    } else {
        Exit::Ok
    })
}
