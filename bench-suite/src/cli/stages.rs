//! What the stages of a night run: command lines, decided when the night begins.

use super::Failure;
use super::nightly::Args;
use crate::cell::REVISION;
use crate::nightly::stage::Name;
use reports::fingerprint;
use reports::history::History;
use reports::machine::Machine;
use std::collections::BTreeMap;

/// Each stage's command line, and why stages are left out.
type Decided = (BTreeMap<Name, Vec<String>>, Vec<(Name, String)>);

pub(super) fn commands(args: &Args) -> Result<Decided, Failure> {
    let place = |name: Name| args.out.join(name.word()).display().to_string();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut doctor = words(&["doctor"]);
    doctor.extend(args.strict.then(|| "--strict".to_owned()));
    let control =
        words(&["measure", "control", "--launches", "5", "--strict", "--out", &place(Name::Control)]);
    let mut suites = words(&["measure"]);
    suites.extend(args.suites.iter().cloned());
    suites.extend(args.quick.then(|| "--quick".to_owned()));
    suites.extend(words(&["--out", &place(Name::Suites)]));
    let history =
        words(&["history", "add", &place(Name::Suites), "--history", &args.history.display().to_string()]);
    let mut all = BTreeMap::from([
        (Name::Doctor, doctor),
        (Name::Control, control),
        (Name::Suites, suites),
        (Name::History, history),
    ]);
    let mut left_out = Vec::new();
    match gate(args)? {
        Ok(command) => drop(all.insert(Name::Gate, command)),
        Err(why) => left_out.push((Name::Gate, why)),
    }
    Ok((all, left_out))
}

/// The gate's command line, or why there is none.
fn gate(args: &Args) -> Result<Result<Vec<String>, String>, Failure> {
    let Some(gate) = &args.gate else { return Ok(Err("no --gate was given".to_owned())) };
    let baseline = match baseline(args)? {
        Ok(side) => side,
        Err(why) => return Ok(Err(why)),
    };
    let path = |name: &str| args.out.join(name).display().to_string();
    let mut command = vec!["gate".to_owned(), gate.display().to_string()];
    for (flag, value) in [
        ("--a", baseline),
        ("--b", this_build()?),
        ("--junit", path("gate.xml")),
        ("--out", path(Name::Gate.word())),
    ] {
        command.extend([flag.to_owned(), value]);
    }
    command.extend(args.strict.then(|| "--strict".to_owned()));
    Ok(Ok(command))
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

/// The side that the gate holds this program against, or why there is none.
fn baseline(args: &Args) -> Result<Result<String, String>, Failure> {
    if let Some(side) = &args.baseline {
        return Ok(Ok(side.clone()));
    }
    let none =
        || Err("the history has no accepted run on this machine: this night becomes the first".to_owned());
    if !args.history.exists() {
        return Ok(none());
    }
    let history = History::open(&args.history).map_err(Failure::error)?;
    let found = history.baseline(&fingerprint::of(&Machine::read()), &[]).map_err(Failure::error)?;
    let Some(revision) = found.map(|baseline| baseline.run.revision) else { return Ok(none()) };
    Ok(if is_commit(&revision) {
        Ok(format!("rev:{revision}"))
    } else {
        Err(format!(
            "the last accepted run is of the revision `{revision}`, which cannot be built again: give --baseline"
        ))
    })
}
