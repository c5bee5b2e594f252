//! `swiotlb-bench ab A B SUITE`: two sides in paired blocks, judged at declared looks.

use super::building::Building;
use super::choice::Choice;
use super::judging::{Judged, judge};
use super::markdown::Summary;
use super::measure::{check, fits, seconds};
use super::out::{all, ending, say};
use super::quoted::Quoted;
use super::session::Where;
use super::sides::{Asked, plan, side};
use super::{Exit, Failure, complain};
use crate::measure::calibrations::Wanted;
use crate::measure::comparison::{Comparison, rules};
use crate::measure::folder::{Folder, FolderError, is_the_same};
use crate::measure::plan::RunPlan;
use crate::measure::{fit, judged, metrics, shipped};
use reports::compare::effect::from_percent;
use reports::compare::floor::Floor;
use reports::compare::verdict::{State, Verdict};
use reports::fingerprint;
use reports::machine::Machine;
use reports::table::Table;
use reports::units::{minutes, plural};
use std::collections::BTreeSet;
use std::path::Path;
use workloads::suite::Mode;

/// What to compare.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The base: a policy (`ext:PATH.so` for one in a shared library), `policy:key=value,key=value`, or
    /// `swiotlb=SLOTS,AREAS`; or a build: `rev:REVISION` of this checkout's repository, `rev:.` for the checkout as
    /// it is, `build:PATH+PATH` for programs that there are, each with `::` and what it runs after it
    /// (`rev:HEAD~1::fast:nareas=2`), which is `kernel` where nothing is said.
    a: String,
    /// What is compared with it; the same one shows the noise alone.
    b: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    summary: Summary,
    #[command(flatten)]
    quoted: Quoted,
    #[command(flatten)]
    building: Building,
    /// Only say how many launches there are, and what they can find.
    #[arg(long)]
    dry_run: bool,
    /// End with exit code 5 where a cell ends without an answer.
    #[arg(long, env = "SWIOTLB_BENCH_FAIL_INCONCLUSIVE", value_parser = super::switch())]
    fail_inconclusive: bool,
}

const AFTER_HELP: &str = "\
How sure a verdict is: docs/METHODOLOGY.md. With --quick it only advises.

Exit codes: 0 nothing regressed; 1 a cell has no whole block, or a file, the host or a full disk stood in the way; 2 wrong \
command line; 3 a regression is confirmed; 4 an oracle saw a violation; 5 a cell ended without an answer (only with \
--fail-inconclusive); 6 the machine is not fit, or the control moved (only with --strict).";

/// What is declared before the first block.
#[derive(clap::Args)]
pub(super) struct Terms {
    /// One look after N blocks instead of looks at 12, 18 and 24 (6 with --quick, which only advises).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "SWIOTLB_BENCH_BLOCKS")]
    pub blocks: Option<u32>,
    /// The metric that is compared.
    #[arg(long, value_name = "NAME", default_value = "ns_per_op", env = "SWIOTLB_BENCH_METRIC")]
    pub metric: String,
    /// A change has to be larger than this to count.
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = percentage, env = "SWIOTLB_BENCH_FLOOR")]
    pub floor: f64,
    /// The cells are one family, in which no change may be false (Holm), instead of a sweep, in which few
    /// of the changes may be (Benjamini-Hochberg).
    #[arg(long, env = "SWIOTLB_BENCH_HOLM", value_parser = super::switch())]
    pub gate: bool,
    /// Run A a second time in each block: where that moves too, the blocks measured something else.
    #[arg(long, env = "SWIOTLB_BENCH_NULL", value_parser = super::switch())]
    pub null: bool,
}

/// The effect of a change in percent, as `1%` or `0.5%`.
pub(super) fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let number = number.filter(|number| (0.0..=1_000.0).contains(number));
    number.map(from_percent).ok_or_else(|| "write a percentage, as 1%".to_owned())
}

impl Terms {
    /// The comparison of `a` with `b` in these terms, its pairs yet to come.
    pub(super) fn comparison(&self, a: &str, b: &str, mode: Mode) -> Result<Comparison, Failure> {
        if let Some(wrong) = metrics::mistake(&self.metric) {
            return Err(Failure::usage(format!("--metric: {wrong}")));
        }
        let rules = rules(self.blocks, mode == Mode::Quick, self.gate)
            .map_err(|error| Failure::usage(format!("--blocks: {error}")))?;
        let (a, b, metric) = (a.to_owned(), b.to_owned(), self.metric.clone());
        Ok(Comparison { a, b, null: self.null, metric, rules, calibration: None, pairs: Vec::new() })
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    args.place.time_limit()?;
    let machine = Machine::read();
    let limits = fit::limits(&machine);
    let plan = planned(args, &machine)?;
    check(&plan)?;
    if !fits(&plan, limits) && args.place.strict {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        say(&format!("{}{}", cost(&plan)?, args.building.outlook(&plan)?))?;
        return Ok(Exit::Ok);
    }
    let path = args.place.folder(&format!("ab-{}-{}", in_a_name(&args.a), in_a_name(&args.b)));
    let plan = args.building.built(plan, &args.place)?;
    let folder = if args.place.resume { resumed(&path, &plan) } else { Folder::begin(&path, plan) };
    go(args, &path, folder.map_err(Failure::error)?)
}

fn planned(args: &Args, machine: &Machine) -> Result<RunPlan, Failure> {
    let [suite] = args.choice.suites.as_slice() else {
        let message =
            "a comparison wants one suite, as in `ab kernel fast quick-search`; `list suites` shows them";
        return Err(Failure::usage(message));
    };
    let comparison = args.terms.comparison(&args.a, &args.b, args.choice.mode())?;
    let null = args.building.null(&side(&args.a)?, &side(&args.b)?)?;
    let name = shipped::find(suite).map_err(Failure::usage)?.1.name;
    let (floor, limits) = (args.terms.floor, fit::limits(machine));
    let (metric, effort) = (&args.terms.metric, args.choice.mode());
    let wanted = Wanted { null, suite: &name, metric, rules: &comparison.rules, floor, effort };
    let (known, source) = args.quoted.find(&fingerprint::of(machine), wanted)?;
    let asked = Asked { suite, choice: &args.choice, floor, limits, known: known.as_ref() };
    let plan = plan(&asked, comparison)?;
    Ok(RunPlan { remarks: vec![source], ..plan })
}

/// The run in `path`, if it is that of `plan`.
pub(super) fn resumed(path: &Path, plan: &RunPlan) -> Result<Folder, FolderError> {
    let (found, _) = Folder::look(path)?;
    is_the_same(path, &unquoted(&found), &unquoted(plan))?;
    Folder::resume(path, |_| true)
}

/// The plan without what was quoted when it was made: a run is judged by what was known when it began, whatever
/// was learned since.
fn unquoted(plan: &RunPlan) -> RunPlan {
    let mut plan = RunPlan { remarks: Vec::new(), ..plan.clone() };
    if let Some(comparison) = &mut plan.comparison {
        comparison.calibration = None;
        comparison.pairs.iter_mut().for_each(|pair| pair.floor = Floor::of(pair.floor.user));
    }
    plan
}

/// A side as a part of a folder's name.
pub(super) fn in_a_name(side: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    side.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// Launches at each look with the time that they take, and what they can find.
pub(super) fn cost(plan: &RunPlan) -> Result<String, Failure> {
    let Some(comparison) = &plan.comparison else { return Ok(String::new()) };
    let seconds = seconds(plan)?;
    let up_to = |blocks: u32| {
        let steps = plan.steps.iter().filter(|step| step.block.is_some_and(|block| block < blocks));
        steps.fold((0_u32, 0.0), |(launches, sum), step| (launches + 1, sum + seconds(step.cell)))
    };
    let look = |(_, to)| {
        let (launches, seconds) = up_to(to);
        format!("{to} blocks: {launches} (about {})", minutes(seconds))
    };
    let looks: Vec<String> = comparison.spans().map(look).collect();
    let notes: Vec<String> =
        judged::notes(comparison).into_iter().chain(plan.remarks.iter().cloned()).collect();
    let notes = notes.join("\n");
    let pairs = comparison.pairs.len();
    let cells = plural(pairs as u64, "cell");
    Ok(format!("{pairs} {cells}; launches at {}\n{notes}\n", looks.join(", ")))
}

fn go(args: &Args, path: &Path, mut folder: Folder) -> Result<Exit, Failure> {
    let judged = judge(&mut folder, &args.place, path)?;
    let runs = folder.runs_file();
    let told = all([
        say(&format!("{}Records: {}\n", shown(&judged.narrow), runs.display())),
        args.summary.write(std::slice::from_ref(&judged.table)),
    ]);
    ending(exit(args, &judged), told, &runs)
}

/// Tables as a terminal shows them, one below the other.
pub(super) fn shown(tables: &[Table]) -> String {
    tables.iter().map(reports::terminal::render).collect::<Vec<_>>().join("\n")
}

/// A failed oracle before a regression, a regression before what is missing.
fn exit(args: &Args, judged: &Judged) -> Exit {
    if judged.violated {
        complain("an oracle saw a violation: the numbers are void, and the comparison ended there");
        return Exit::Verification;
    }
    let verdicts = judged.trial.verdicts();
    if verdicts.iter().any(|verdict| verdict.blocks == 0) {
        complain("a cell has no whole block: its records say why");
    }
    if !judged.lost.is_empty() {
        complain(format_args!("no number can be trusted where launches fail:\n{}", judged.lost.join("\n")));
    }
    let strict = (args.place.strict, args.fail_inconclusive);
    match verdict_of(verdicts, &judged.contended, judged.only_advises, strict) {
        Exit::Ok | Exit::Inconclusive if !judged.lost.is_empty() => Exit::Error,
        end => end,
    }
}

/// What the verdicts end with. The answers of contended cells count for nothing; that they have none at all does.
fn verdict_of(
    verdicts: &[Verdict],
    contended: &BTreeSet<String>,
    only_advises: bool,
    (strict, fail_inconclusive): (bool, bool),
) -> Exit {
    let answers = || verdicts.iter().filter(|verdict| !contended.contains(&verdict.cell));
    let counts = |v: &&Verdict| !v.only_advises() && !v.null_moved();
    if !only_advises && answers().filter(counts).any(|v| v.state == State::Regressed) {
        return Exit::Regression;
    }
    if verdicts.iter().any(|verdict| verdict.blocks == 0) {
        return Exit::Error;
    }
    if strict && answers().any(Verdict::null_moved) {
        return Exit::Unfit;
    }
    let open = answers().any(|verdict| verdict.state == State::Inconclusive);
    if fail_inconclusive && open { Exit::Inconclusive } else { Exit::Ok }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::compare::effect::Better;
    use reports::compare::verdict::Null;

    fn verdict(state: State, blocks: u32, moved: bool) -> Verdict {
        let null = Some(Null { estimate: None, interval: None, moved });
        let (better, floor, advice) = (Better::Lower, Floor::of(0.01), false);
        let (estimate, interval, minimum_detectable, discarded) = (None, None, None, 0);
        let (cell, p, level, look) = ("s/c".to_owned(), 1.0, 0.05, 12);
        Verdict {
            cell,
            state,
            better,
            estimate,
            interval,
            p,
            level,
            floor,
            look,
            blocks,
            discarded,
            minimum_detectable,
            null,
            advice,
        }
    }

    #[test]
    fn no_exit_code_rests_on_what_contended_cells_answer() {
        let (alone, contended) = (BTreeSet::new(), BTreeSet::from(["s/c".to_owned()]));
        let of = |verdict, contended| verdict_of(&[verdict], contended, false, (true, true));
        for (verdict, code) in [
            (verdict(State::Regressed, 24, false), Exit::Regression),
            (verdict(State::Inconclusive, 24, false), Exit::Inconclusive),
            (verdict(State::Equivalent, 24, true), Exit::Unfit),
        ] {
            assert_eq!(of(verdict.clone(), &alone), code);
            assert_eq!(of(verdict, &contended), Exit::Ok);
        }
        assert_eq!(of(verdict(State::Inconclusive, 0, false), &contended), Exit::Error);
    }

    #[test]
    fn percentages_have_their_sign() {
        assert!(percentage("1%").is_ok_and(|effect| (effect - 1.01_f64.ln()).abs() < 1e-12));
        assert_eq!(percentage("0%"), Ok(0.0));
        for wrong in ["1", "-1%", "%", "one%", "nan%", "inf%"] {
            assert!(percentage(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_side_in_a_name_holds_nothing_that_a_path_would() {
        assert_eq!(in_a_name("kernel:rate=100k/s,nareas=2"), "kernel_rate_100k_s_nareas_2");
        assert_eq!(in_a_name("lookup-sorted"), "lookup-sorted");
    }
}
