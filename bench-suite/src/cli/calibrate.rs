//! `swiotlb-bench calibrate SUITE`: how often `ab` is wrong here, shown on comparisons of A with itself.

use super::ab::{Terms, cost, fits, percentage};
use super::choice::Choice;
use super::judging::judge;
use super::markdown::Summary;
use super::measure::check;
use super::out::say;
use super::session::Where;
use super::sides::{Asked, plan};
use super::{Exit, Failure, complain};
use crate::measure::calibrated::Calibrated;
use crate::measure::fit;
use crate::measure::folder::Folder;
use crate::measure::plan::{PLAN_FILE, RunPlan};
use crate::measure::trial::Trial;
use reports::compare::calibration::Injected;
use reports::fingerprint;
use reports::machine::Machine;
use std::path::Path;
use workloads::suite::value::{Base, Quantity};
use workloads::suite::{Cell, Limits};

/// What a slowdown is put into: the stand-in's service time.
const SLOWED: &str = "service";

/// What to calibrate.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// The side that is compared with itself, as `ab` takes it.
    #[arg(long, value_name = "P", default_value = "kernel")]
    policy: String,
    /// Comparisons of one cell each, at least; every run of the suite makes one for each of its cells.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    comparisons: u32,
    /// Also put slowdowns into B, and say how often they are found. Only for suites of the scenario
    /// `dummy`, whose service time is made longer: no cell's own loop is touched.
    #[arg(long, value_name = "PERCENTS", value_delimiter = ',', value_parser = percentage)]
    inject: Vec<f64>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    summary: Summary,
    /// Only say how many launches there are.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let machine = Machine::read();
    let limits = fit::limits(&machine);
    let first = planned(args, limits, 0)?;
    check(&first)?;
    let rounds = rounds(args, &first)?;
    for effect in &args.inject {
        slowed(first.clone(), *effect)?;
    }
    if !fits(&first, limits) && args.place.strict {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        let curves = 1 + args.inject.len();
        say(&format!("{} comparisons of the suite, each of\n{}", rounds as usize * curves, cost(&first)))?;
        return Ok(Exit::Ok);
    }
    let path = args.place.folder("calibrate");
    let Some(found) = calibrated(args, limits, &path, (&first, rounds, fingerprint::of(&machine)))? else {
        return Ok(Exit::Verification);
    };
    tell(args, &found, &path)
}

/// Everything that is asked for; nothing where an oracle saw a violation.
fn calibrated(
    args: &Args,
    limits: Limits,
    path: &Path,
    (first, rounds, machine): (&RunPlan, u32, String),
) -> Result<Option<Calibrated>, Failure> {
    let comparison = args.terms.comparison(&args.policy, &args.policy, args.choice.mode())?;
    let suite = first.cells.first().and_then(|(_, cell)| cell.id.split('/').next()).unwrap_or_default();
    let (suite, side) = (suite.to_owned(), args.policy.clone());
    let mut found = Calibrated::new(machine, suite, side, comparison.metric, comparison.rules);
    let same = |round| planned(args, limits, round);
    let Some(trials) = all(args, (path, "null"), rounds, same)? else { return Ok(None) };
    found.count(&trials);
    for (number, effect) in args.inject.iter().enumerate() {
        let slower = |round| slowed(planned(args, limits, round)?, *effect);
        let name = format!("inject-{number}");
        let Some(trials) = all(args, (path, &name), rounds, slower)? else { return Ok(None) };
        found.injected.push(Injected::of(*effect, trials.iter().flat_map(Trial::verdicts)));
    }
    Ok(Some(found))
}

fn tell(args: &Args, found: &Calibrated, path: &Path) -> Result<Exit, Failure> {
    let tables: Vec<_> = [Some(found.table()), found.power()].into_iter().flatten().collect();
    for table in &tables {
        say(&format!("{}\n", reports::terminal::render(table)))?;
    }
    let file = found.save(path).map_err(Failure::error)?;
    say(&format!("Calibration: {}\n", file.display()))?;
    args.summary.write(&tables)?;
    if found.calibration.is_wrong_too_often() {
        complain(
            "warning: wrong more than twice as often as promised: with this calibration `ab` only advises",
        );
    }
    Ok(Exit::Ok)
}

/// The plan of comparison number `round`: each draws its own order and its own requests.
fn planned(args: &Args, limits: Limits, round: u32) -> Result<RunPlan, Failure> {
    let [suite] = args.choice.suites.as_slice() else {
        return Err(Failure::usage("a calibration wants one suite"));
    };
    let mut choice = args.choice.clone();
    choice.seed = choice.seed.wrapping_add(round.into());
    let comparison = args.terms.comparison(&args.policy, &args.policy, choice.mode())?;
    plan(&Asked { suite, choice: &choice, floor: args.terms.floor, limits, known: None }, comparison)
}

/// How often the suite is compared with itself.
fn rounds(args: &Args, plan: &RunPlan) -> Result<u32, Failure> {
    let cells = plan.comparison.iter().flat_map(|c| &c.pairs).filter(|pair| pair.judged).count();
    let cells = u32::try_from(cells).unwrap_or(u32::MAX);
    if cells == 0 {
        return Err(Failure::usage("no cell gets a verdict: all have more threads than there are cores"));
    }
    Ok(args.comparisons.div_ceil(cells))
}

/// The same plan with every B's service time longer by `effect`.
fn slowed(mut plan: RunPlan, effect: f64) -> Result<RunPlan, Failure> {
    for (_, cell) in plan.cells.iter_mut().skip(1).step_by(2) {
        slow(cell, effect)?;
    }
    Ok(plan)
}

fn slow(cell: &mut Cell, effect: f64) -> Result<(), Failure> {
    let service = cell.values.get(SLOWED).filter(|_| cell.scenario == "dummy").cloned();
    let ns = service.as_deref().and_then(Quantity::parse).map(|quantity| quantity.number);
    let Some((service, ns)) = service.zip(ns) else {
        return Err(Failure::usage(
            "--inject wants a suite of the scenario `dummy` that gives `service`: a slowdown is put into nothing else",
        ));
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some ns, and above 0")]
    let number = (ns as f64 * effect.exp()).round() as u64;
    let longer = Quantity { number, unit: Base::Nanoseconds }.to_string();
    cell.id = cell.id.replace(&format!("{SLOWED}={service}"), &format!("{SLOWED}={longer}"));
    cell.values.insert(SLOWED.to_owned(), longer);
    Ok(())
}

/// All comparisons of one sort, each in a folder of its own below the whole run's; nothing where an oracle saw a violation.
fn all(
    args: &Args,
    (whole, name): (&Path, &str),
    rounds: u32,
    plan: impl Fn(u32) -> Result<RunPlan, Failure>,
) -> Result<Option<Vec<Trial>>, Failure> {
    let mut trials = Vec::new();
    for round in 0..rounds {
        let (path, plan) = (whole.join(name).join(format!("{round:05}")), plan(round)?);
        // A round that was not begun when the run was stopped is begun now.
        let there = args.place.resume && path.join(PLAN_FILE).exists();
        let folder =
            if there { Folder::resume(&path, |found| *found == plan) } else { Folder::begin(&path, plan) };
        let judged = judge(&mut folder.map_err(Failure::error)?, &args.place, whole)?;
        if judged.violated {
            complain(format_args!("{}: an oracle saw a violation: its numbers are void", path.display()));
            return Ok(None);
        }
        trials.push(judged.trial);
    }
    Ok(Some(trials))
}
