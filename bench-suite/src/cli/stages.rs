//! What the stages of a night run: command lines, decided when the night begins.
//!
//! Invariant: a command line says all that its stage does. What the night was told by a flag or by a flag's variable is
//! in it, and nothing else reaches the stage.

use super::Failure;
use super::held::refused;
use super::nightly::Args;
use super::sides::side;
use crate::cell::REVISION;
use crate::measure::gate::file::GateFile;
use crate::measure::shipped;
use crate::measure::steady::CONTROL;
use crate::nightly::stage::{Decision, Name};
use reports::fingerprint;
use reports::history::History;
use reports::machine::Machine;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is decided of each stage.
///
/// # Errors
/// A suite, a gate or a baseline that there is not: told before anything runs.
pub(super) fn decided(args: &Args) -> Result<BTreeMap<Name, Decision>, Failure> {
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
    Ok(BTreeMap::from([
        (Name::Doctor, Decision::Runs(doctor)),
        (Name::Control, Decision::Runs(words(&control, quick))),
        (Name::Gate, gate(args, &names)?),
        (Name::Suites, Decision::Runs(words(&suites, quick))),
        (Name::History, Decision::Runs(history)),
    ]))
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

/// The gate's command line, or why there is none.
fn gate(args: &Args, suites: &BTreeSet<String>) -> Result<Decision, Failure> {
    let Some(path) = &args.gate else { return Ok(Decision::LeftOut("no --gate was given".to_owned())) };
    let file = GateFile::read(path).map_err(refused)?;
    let (a, b) = match baseline(args, suites)? {
        Baseline::Build(side) => (side, Some(this_build()?)),
        Baseline::Policy(side) if file.b.is_some() => (side, None),
        Baseline::Policy(side) => {
            return Err(Failure::usage(format!(
                "--baseline {side}: a policy, and {} names no `b` that is held against it: write b = \"kernel\", or give \
                 a build as the baseline",
                file.name
            )));
        }
        Baseline::None(why) => return Ok(Decision::LeftOut(why)),
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
    Ok(Decision::Runs(command))
}

/// This program as a side: its revision, which is built in several layouts as the baseline is; where it is of no
/// revision, the program alone.
fn this_build() -> Result<String, Failure> {
    if is_commit(REVISION) {
        return Ok(format!("rev:{REVISION}"));
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
    /// Another build of it.
    Build(String),
    /// One of its own policies: the gate's file says which other.
    Policy(String),
    /// Nothing, and why.
    None(String),
}

fn baseline(args: &Args, suites: &BTreeSet<String>) -> Result<Baseline, Failure> {
    match &args.baseline {
        Some(text) if side(text)?.build.is_some() => Ok(Baseline::Build(text.clone())),
        Some(text) => Ok(Baseline::Policy(text.clone())),
        None => accepted(&args.history, &fingerprint::of(&Machine::read()), suites),
    }
}

/// The last accepted run of `machine` in the history, as far as the history knows the night's suites. The control runs
/// none of our code: where it shifts, the host has, and no build is to blame.
fn accepted(folder: &Path, machine: &str, suites: &BTreeSet<String>) -> Result<Baseline, Failure> {
    let none = || {
        let why = "the history has no accepted run on this machine: this night becomes the first";
        Ok(Baseline::None(why.to_owned()))
    };
    if !folder.exists() {
        return none();
    }
    let history = History::open(folder).map_err(Failure::error)?;
    let runs = history.runs().map_err(Failure::error)?;
    let of_machine = runs.iter().filter(|run| run.machines.contains(machine));
    let known: BTreeSet<&String> = of_machine.flat_map(|run| &run.suites).collect();
    let asked: Vec<&str> = suites.iter().filter(|name| known.contains(name)).map(String::as_str).collect();
    let asked: Vec<&str> = asked.into_iter().filter(|name| *name != CONTROL).collect();
    if asked.is_empty() {
        return none();
    }
    let found = history.baseline(machine, &asked).map_err(Failure::error)?;
    let Some(revision) = found.map(|baseline| baseline.run.revision) else { return none() };
    Ok(if is_commit(&revision) {
        Baseline::Build(format!("rev:{revision}"))
    } else {
        Baseline::None(format!(
            "the last accepted run is of the revision `{revision}`, which cannot be built again: give --baseline"
        ))
    })
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
