//! `swiotlb-bench calibrate SUITE`: how often `ab` is wrong here, shown on comparisons of A with itself.

use super::ab::{Terms, cost, percentage};
use super::building::{self, Building};
use super::choice::Choice;
use super::judging::judge;
use super::markdown::Summary;
use super::measure::{check, fits};
use super::out::say;
use super::quoted::gather;
use super::session::Where;
use super::sides::{Asked, plan, side};
use super::{Exit, Failure, complain};
use crate::cell::slowdown;
use crate::measure::builds::{Builds, Layout};
use crate::measure::calibrated::{Calibrated, Null};
use crate::measure::calibrations::{Calibrations, FILE};
use crate::measure::comparison::Pair;
use crate::measure::fit;
use crate::measure::folder::Folder;
use crate::measure::metrics::NS_PER_OP;
use crate::measure::plan::{PLAN_FILE, RunPlan};
use crate::measure::side::Build;
use crate::measure::trial::Trial;
use reports::compare::calibration::Injected;
use reports::fingerprint;
use reports::lock::Lock;
use reports::machine::Machine;
use reports::units::plural;
use std::path::Path;
use workloads::suite::Limits;

/// The file that is locked while a calibration is at work.
const LOCK: &str = "lock";

/// The one suite, where [`Choice`] takes several.
const SUITE: &str =
    "The suite, one: a shipped one by its whole name (`swiotlb-bench list suites` shows them), or a file";

/// What to calibrate.
#[derive(clap::Args)]
#[command(override_usage = "swiotlb-bench calibrate [OPTIONS] <SUITE>", mut_arg("suites", |suite| suite.help(SUITE)))]
pub(super) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// The side that is compared with itself, as `ab` takes it.
    #[arg(long, value_name = "P", default_value = "kernel")]
    policy: String,
    /// Comparisons of one cell each, at least; every run of the suite makes one for each of its cells.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    comparisons: u32,
    /// Also put slowdowns into B, and say how often they are found: each batch is followed by a wait of so
    /// much of its own time. For cells of one thread in a closed loop.
    #[arg(long, value_name = "PERCENTS", value_delimiter = ',', value_parser = percentage)]
    inject: Vec<f64>,
    /// Compare N relinked copies of this checkout (or of the build that --policy names) instead of one program with
    /// itself: how often a comparison of builds is wrong. Each comparison draws --layouts of them for each side.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=200))]
    builds: Option<u32>,
    #[command(flatten)]
    building: Building,
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

/// What every comparison of a calibration needs.
struct Calibrating<'a> {
    args: &'a Args,
    limits: Limits,
    /// The relinked copies, if builds are compared.
    copies: Option<Vec<Layout>>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let machine = Machine::read();
    let null = null(args)?;
    let mut all = Calibrating { args, limits: fit::limits(&machine), copies: None };
    let first = all.planned(0)?;
    check(&first)?;
    let rounds = rounds(args, &first)?;
    for effect in &args.inject {
        check(&all.slowed(0, *effect)?)?;
    }
    if !fits(&first, all.limits) && args.place.strict {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        let curves = 1 + args.inject.len();
        let each = cost(&first)?;
        let comparisons = rounds as usize * curves;
        let what = plural(comparisons as u64, "comparison");
        say(&format!("{comparisons} {what} of the suite, each of\n{each}"))?;
        return Ok(Exit::Ok);
    }
    if let Some(copies) = args.builds {
        let build = side(&args.policy)?.build.unwrap_or(Build::Checkout);
        all.copies = Some(args.building.programs(&build, 1..=copies)?);
        if !args.place.resume {
            building::check(&all.planned(0)?, &args.place)?;
        }
    }
    let path = args.place.folder("calibrate");
    let _held = locked(&path)?;
    let Some(found) = all.calibrated(null, &path, (&first, rounds))? else {
        return Ok(Exit::Verification);
    };
    tell(args, &found, &path, fingerprint::of(&machine))
}

/// The whole calibration's lock: its rounds are folders of their own, and between two of them none is locked.
fn locked(path: &Path) -> Result<Lock, Failure> {
    let told = |e| Failure::error(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(path).map_err(told)?;
    Lock::try_take(&path.join(LOCK)).map_err(told)?.ok_or_else(|| {
        Failure::error(format!(
            "{}: another calibration is at work in this folder: wait for it, or choose another --out",
            path.display()
        ))
    })
}

/// What is compared with what.
fn null(args: &Args) -> Result<Null, Failure> {
    let layouts = args.building.layouts;
    match (args.builds, side(&args.policy)?.build) {
        (None, None) => Ok(Null::Policies),
        (None, Some(_)) => {
            Err(Failure::usage("--policy names a build: give --builds N, the number of its copies"))
        }
        (Some(_), Some(Build::Programs(_))) => {
            Err(Failure::usage("--builds relinks a source: --policy is rev:., rev:REVISION or a policy"))
        }
        (Some(copies), _) if copies < 2 * layouts => Err(Failure::usage(format!(
            "--builds {copies}: two sides of {layouts} layouts want {} copies; --layouts N wants fewer",
            2 * layouts
        ))),
        (Some(_), _) => Ok(Null::Builds { layouts }),
    }
}

impl Calibrating<'_> {
    /// Everything that is asked for; nothing where an oracle saw a violation.
    fn calibrated(
        &self,
        null: Null,
        path: &Path,
        (first, rounds): (&RunPlan, u32),
    ) -> Result<Option<Calibrated>, Failure> {
        let args = self.args;
        let comparison = args.terms.comparison(&args.policy, &args.policy, args.choice.mode())?;
        let suite = first.cells.first().and_then(|(_, cell)| cell.id.split('/').next()).unwrap_or_default();
        let (suite, side) = (suite.to_owned(), args.policy.clone());
        let mut found = Calibrated::new(null, suite, side, comparison.metric, comparison.rules);
        (found.floor, found.effort) = (Some(args.terms.floor), Some(args.choice.mode()));
        let Some(trials) = all(args, (path, "null"), rounds, |round| self.planned(round))? else {
            return Ok(None);
        };
        found.count(&trials, &first.contended());
        for (number, effect) in args.inject.iter().enumerate() {
            let name = format!("inject-{number}");
            let Some(trials) = all(args, (path, &name), rounds, |round| self.slowed(round, *effect))? else {
                return Ok(None);
            };
            found.injected.push(Injected::of(*effect, trials.iter().flat_map(Trial::verdicts)));
        }
        Ok(Some(found))
    }

    /// The plan of comparison number `round`: each draws its own order, its own requests and its own copies.
    fn planned(&self, round: u32) -> Result<RunPlan, Failure> {
        let args = self.args;
        let [suite] = args.choice.suites.as_slice() else {
            return Err(Failure::usage(wants_one(args.choice.suites.len())));
        };
        let mut choice = args.choice.clone();
        choice.seed = choice.seed.wrapping_add(round.into());
        let comparison = args.terms.comparison(&args.policy, &args.policy, choice.mode())?;
        let asked =
            Asked { suite, choice: &choice, floor: args.terms.floor, limits: self.limits, known: None };
        let plan = plan(&asked, comparison)?;
        let drawn = |copies: &Vec<Layout>| Builds::drawn(copies, args.building.layouts as usize, choice.seed);
        Ok(RunPlan { builds: self.copies.as_ref().map(drawn), ..plan })
    }

    /// The same plan with every batch of B's longer by `effect`.
    fn slowed(&self, round: u32, effect: f64) -> Result<RunPlan, Failure> {
        if self.args.terms.metric != NS_PER_OP {
            return Err(Failure::usage(format!("--inject slows {NS_PER_OP} and no other metric")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1,000 %")]
        let ppm = (effect.exp_m1() * 1e6).round() as u32;
        let mut plan = self.planned(round)?;
        for (_, cell) in plan.cells.iter_mut().skip(1).step_by(2) {
            slowdown::put(cell, ppm);
        }
        Ok(plan)
    }
}

/// That the command line names no suite, or several.
fn wants_one(named: usize) -> String {
    let how = if named == 0 { "none is named".to_owned() } else { format!("{named} are named") };
    format!("a calibration wants one suite, and {how}: `swiotlb-bench list suites` shows them")
}

fn tell(args: &Args, found: &Calibrated, path: &Path, machine: String) -> Result<Exit, Failure> {
    let tables: Vec<_> = [Some(found.table()), found.power()].into_iter().flatten().collect();
    for table in &tables {
        say(&format!("{}\n", reports::terminal::render(table)))?;
    }
    let gathered = if found.learned_nothing() {
        complain("no verdict was given; nothing learned: what `ab` quotes on this machine stays as it was");
        None
    } else {
        gather(&machine, found)
    };
    let mut own = Calibrations::new(machine);
    own.learn(found.clone());
    let file = path.join(FILE);
    own.save(&file).map_err(Failure::error)?;
    say(&format!("Calibration: {}\n", file.display()))?;
    if let Some(path) = gathered {
        say(&format!("`ab` quotes it from now on: {}\n", path.display()))?;
    }
    args.summary.write(&tables)?;
    if found.calibration.is_wrong_too_often() {
        complain(
            "warning: wrong, with 95 % confidence, more than twice as often as promised: with this calibration `ab` only advises",
        );
    }
    Ok(Exit::Ok)
}

/// How often the suite is compared with itself.
fn rounds(args: &Args, plan: &RunPlan) -> Result<u32, Failure> {
    let contended = plan.contended();
    let judged: Vec<&Pair> =
        plan.comparison.iter().flat_map(|c| &c.pairs).filter(|pair| pair.judged).collect();
    let counted = judged.iter().filter(|pair| !contended.contains(&pair.name)).count();
    if counted == 0 && !judged.is_empty() {
        complain(
            "warning: all cells have several threads, and only advise: floors are learned, and no error rate",
        );
    }
    let cells = if counted == 0 { judged.len() } else { counted };
    let cells = u32::try_from(cells).unwrap_or(u32::MAX);
    if cells == 0 {
        return Err(Failure::usage("no cell gets a verdict: all have more threads than there are cores"));
    }
    Ok(args.comparisons.div_ceil(cells))
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
        let folder = if there { Folder::resume_as(&path, &plan) } else { Folder::begin(&path, plan) };
        let judged = judge(&mut folder.map_err(Failure::error)?, &args.place, whole)?;
        if judged.violated {
            complain(format_args!("{}: an oracle saw a violation: its numbers are void", path.display()));
            return Ok(None);
        }
        trials.push(judged.trial);
    }
    Ok(Some(trials))
}
