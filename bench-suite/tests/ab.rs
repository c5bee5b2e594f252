//! Comparisons as a user meets them: whole ones of fast cells, with their exit codes.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use reports::store;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Many short batches, of which a busy machine spoils few: the median of a launch is not far off. Only
/// differences are asserted that dwarf what is left.
const SUITE: &str = r#"
name = "fast"
title = "Cells that take next to nothing"
analysis = "A stand-in."
scenario = "dummy"
[parameters]
operations = 4000
[axes]
service = ["2us"]
"#;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_swiotlb-bench")).args(arguments).env_clear().output().unwrap()
}

/// Launches of two comparisons at once would share a core: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A folder with a suite in it, and the name of a folder for records.
fn place() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let suite = file(folder.path(), "fast.toml", SUITE);
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    (folder, suite, out)
}

#[test]
fn a_slower_side_is_a_confirmed_regression() {
    let (_alone, (folder, suite, out)) = (alone(), place());
    let summary = folder.path().join("summary.md");
    let arguments = [
        "ab",
        "none:service=2us",
        "none:service=2600ns",
        &suite,
        "--out",
        &out,
        "--gate",
        "--null",
        "--markdown",
    ];
    let done = run(&[&arguments[..], &[summary.to_str().unwrap()]].concat());
    let shown = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "{shown}{}", text(&done.stderr));
    assert!(shown.contains("regressed") && shown.contains("null, A again"), "{shown}");
    let markdown = std::fs::read_to_string(summary).unwrap();
    assert!(markdown.starts_with("### ns_per_op: B = none:service=2600ns"), "{markdown}");
    assert!(markdown.contains("| regressed |"), "{markdown}");
    // What was kept says the same again, and nothing is run for it.
    let before = std::fs::read(Path::new(&out).join("runs.jsonl")).unwrap();
    let again = run(&[&arguments[..arguments.len() - 1], &["--resume"]].concat());
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(3), shown));
    assert_eq!(std::fs::read(Path::new(&out).join("runs.jsonl")).unwrap(), before);
    let records = store::load(&Path::new(&out).join("runs.jsonl")).unwrap().records;
    let arm = |name: &str| {
        records.iter().filter(|r| r.place.as_ref().unwrap().arm.as_deref() == Some(name)).count()
    };
    assert!(arm("A") >= 24 && arm("A") == arm("B") && arm("B") == arm("N"));
}

#[test]
fn a_side_against_itself_is_not() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    // A floor that no busy machine moves a median beyond.
    let done = run(&["ab", "none", "none", &suite, "--out", &out, "--blocks", "12", "--floor", "20%"]);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    assert!(!text(&done.stdout).contains("regressed"));
}

#[test]
fn a_quick_comparison_only_advises() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    let done = run(&["ab", "none:service=2us", "none:service=4us", &suite, "--out", &out, "--quick"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("Fewer than 12 blocks only advise."), "{}", text(&done.stdout));
    let records = store::load(&Path::new(&out).join("runs.jsonl")).unwrap().records;
    assert_eq!(records.len(), 24);
}

#[test]
fn no_answer_is_an_exit_code_for_those_who_want_it() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    let done = run(&["ab", "none", "none", &suite, "--out", &out, "--blocks", "3", "--fail-inconclusive"]);
    assert_eq!(done.status.code(), Some(5), "{}", text(&done.stderr));
    let shown = text(&done.stdout);
    assert!(shown.contains("not enough data") && shown.contains("No look can decide"), "{shown}");
}

#[test]
fn launches_that_are_void_leave_no_block() {
    let (_alone, (_folder, suite, out)) = (alone(), place());
    let slow = "none:service=200ms";
    let done = run(&["ab", slow, slow, &suite, "--out", &out, "--blocks", "1", "--cell-limit", "100ms"]);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stdout));
    assert!(text(&done.stderr).contains("a cell has no whole block"), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("4 launches void"), "{}", text(&done.stdout));
}

#[test]
fn a_dry_run_says_what_it_takes_and_what_it_can_find() {
    let tail = ["--dry-run", "--filter", "position=tail"];
    let done = run(&[&["ab", "kernel", "lookup-sorted", "find-pool"], &tail[..]].concat());
    let shown = text(&done.stdout);
    assert!(
        shown.starts_with("7 cells; launches at 12 blocks: 336, 18 blocks: 504, 24 blocks: 672\n"),
        "{shown}{}",
        text(&done.stderr)
    );
    assert!(shown.contains("A single change can be told from 10 blocks on"), "{shown}");
    let sets = run(&["ab", "kernel:nareas=1", "kernel:nareas=2", "areas", "--dry-run", "--set", "threads=1"]);
    assert!(text(&sets.stdout).starts_with("1 cells;"), "{}", text(&sets.stderr));
    let shorthand =
        run(&["ab", "swiotlb=8192,1", "swiotlb=8192,2", "areas", "--dry-run", "--set", "threads=1"]);
    assert_eq!(text(&shorthand.stdout), text(&sets.stdout), "{}", text(&shorthand.stderr));
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let says = |arguments: &[&str], what: &str| {
        let done = run(&[&["ab"], arguments].concat());
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{arguments:?}: {}", text(&done.stderr));
    };
    says(&["kernel", "lokup-sorted", "find-pool"], "the nearest is lookup-sorted");
    says(&["kernel", "lookup-sorted", "control"], "has no policy under test");
    says(&["none", "none", "find-pool"], "the suite has policies under test");
    says(&["kernel", "kernel:nraeas=2", "areas"], "the nearest is nareas");
    says(&["kernel", "kernel:nareas=2", "areas"], "has to be set on both");
    says(&["kernel:nareas=1:2:+1", "kernel:nareas=1", "areas"], "one value for each key");
    says(&["swiotlb=force", "kernel", "areas"], "write swiotlb=SLOTS");
    says(&["kernel", "kernel", "areas", "locks"], "a comparison wants one suite");
    says(&["kernel", "kernel", "areas", "--floor", "1"], "write a percentage");
    says(&["kernel", "kernel", "areas", "--blocks", "100000"], "beyond the");
}

#[test]
fn stored_runs_are_compared_and_never_judged() {
    let (_alone, (folder, suite, out)) = (alone(), place());
    let done = run(&["measure", &suite, "--out", &out, "--launches", "6", "--no-control"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let runs = Path::new(&out).join("runs.jsonl");
    // The same launches, each ten times as slow.
    let slow: String = (std::fs::read_to_string(&runs).unwrap().lines())
        .map(|line| {
            let mut record: reports::record::RunRecord = serde_json::from_str(line).unwrap();
            *record.metrics.get_mut("ns_per_op").unwrap() *= 10.0;
            format!("{}\n", serde_json::to_string(&record).unwrap())
        })
        .collect();
    let slow = file(folder.path(), "slow.jsonl", &slow);
    let compared = run(&["cmp", &out, &slow, "--row", "operations"]);
    let shown = text(&compared.stdout);
    assert_eq!(compared.status.code(), Some(0), "{}", text(&compared.stderr));
    assert!(
        shown.contains("10.0") && shown.contains("| apart") && shown.contains("no verdict follows"),
        "{shown}"
    );
    let same = text(&run(&["cmp", &out, &out, "--col", "service"]).stdout);
    assert!(same.contains("service=2us") && same.contains("no difference seen"), "{same}");
    let says = |arguments: &[&str], code: i32, what: &str| {
        let done = run(&[&["cmp"], arguments].concat());
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{arguments:?}: {}", text(&done.stderr));
    };
    says(&[&out, "/nowhere"], 1, "/nowhere: cannot open");
    says(&[folder.path().to_str().unwrap(), &out], 1, "holds no runs.jsonl");
    says(&[&out, &suite], 1, "damaged or foreign records");
    says(&[&out, &out, "--col", "servise"], 2, "the nearest is service");
    says(&[&out, &out, "--metric", "bogomips"], 2, "no launch has it");
    says(&[&out, &out, "--filter", "service=9us"], 2, "no cell is left");
}
