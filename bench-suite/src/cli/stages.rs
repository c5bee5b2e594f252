//! What the stages of a night run: command lines, decided when the night begins.
//!
//! Invariant: a command line says all that its stage does. What the night was told by a flag or by a flag's variable is
//! in it, and nothing else reaches the stage.

use super::Failure;
use super::held::refused;
use super::history::say_if_busy;
use super::nightly::Args;
use super::sides::side;
use crate::cell::REVISION;
use crate::measure::gate::file::GateFile;
use crate::measure::shipped;
use crate::measure::side::{Build, Side};
use crate::measure::steady::CONTROL;
use crate::nightly::stage::{Decided, Decision, Name};
use crate::policies::{self, EXTERNAL};
use reports::fingerprint;
use reports::history::{self, History};
use reports::machine::Machine;
use reports::text::shorten;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use workloads::suite::error::nearest;
use workloads::suite::expand::NO_POLICY;

/// What is measured where no suite is named.
pub(super) const QUICK: &str = "quick";
/// The history's folder, where none is named.
pub(super) const HISTORY: &str = "history";

/// What is decided of each stage.
///
/// # Errors
/// A suite, a gate or a baseline that there is not: told before anything runs.
pub(super) fn decided(args: &Args) -> Result<Decided, Failure> {
    let strict = args.strict.then_some("--strict");
    let quick = args.quick.then_some("--quick");
    let limit: Vec<&str> = args.cell_limit.iter().flat_map(|limit| ["--cell-limit", limit]).collect();
    let (control_folder, suites_folder) = (place(args, Name::Control), place(args, Name::Suites));
    let history_folder = args.history.display().to_string();
    let doctor = words(&["doctor"], strict);
    let control = ["measure", "control", "--launches", "5", "--strict", "--out", &control_folder];
    let suites: Vec<&str> = args.suites.iter().map(String::as_str).collect();
    let suites = [&["measure"][..], &suites, &["--out", &suites_folder], &limit].concat();
    let control = [&control[..], &limit].concat();
    let history = words(&["history", "add", &suites_folder, "--history", &history_folder], None);
    let names = names(&args.suites)?;
    let (gate, remark) = gate(args, &names)?;
    let stages = BTreeMap::from([
        (Name::Doctor, Decision::Runs(doctor)),
        (Name::Control, Decision::Runs(words(&control, quick))),
        (Name::Gate, gate),
        (Name::Suites, Decision::Runs(words(&suites, quick))),
        (Name::History, Decision::Runs(history)),
    ]);
    let place = std::env::current_dir().map_err(|e| Failure::error(format!("this folder: {e}")))?;
    Ok(Decided { stages, remarks: remark.into_iter().collect(), strict: args.strict, place })
}

/// What of a command line decides when a night begins, as far as it says anything but what is usual: flags, and
/// variables that stand for them.
pub(super) fn given(args: &Args) -> Vec<String> {
    let suites = args.suites.join(" ");
    let flags = [
        (suites != QUICK, suites.as_str()),
        (args.gate.is_some(), "--gate"),
        (args.baseline.is_some(), "--baseline"),
        (args.history.as_os_str() != HISTORY, "--history"),
        (args.quick, "--quick"),
        (args.strict, "--strict"),
        (args.cell_limit.is_some(), "--cell-limit"),
        (args.fail_inconclusive, "--fail-inconclusive"),
    ];
    let own = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned());
    let shared = args.building.words().into_iter().chain(args.quoted.words());
    own.chain(shared.filter(|word| word.starts_with("--"))).collect()
}

fn words<'a>(words: &[&'a str], more: Option<&'a str>) -> Vec<String> {
    words.iter().copied().chain(more).map(str::to_owned).collect()
}

/// The folder of a stage that measures.
fn place(args: &Args, name: Name) -> String {
    args.out.join(name.word()).display().to_string()
}

/// The names of the night's suites.
fn names(suites: &[String]) -> Result<BTreeSet<String>, Failure> {
    let all = suites.iter().flat_map(|suite| shipped::family(suite));
    all.map(|suite| Ok(shipped::find(&suite).map_err(Failure::usage)?.1.name)).collect()
}

/// The gate's command line, or why there is none; and what there is to say of its baseline.
fn gate(args: &Args, suites: &BTreeSet<String>) -> Result<(Decision, Option<String>), Failure> {
    let Some(path) = &args.gate else {
        return Ok((Decision::LeftOut("no --gate was given".to_owned()), None));
    };
    let file = GateFile::read(path).map_err(refused)?;
    let (a, b, remark) = match baseline(args, suites)? {
        Baseline::Build(side, remark) => {
            let this = this_build(REVISION, &side)?;
            (side, Some(this), remark)
        }
        Baseline::Policy(side) if file.b.is_some() => (side, None, None),
        Baseline::Policy(side) => {
            return Err(Failure::usage(format!(
                "--baseline {side}: a policy, and {} names no `b` that is held against it: write b = \"kernel\", or give \
                 a build as the baseline",
                file.name
            )));
        }
        Baseline::First => {
            let why = "the history has no run yet: this night becomes the first";
            return Ok((Decision::LeftOut(why.to_owned()), None));
        }
        Baseline::None(why) => return Ok((Decision::Amiss(why), None)),
    };
    let mut command = vec!["gate".to_owned(), path.display().to_string(), "--a".to_owned(), a];
    command.extend(b.into_iter().flat_map(|side| ["--b".to_owned(), side]));
    command.extend(["--junit".to_owned(), args.out.join("gate.xml").display().to_string()]);
    command.extend(["--out".to_owned(), place(args, Name::Gate)]);
    command.extend(args.cell_limit.iter().flat_map(|limit| ["--cell-limit".to_owned(), limit.clone()]));
    command.extend(args.building.words());
    command.extend(args.quoted.words());
    command.extend(args.fail_inconclusive.then(|| "--fail-inconclusive".to_owned()));
    command.extend(args.strict.then(|| "--strict".to_owned()));
    Ok((Decision::Runs(command), remark))
}

/// This program as a side, of `revision`, to be held against `baseline`: its revision, which is built by the same profile
/// and in as many layouts; where files were edited since, the checkout's; beside programs that somebody has built,
/// this very program.
fn this_build(revision: &str, baseline: &str) -> Result<String, Failure> {
    if is_commit(revision) {
        return Ok(format!("rev:{revision}"));
    }
    if !matches!(side(baseline)?.build, Some(Build::Programs(_))) {
        return Ok("rev:.".to_owned());
    }
    let this =
        std::env::current_exe().map_err(|e| Failure::error(format!("this program's own file: {e}")))?;
    Ok(format!("build:{}", this.display()))
}

/// Whether a revision names a commit, and nothing that was changed since.
fn is_commit(revision: &str) -> bool {
    !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the gate holds this program against.
#[derive(Debug, PartialEq, Eq)]
enum Baseline {
    /// Another build of it, and what there is to say of it.
    Build(String, Option<String>),
    /// One of its own policies: the gate's file says which other.
    Policy(String),
    /// There was no night before.
    First,
    /// Nothing, and why.
    None(String),
}

fn baseline(args: &Args, suites: &BTreeSet<String>) -> Result<Baseline, Failure> {
    match &args.baseline {
        Some(text) if baseline_side(text)?.build.is_some() => {
            Ok(Baseline::Build(text.clone(), Some(format!("Baseline: {text}, as --baseline says."))))
        }
        Some(text) => Ok(Baseline::Policy(text.clone())),
        None => accepted(&args.history, &fingerprint::of(&Machine::read()), suites),
    }
}

/// The side that `--baseline` names.
fn baseline_side(text: &str) -> Result<Side, Failure> {
    let (policy, known) = (Side::policy_of(text), policies::names([]).map_err(Failure::error)?);
    let is_known = known.contains(&policy) || policy == NO_POLICY || policy.starts_with(EXTERNAL);
    let forms = "a build is rev:REVISION, rev:. or build:PATH; `list policies` names the policies";
    if !is_known && nearest(policy, &known).is_empty() {
        let policy = shorten(policy, 60);
        return Err(Failure::usage(format!("--baseline: there is no policy `{policy}`; {forms}")));
    }
    side(text).map_err(|failure| failure.of("--baseline").and(forms))
}

/// The last accepted run in the history that is of a commit: of `machine` and the night's suites, as far as the history
/// knows them there; else any, since the gate builds and runs both sides here. The control runs none of our code: where
/// it shifts, the host has, and no build is to blame.
fn accepted(folder: &Path, machine: &str, suites: &BTreeSet<String>) -> Result<Baseline, Failure> {
    // What stands there instead of a folder is told once the history is to be made.
    if !folder.is_dir() {
        return Ok(Baseline::First);
    }
    say_if_busy(folder);
    let history = History::open(folder).map_err(Failure::error)?;
    let runs = history.runs().map_err(Failure::error)?;
    if runs.is_empty() {
        return Ok(Baseline::First);
    }
    let of_machine = runs.iter().filter(|run| run.machines.contains(machine));
    let known: BTreeSet<&String> = of_machine.flat_map(|run| &run.suites).collect();
    let asked = suites.iter().filter(|name| known.contains(name) && *name != CONTROL);
    let asked: Vec<&str> = asked.map(String::as_str).collect();
    let found = history.baseline(machine, &asked, &|run| is_commit(&run.revision)).map_err(Failure::error)?;
    Ok(match found {
        Some(found) => Baseline::Build(format!("rev:{}", found.run.revision), Some(told(&found, machine))),
        None => Baseline::None(
            "no run of the history before its open shifts is of a commit, which could be built again: give --baseline \
             SIDE once; a night that passes against it is the baseline of the next"
                .to_owned(),
        ),
    })
}

/// `Baseline: rev:0a1b2c3d4e5f, the run … of 3 days ago; 2 later runs are passed over, 4 series have an open shift.`
fn told(found: &history::baseline::Baseline, machine: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = now.saturating_sub(found.run.started) / 86_400;
    let elsewhere = if found.run.machines.contains(machine) { "" } else { ", of another machine" };
    let open = if found.open == 0 {
        String::new()
    } else {
        format!(
            ", {} series have an open shift (`history show` lists them, `history accept` settles them)",
            found.open
        )
    };
    format!(
        "Baseline: rev:{}, the run {} of {days} days ago{elsewhere}; {} later runs are passed over{open}.",
        found.run.revision, found.run.name, found.passed_over
    )
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
