//! `swiotlb-bench gate GATE.toml`: declared cells, each held to declared metrics; one exit code.

use super::ab::{in_a_name, resumed, shown as in_text};
use super::building::Building;
use super::held::{Gate, refused, warn};
use super::judging::{remarks, tell};
use super::markdown::Summary;
use super::measure::{check, fits, seconds};
use super::out::{all, ending, say};
use super::quoted::Quoted;
use super::session::{Driver, Where};
use super::sides::side;
use super::{Exit, Failure, complain};
use crate::measure::doctor::{Look, examine, unfit};
use crate::measure::fit;
use crate::measure::folder::Folder;
use crate::measure::gate::confirm::leave;
use crate::measure::gate::file::GateFile;
use crate::measure::gate::finding::{Finding, Findings, Outcome};
use crate::measure::gate::launch::Counted;
use crate::measure::gate::tally::Tally;
use crate::measure::gate::{cases, shown};
use crate::measure::paired::paired;
use crate::measure::plan::RunPlan;
use crate::measure::side::Side;
use crate::measure::trial::Trial;
use crate::measure::whole;
use reports::compare::verdict::State;
use reports::machine::Machine;
use reports::record::RunRecord;
use std::path::{Path, PathBuf};
use workloads::suite::error::Place;

/// What to hold to what.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The gate's file: two sides, and cells with what each is held to.
    #[arg(value_name = "GATE.toml")]
    file: PathBuf,
    /// The base, instead of the file's `a`.
    #[arg(long, value_name = "SIDE", env = "SWIOTLB_BENCH_GATE_A")]
    a: Option<String>,
    /// What is compared with it, instead of the file's `b`.
    #[arg(long, value_name = "SIDE", env = "SWIOTLB_BENCH_GATE_B")]
    b: Option<String>,
    /// The seed of everything drawn at random.
    #[arg(long, value_name = "N", default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    seed: u64,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    summary: Summary,
    /// Write the checks as JUnit XML.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_JUNIT")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    quoted: Quoted,
    #[command(flatten)]
    building: Building,
    /// Only say how many launches there are, how long they take, and what they can find.
    #[arg(long)]
    dry_run: bool,
    /// End with exit code 5 where a judged cell ends without an answer; every open cell is confirmed then, not only
    /// suspicious ones.
    #[arg(long, env = "SWIOTLB_BENCH_FAIL_INCONCLUSIVE", value_parser = super::switch())]
    fail_inconclusive: bool,
}

const AFTER_HELP: &str = "\
The file's form, and how sure a verdict is: docs/GATE.md.

Exit codes: 0 nothing regressed; 1 a check has no number because its launches are void (processes failed, one side far more often than the other, or too many), or a file, the host or a full disk stood in the way; 2 wrong command \
line or gate file; 3 a regression is confirmed; 4 an oracle saw a violation; 5 a judged cell ended without an answer \
(only with --fail-inconclusive); 6 the machine is not fit, or the control moved (only with --strict).";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    args.place.time_limit()?;
    let machine = Machine::read();
    let plan = planned(args, &machine)?;
    check(&plan)?;
    let is_fit = fits(&plan, fit::limits(&machine));
    let outlook = shown::outlook(&plan, seconds(&plan)?);
    if args.dry_run {
        say(&format!("{outlook}{}", args.building.outlook(&plan)?))?;
    } else {
        complain(outlook);
    }
    warn(&plan);
    if args.place.strict && !is_fit {
        return Ok(Exit::Unfit);
    }
    if args.dry_run {
        return Ok(Exit::Ok);
    }
    let unfit = if args.place.strict { unfit(&examine(&machine, &Look::take())).count() } else { 0 };
    if unfit > 0 {
        complain(format_args!("{unfit} facts make this machine unfit: `swiotlb-bench doctor` shows them"));
        return Ok(Exit::Unfit);
    }
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = args.place.folder(&format!("gate-{}", in_a_name(&stem)));
    let plan = args.building.gated(plan, &args.place, &path)?;
    let folder = if args.place.resume { resumed(&path, &plan) } else { Folder::begin(&path, plan) };
    go(args, &path, folder.map_err(Failure::error)?)
}

fn planned(args: &Args, machine: &Machine) -> Result<RunPlan, Failure> {
    let file = GateFile::read(&args.file).map_err(refused)?;
    let [(a, of_a), (b, of_b)] = [named(&file, "a", &args.a, &file.a)?, named(&file, "b", &args.b, &file.b)?];
    let null = args.building.null(&of_a, &of_b)?;
    Gate { file: &file, a: &a, b: &b, seed: args.seed, quoted: (&args.quoted, null) }.plan(machine)
}

/// A side as it was written: on the command line, else in the file.
fn named(
    file: &GateFile,
    key: &str,
    given: &Option<String>,
    written: &Option<(String, Place)>,
) -> Result<(String, Side), Failure> {
    let in_the_file = |place, failure: Failure| {
        let message = file.mistake(place, format!("`{key}`: {}", failure.message)).to_string();
        Failure { message, ..failure }
    };
    match (given, written) {
        (Some(text), _) => Ok((text.clone(), side(text).map_err(|failure| failure.of(&format!("--{key}")))?)),
        (None, Some((text, place))) => {
            Ok((text.clone(), side(text).map_err(|failure| in_the_file(*place, failure))?))
        }
        (None, None) => Err(Failure::usage(format!(
            "{}: the gate names no `{key}`: write {key} = \"kernel\", or give --{key}",
            file.name
        ))),
    }
}

fn go(args: &Args, path: &Path, mut folder: Folder) -> Result<Exit, Failure> {
    let comparison = folder.plan.comparison.clone();
    let comparison = comparison.ok_or_else(|| Failure::error("the run in this folder is no gate"))?;
    let mut trial = Trial::new(comparison).map_err(Failure::error)?;
    let records = looked(args, path, &mut folder, &mut trial)?;
    let pairs = paired(&folder.plan, &records);
    let findings = Findings::of(&folder.plan, &trial, &pairs, &records);
    let remarks = remarks(&folder.plan, &pairs);
    let (mut table, (mut narrow, steps)) =
        (shown::table(&folder.plan, &findings), shown::narrow(&folder.plan, &findings));
    table.notes.extend(remarks.iter().cloned());
    narrow.notes.extend(remarks);
    let runs = folder.runs_file();
    let text = in_text(&[Some(narrow), steps].into_iter().flatten().collect::<Vec<_>>());
    let fail = |path: &Path, e: std::io::Error| Failure::error(format!("{}: {e}", path.display()));
    let told = all([
        say(&format!("{text}Records: {}\n", runs.display())),
        args.summary.write(std::slice::from_ref(&table)),
        args.junit.as_deref().map_or(Ok(()), |file| {
            let text = cases::junit(&args.file.display().to_string(), &findings);
            whole::write(file, &text).map_err(|e| fail(file, e))
        }),
        Tally::of(&findings).save(path).map_err(|e| fail(path, e)),
    ]);
    warn(&folder.plan);
    ending(ended(args, &records, &findings), told, &runs)
}

/// Screens, then confirms; all records.
fn looked(
    args: &Args,
    path: &Path,
    folder: &mut Folder,
    trial: &mut Trial,
) -> Result<Vec<RunRecord>, Failure> {
    let mut driver = Driver::with(folder, &args.place, path, |processes| Box::new(Counted::new(processes)))?;
    driver.run(folder, &|step| step.counting.is_some())?;
    let mut records = folder.records().map_err(Failure::error)?;
    while let Some(blocks) = trial.next_look().filter(|_| !records.iter().any(RunRecord::is_violated)) {
        driver.run(folder, &trial.wants(blocks))?;
        records = folder.records().map_err(Failure::error)?;
        let pairs = paired(&folder.plan, &records);
        trial.look(blocks, &pairs).map_err(Failure::error)?;
        leave(trial, &pairs, args.fail_inconclusive);
        tell(trial);
    }
    Ok(records)
}

/// A failed oracle before anything else, an exact regression before a machine that is not fit for times, those before a
/// regression of time, and that before what is missing.
fn ended(args: &Args, records: &[RunRecord], findings: &Findings) -> Exit {
    if let Some(record) = records.iter().find(|record| record.is_violated()) {
        complain(format_args!("{}: an oracle saw a violation: its numbers are void", record.scenario));
        return Exit::Verification;
    }
    let regressed: Vec<String> = findings
        .said(State::Regressed)
        .map(|finding| format!("{} of {}", finding.check.metric, finding.cell))
        .collect();
    if !regressed.is_empty() {
        complain(format_args!("regressed:\n{}", regressed.join("\n")));
        return Exit::Regression;
    }
    let void = |finding: &Finding| {
        format!("{} of {}: {}", finding.check.metric, finding.cell, shown::verdict(finding))
    };
    let void: Vec<String> = findings.void().map(void).collect();
    if !void.is_empty() {
        complain(format_args!("no number where there should be one:\n{}", void.join("\n")));
        return Exit::Error;
    }
    if findings.control_moved() {
        complain("warning: the control, which runs none of our code, moved: verdicts of time only advise");
        if args.place.strict {
            return Exit::Unfit;
        }
    }
    let open = findings.all.iter().any(|f| f.outcome == Outcome::Said(State::Inconclusive));
    if args.fail_inconclusive && open { Exit::Inconclusive } else { Exit::Ok }
}
