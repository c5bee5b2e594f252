//! Gates as a user meets them: whole ones of tiny suites, with their exit codes.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{COUNTED, Place, TIMED, alone, program, run, text, until_lines};
use reports::record::RunRecord;
use reports::store;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

impl Place {
    /// A folder with both suites in it.
    fn new() -> Self {
        Self::with(&[("tiny.toml", COUNTED), ("fast.toml", TIMED)])
    }

    /// A gate over `cells`, written into the folder.
    fn gate(&self, cells: &str) -> String {
        self.file(
            "gate.toml",
            &format!("a = \"kernel\"\nb = \"kernel\"\neffort = \"quick\"\n[[cells]]\n{cells}\n"),
        )
    }

    fn records(&self, out: &str) -> usize {
        store::load(&self.path(out).join("runs.jsonl")).unwrap().records.len()
    }
}

const STEPS: &str = "suite = \"tiny.toml\"\nmetrics = [\"counters\", \"memory\"]";
const TIMES: &str = "suite = \"fast.toml\"\nmetrics = [\"ns_per_op\"]\nfloor = \"20%\"";

#[test]
fn more_steps_are_a_regression_and_fewer_are_not() {
    let place = Place::new();
    let (gate, junit, summary) = (place.gate(STEPS), place.name("junit.xml"), place.name("summary.md"));
    let out = place.name("out");
    let slower = ["gate", &gate, "--a", "fast", "--out", &out, "--junit", &junit, "--markdown", &summary];
    let done = run(&slower);
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "{shown}{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("regressed:\n  counters of tiny/"), "{}", text(&done.stderr));
    assert!(shown.contains("written_at_map") && shown.contains("regressed"), "{shown}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"2\"") && xml.contains("<failure message=\"regressed"), "{xml}");
    assert!(std::fs::read_to_string(&summary).unwrap().starts_with("### Gate: B = kernel against A = fast"));
    // One launch of each side, and nothing is timed.
    assert_eq!(place.records("out"), 2);
    // The same again from what was kept.
    let again = run(&[&slower[..], &["--resume"]].concat());
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(3), shown));
    assert_eq!(place.records("out"), 2);
    let better = run(&["gate", &gate, "--b", "fast", "--out", &place.name("better")]);
    let shown = text(&better.stdout);
    assert_eq!(better.status.code(), Some(0), "{shown}{}", text(&better.stderr));
    assert!(shown.contains("2 checks: 2 improved."), "{shown}");
}

#[test]
fn equal_sides_pass_and_instructions_are_counted_or_said_not_to_be() {
    let place = Place::new();
    let gate = place.gate("suite = \"tiny.toml\"\nmetrics = [\"counters\", \"instructions\", \"memory\"]");
    let out = place.name("out");
    // In an empty folder there is no valgrind.
    let path = place.name("empty");
    let done = program(&["gate", &gate, "--out", &out]).env("PATH", path).output().unwrap();
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{shown}{}", text(&done.stderr));
    assert!(shown.contains("not measured: valgrind is not installed"), "{shown}");
    assert!(shown.contains("2 equal or equivalent"), "{shown}");
}

#[test]
fn a_slower_side_is_confirmed_and_a_bad_calibration_makes_it_advice() {
    let (_alone, place) = (alone(), Place::new());
    let (gate, out) = (place.gate(TIMES), place.name("out"));
    let sides = ["gate", &gate, "--a", "none:service=2us", "--b", "none:service=4us", "--out", &out];
    let done = run(&sides);
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "{shown}{}", text(&done.stderr));
    assert!(
        shown.contains("A single change can be told from") && shown.contains("one of 3 % is found"),
        "{shown}"
    );
    assert!(shown.contains("The control, which runs none of our code"), "{shown}");
    // What was learned elsewhere is refused; what was learned here and is bad turns the verdict into advice.
    let learned =
        ["calibrate", &place.name("fast.toml"), "--policy", "none", "--comparisons", "1", "--blocks", "1"];
    let folder = place.name("learned");
    let done = run(&[&learned[..], &["--out", &folder]].concat());
    assert!(done.status.success(), "{}", text(&done.stderr));
    let mut bad: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.path("learned/calibration.json")).unwrap()).unwrap();
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.path("out/plan.json")).unwrap()).unwrap();
    let bad_one = &mut bad["learned"][0];
    // As if it had been learned by the gate's rules.
    bad_one["rules"] = plan["comparison"]["rules"].clone();
    bad_one["calibration"]["comparisons"] = 100.into();
    bad_one["calibration"]["regressed"] = 90.into();
    let bad = place.file("bad.json", &bad.to_string());
    let advice = place.name("advice");
    let done = run(&[&sides[..6], &["--out", &advice, "--calibration", &bad]].concat());
    let (shown, said) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{shown}{said}");
    assert!(
        said.contains("WARNING: on this machine") && shown.contains("regressed (advice)"),
        "{shown}{said}"
    );
}

#[test]
fn an_exact_regression_stands_whatever_the_calibration_says_of_times() {
    let place = Place::new();
    let gate = place.gate("suite = \"tiny.toml\"\nmetrics = [\"counter.written_at_map\"]");
    let with = |out: &str, more: &[&str]| {
        let given = ["gate", &gate, "--a", "fast", "--out", &place.name(out)];
        run(&[&given, more].concat())
    };
    // Nothing is timed, so that no calibration has to fit; one that cannot be read is refused all the same.
    let done = with("out", &[]);
    assert_eq!(done.status.code(), Some(3), "{}", text(&done.stderr));
    let unread = with("other", &["--calibration", "/nowhere"]);
    assert_eq!(unread.status.code(), Some(1), "{}", text(&unread.stderr));
    assert!(text(&unread.stderr).contains("/nowhere: "), "{}", text(&unread.stderr));
}

#[test]
fn a_gate_that_was_killed_goes_on_where_it_was() {
    let place = Place::new();
    let gate = place.gate(&format!("{STEPS}\nset = [\"slots=1:16:+1\"]"));
    let out = place.name("out");
    let arguments = ["gate", &gate, "--b", "fast", "--out", &out];
    let mut child = program(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let runs = place.path("out").join("runs.jsonl");
    until_lines(&mut child, &runs, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(place.records("out") < 32, "it was killed on the way");
    let taken = run(&arguments);
    assert_eq!(taken.status.code(), Some(1));
    assert!(text(&taken.stderr).contains("holds a run: --resume goes on with it"), "{}", text(&taken.stderr));
    let done = run(&[&arguments[..], &["--resume"]].concat());
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    let records = store::load(&runs).unwrap().records;
    let key = |r: &RunRecord| (r.scenario.clone(), r.place.clone().map(|place| (place.launch, place.arm)));
    let keys: BTreeSet<_> = records.iter().map(key).collect();
    assert_eq!((keys.len(), records.len()), (32, 32), "every launch is there once");
    let other = run(&["gate", &gate, "--out", &out, "--resume"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("a run of other cells"), "{}", text(&other.stderr));
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let place = Place::new();
    let says = |gate: &str, what: &str| {
        let done = run(&["gate", gate, "--dry-run"]);
        assert_eq!(done.status.code(), Some(2), "{what}: {}{}", text(&done.stdout), text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{what}: {}", text(&done.stderr));
    };
    says("/nowhere/gate.toml", "/nowhere/gate.toml: cannot read this gate: No such file");
    says(&place.file("g.toml", "a = \"kernel\"\n"), "g.toml:1:1: the gate has no cells");
    says(
        &place.file("g.toml", &format!("[[cells]]\n{STEPS}\n")),
        "the gate names no `a`: write a = \"kernel\"",
    );
    says(
        &place.gate("suite = \"tinny\"\nmetrics = [\"counters\"]"),
        "gate.toml:5:9: suites: there is no suite `tinny`",
    );
    says(&place.gate("suite = \"tiny.toml\"\nmetrics = [\"countres\"]"), "the nearest is counters");
    says(&place.gate(&format!("{STEPS}\nfilter = \"slotz=1\"")), "gate.toml:5:9: ");
    says(&place.gate(&format!("{STEPS}\nfloor = \"0%\"")), "a `floor` of 0 %");
    says(&place.gate(&format!("{STEPS}\n[[cells]]\n{STEPS}")), "is declared twice: narrow `filter`");
    let crowd = "suite = \"tiny.toml\"\nset = [\"slots=1:128:+1\", \"state=empty,taken-10,taken-50,taken-90,aged-50\"]";
    says(&place.gate(&format!("{crowd}\nmetrics = [\"counters\"]")), "and 500 are the most");
    says(
        &place.gate(&format!("{STEPS}\n[[cells]]\nsuite = \"tiny.toml\"\nset = [\"slots=1\"]\nmetrics = [\"ns_per_op\", \"lower_quartile_ns\"]")),
        "a gate judges one paired metric",
    );
}

#[test]
fn a_dry_run_says_what_it_takes_and_what_cells_get_no_verdict() {
    let gates = Path::new(env!("CARGO_MANIFEST_DIR")).join("gates");
    let nightly = run(&["gate", gates.join("nightly.toml").to_str().unwrap(), "--dry-run"]);
    let shown = text(&nightly.stdout);
    assert_eq!(nightly.status.code(), Some(0), "{shown}{}", text(&nightly.stderr));
    assert!(shown.starts_with("10 cells, 40 checks, 10 of them judged by paired time; screen: "), "{shown}");
    assert!(shown.contains("A single change can be told from 11 blocks on"), "{shown}");
    let example = run(&["gate", gates.join("example-regression.toml").to_str().unwrap(), "--dry-run"]);
    assert_eq!(example.status.code(), Some(0), "{}", text(&example.stderr));
    let place = Place::new();
    let crowd = place
        .gate("suite = \"quick-locks\"\nset = [\"threads=64\"]\nmetrics = [\"ns_per_op\", \"counters\"]");
    let done = run(&["gate", &crowd, "--dry-run"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(
        text(&done.stderr).contains("labelled oversubscribed and get no verdict"),
        "{}",
        text(&done.stderr)
    );
    assert!(text(&done.stdout).contains("0 of them judged by paired time; screen: 0 launches"));
}
