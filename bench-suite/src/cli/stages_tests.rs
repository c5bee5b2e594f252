//! Tests of what a night decides before it begins.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;
use clap::Parser;
use reports::evidence::Place;
use reports::record::{Kind, PolicyName, RunRecord};

const GATE: &str = "a = \"kernel\"\n[[cells]]\nsuite = \"quick-search\"\nmetrics = [\"counters\"]\n";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn decided_of(arguments: &[&str]) -> Result<BTreeMap<Name, Decision>, Failure> {
    let line = ["nightly", "--out", "n"].into_iter().chain(arguments.iter().copied());
    decided(&Line::try_parse_from(line).unwrap().args)
}

/// A stage's command line in one string; why it is left out.
fn told(arguments: &[&str], name: Name) -> Result<String, String> {
    match decided_of(arguments)
        .unwrap_or_else(|failure| panic!("{arguments:?}: {}", failure.message))
        .remove(&name)
    {
        Some(Decision::Runs(words)) => Ok(words.join(" ")),
        Some(Decision::LeftOut(why)) => Err(why),
        None => panic!("{name:?} is not decided"),
    }
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_command_line_says_all_that_the_night_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let gate = file(folder.path(), "g.toml", GATE);
    let usual = ["quick-search", "--gate", &gate, "--baseline", "build:/old"];
    let gated = told(&usual, Name::Gate).unwrap();
    assert!(gated.starts_with(&format!("gate {gate} --a build:/old --b ")), "{gated}");
    // What is usual is not said.
    assert!(gated.ends_with(" --junit n/gate.xml --out n/gate"), "{gated}");
    assert_eq!(told(&usual, Name::Suites).unwrap(), "measure quick-search --out n/suites");
    assert_eq!(told(&usual, Name::History).unwrap(), "history add n/suites --history history");
    let more =
        ["--layouts", "3", "--cache", "c", "--no-calibration", "--cell-limit", "9s", "--fail-inconclusive"];
    let all = [&usual[..], &more, &["--strict", "--quick", "--history", "h"]].concat();
    let gated = told(&all, Name::Gate).unwrap();
    let told_more = "--cell-limit 9s --layouts 3 --cache c --no-calibration --fail-inconclusive --strict";
    assert!(gated.ends_with(told_more), "{gated}");
    assert_eq!(told(&all, Name::Doctor).unwrap(), "doctor --strict");
    let control = "measure control --launches 5 --strict --out n/control --cell-limit 9s --quick";
    assert_eq!(told(&all, Name::Control).unwrap(), control);
    assert_eq!(
        told(&all, Name::Suites).unwrap(),
        "measure quick-search --out n/suites --cell-limit 9s --quick"
    );
    assert_eq!(told(&all, Name::History).unwrap(), "history add n/suites --history h");
}

#[test]
fn a_policy_as_the_baseline_is_held_against_the_gate_s_own_b() {
    let folder = tempfile::tempdir().unwrap();
    let both = file(folder.path(), "both.toml", &format!("b = \"fast\"\n{GATE}"));
    let gated = told(&["quick-search", "--gate", &both, "--baseline", "kernel"], Name::Gate).unwrap();
    assert!(gated.contains("--a kernel --junit"), "{gated}");
    let alone = file(folder.path(), "alone.toml", GATE);
    let refused = |arguments: &[&str], what: &str| {
        let failure = decided_of(arguments).unwrap_err();
        assert!(
            failure.exit == super::super::Exit::Usage && failure.message.contains(what),
            "{}",
            failure.message
        );
    };
    refused(&["quick-search", "--gate", &alone, "--baseline", "kernel"], "alone.toml names no `b`");
    refused(&["quick-search", "--gate", &alone, "--baseline", "kernle"], "the nearest is kernel");
    refused(&["quick-search", "--gate", "/nowhere.toml"], "/nowhere.toml: No such file");
    refused(&["quick-serch"], "the nearest is quick-search");
}

/// A history of nights of this suite on the machine at hand, each of a revision of its own.
fn history(folder: &Path, suite: &str, levels: &[f64]) -> History {
    let mut history = History::create(&folder.join("kept")).unwrap();
    for (ns, night) in levels.iter().zip(0_u32..) {
        let launch = |launch: u32| {
            let mut record = RunRecord::new(Kind::Cell, format!("{suite}/x=1"), PolicyName::default());
            record.place = Some(Place { launch, ..Place::default() });
            (record.suite, record.machine) = (Some(suite.to_owned()), Machine::read());
            (record.started, record.revision) =
                (1_700_000_000 + u64::from(86_400 * night + launch), format!("{night:012x}"));
            record.metrics.insert("ns_per_op".to_owned(), ns + f64::from(launch));
            serde_json::to_string(&record).unwrap() + "\n"
        };
        let name = format!("{suite}-{night}.jsonl");
        history.add(Path::new(&file(folder, &name, &(0..3).map(launch).collect::<String>()))).unwrap();
    }
    history
}

#[test]
fn a_build_behind_a_shift_that_nobody_accepted_is_no_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let (place, machine) = (folder.path().join("kept"), fingerprint::of(&Machine::read()));
    let asked = |suites: &[&str]| {
        let suites = suites.iter().map(|name| (*name).to_owned()).collect();
        accepted(&place, &machine, &suites).unwrap_or_else(|failure| panic!("{}", failure.message))
    };
    let is_none = |found: Baseline, what: &str| {
        assert!(matches!(&found, Baseline::None(why) if why.contains(what)), "{found:?}");
    };
    is_none(asked(&["quick-search"]), "this night becomes the first");
    let levels: Vec<f64> = (0..14).map(|night| if night < 12 { 100.0 } else { 130.0 }).collect();
    drop(history(folder.path(), "quick-search", &levels));
    let rev = |night: u32| Baseline::Build(format!("rev:{night:012x}"));
    assert_eq!(asked(&["quick-search"]), rev(11));
    // A suite that is new tonight keeps no night from being the baseline.
    assert_eq!(asked(&["quick-search", "quick-locks"]), rev(11));
    is_none(asked(&["quick-locks"]), "this night becomes the first");
    let mut kept = History::open(&place).unwrap();
    kept.accept(&|_| true, ("wanted", "me", 0)).unwrap();
    drop(kept);
    assert_eq!(asked(&["quick-search"]), rev(13));
    assert_eq!(
        accepted(&place, "another", &BTreeSet::from(["quick-search".to_owned()])).map_err(|f| f.message),
        Ok(Baseline::None(
            "the history has no accepted run on this machine: this night becomes the first".to_owned()
        ))
    );
}

#[test]
fn a_revision_is_a_commit_or_it_cannot_be_built_again() {
    assert!(
        is_commit("0a1b2c3d4e5f")
            && !is_commit("0a1b2c3d4e5f-dirty")
            && !is_commit("unknown")
            && !is_commit("")
    );
}
