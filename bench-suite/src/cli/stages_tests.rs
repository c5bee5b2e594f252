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
    decided(&Line::try_parse_from(line).unwrap().args).map(|decided| decided.stages)
}

/// A stage's command line in one string; why it is left out.
fn told(arguments: &[&str], name: Name) -> Result<String, String> {
    match decided_of(arguments)
        .unwrap_or_else(|failure| panic!("{arguments:?}: {}", failure.message))
        .remove(&name)
    {
        Some(Decision::Runs(words)) => Ok(words.join(" ")),
        Some(Decision::LeftOut(why) | Decision::Amiss(why)) => Err(why),
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
fn what_a_beginning_decides_is_known_where_it_is_said() {
    let of = |more: &[&str]| {
        let line = ["nightly", "--out", "n"].into_iter().chain(more.iter().copied());
        given(&Line::try_parse_from(line).unwrap().args).join(" ")
    };
    assert_eq!(of(&[]), "");
    assert_eq!(of(&["--resume"]), "", "it and --out are used");
    assert_eq!(of(&["quick-search", "mixed"]), "quick-search mixed");
    let flags = ["--gate", "g", "--baseline", "kernel", "--history", "h", "--cell-limit", "9s", "--quick"];
    let more =
        ["--strict", "--fail-inconclusive", "--layouts", "3", "--calibration", "f", "--no-calibration"];
    let told = "--gate --baseline --history --quick --strict --cell-limit --fail-inconclusive --layouts --calibration \
                --no-calibration";
    assert_eq!(of(&[&flags[..], &more].concat()), told);
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
    refused(&["quick-search", "--gate", &alone, "--baseline", "kernle"], "--baseline: there is no policy");
    refused(
        &["quick-search", "--gate", &alone, "--baseline", "rev:"],
        "--baseline: `rev:`: write rev:REVISION",
    );
    // None is near: not all of them are named.
    let nonsense = "--baseline: there is no policy `nonsense`; a build is rev:REVISION, rev:. or build:PATH; \
                    `list policies` names the policies";
    refused(&["quick-search", "--gate", &alone, "--baseline", "nonsense"], nonsense);
    refused(
        &["quick-search", "--gate", "/nowhere.toml"],
        "/nowhere.toml: cannot read this gate: No such file",
    );
    refused(&["quick-serch"], "the nearest is quick-search");
}

/// A history of nights of this suite on the machine at hand, each of a revision of its own.
fn history(folder: &Path, suite: &str, levels: &[f64], revision: impl Fn(u32) -> String) -> History {
    let mut history = History::create(&folder.join("kept")).unwrap();
    for (ns, night) in levels.iter().zip(0_u32..) {
        let launch = |launch: u32| {
            let mut record = RunRecord::new(Kind::Cell, format!("{suite}/x=1"), PolicyName::default());
            record.place = Some(Place { launch, ..Place::default() });
            (record.suite, record.machine) = (Some(suite.to_owned()), Machine::read());
            (record.started, record.revision) =
                (1_700_000_000 + u64::from(86_400 * night + launch), revision(night));
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
    assert_eq!(asked(&["quick-search"]), Baseline::First);
    drop(History::create(&place).unwrap());
    assert_eq!(asked(&["quick-search"]), Baseline::First);
    let levels: Vec<f64> = (0..14).map(|night| if night < 12 { 100.0 } else { 130.0 }).collect();
    // The newest run before the shift is of no commit.
    let of = |night: u32| format!("{night:012x}{}", if night == 11 { "-dirty" } else { "" });
    drop(history(folder.path(), "quick-search", &levels, of));
    let is_of = |found: Baseline, night: u32, says: &str| match found {
        Baseline::Build(side, Some(told)) => {
            assert!(side == format!("rev:{night:012x}") && told.contains(says), "{side}: {told}");
        }
        other => panic!("{other:?}"),
    };
    is_of(
        asked(&["quick-search"]),
        10,
        "days ago; 3 later runs are passed over, 1 series have an open shift",
    );
    // A suite that is new tonight keeps no night from being the baseline, and lifts no shift.
    is_of(asked(&["quick-search", "quick-locks"]), 10, "3 later runs");
    is_of(asked(&["quick-locks"]), 13, "; 0 later runs are passed over.");
    // Both sides are built and run here: another machine's numbers are not needed.
    let there = accepted(&place, "another", &BTreeSet::from(["quick-search".to_owned()]));
    is_of(
        there.unwrap_or_else(|failure| panic!("{}", failure.message)),
        13,
        "days ago, of another machine; 0",
    );
    let mut kept = History::open(&place).unwrap();
    kept.accept(&|_| true, ("wanted", "me", 0)).unwrap();
    drop(kept);
    is_of(asked(&["quick-search"]), 13, "; 0 later runs");
}

#[test]
fn a_history_without_a_baseline_ends_the_night_and_is_no_first_night() {
    let folder = tempfile::tempdir().unwrap();
    drop(history(folder.path(), "quick-search", &[100.0], |_| "unknown".to_owned()));
    let (gate, kept) = (file(folder.path(), "g.toml", GATE), folder.path().join("kept"));
    let night = ["quick-search", "--gate", &gate, "--history", kept.to_str().unwrap()];
    let stage =
        decided_of(&night).unwrap_or_else(|failure| panic!("{}", failure.message)).remove(&Name::Gate);
    assert!(
        matches!(&stage, Some(Decision::Amiss(why)) if why.contains("give --baseline SIDE once")),
        "{stage:?}"
    );
}

#[test]
fn both_sides_are_built_alike() {
    let this = |revision: &str, baseline: &str| {
        this_build(revision, baseline).unwrap_or_else(|failure| panic!("{}", failure.message))
    };
    assert_eq!(this("0a1b2c3d4e5f", "rev:v1"), "rev:0a1b2c3d4e5f");
    // With edited files: those, by the profile and in the layouts of the other side.
    assert_eq!(this("0a1b2c3d4e5f-dirty", "rev:v1"), "rev:.");
    assert!(this("0a1b2c3d4e5f-dirty", "build:/old").starts_with("build:/"));
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
