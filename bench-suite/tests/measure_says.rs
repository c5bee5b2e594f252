//! What `measure` tells about a run: before it begins, of one that is to go on, and of what it kept.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{SUITE, out, program, run, run_with, suite_file, text};
use reports::store;
use std::path::Path;
use std::process::{Command, Stdio};

/// Launches with a usable record.
fn launches(out: &Path) -> usize {
    let loaded = store::load(&out.join("runs.jsonl")).unwrap();
    assert!(loaded.bad.is_empty() && loaded.records.iter().all(|record| record.void.is_none()));
    loaded.records.len()
}

#[test]
fn a_dry_run_of_a_run_to_resume_says_what_is_left_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    assert!(run(&["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"]).status.success());
    let runs = out.0.join("runs.jsonl");
    let all = std::fs::read_to_string(&runs).unwrap();
    let lines: Vec<&str> = all.lines().collect();
    // Two launches are kept, and the third was cut.
    let cut = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..100]);
    std::fs::write(&runs, &cut).unwrap();
    for with_suite in [&["--launches", "1", "--no-control", &suite][..], &[]] {
        let arguments = ["measure", "--resume", "--out", &out.1, "--dry-run"];
        let done = run(&[&arguments[..], with_suite].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert_eq!(text(&done.stdout), "fast: 1 launches left x 1.1 s = 1 s\nin all about 1 s\n");
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), cut);
    }
    assert!(run(&["measure", "--resume", "--out", &out.1]).status.success());
    assert_eq!(launches(&out.0), 3);
}

#[test]
fn what_differs_from_the_run_to_resume_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    let arguments = ["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"];
    assert!(run(&arguments).status.success());
    let refused = |more: &[&str]| {
        let done = run(&[&arguments[..], &["--resume"], more].concat());
        assert_eq!(done.status.code(), Some(1));
        text(&done.stderr)
    };
    assert!(refused(&["--seed", "2"]).contains("holds a run with seed 1 and --seed 2 is asked for"));
    assert!(refused(&["--quick"]).contains("holds a full run and a quick one is asked for"));
    assert!(refused(&["--set", "service=5us"]).contains("a run of other cells"));
    assert!(run(&[&arguments[..], &["--resume"]].concat()).status.success());
}

#[test]
fn a_variable_sets_a_switch_as_shells_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let full = |value: &str| {
        let done =
            run_with(&["measure", &suite, "--no-control", "--dry-run"], &[("SWIOTLB_BENCH_QUICK", value)]);
        assert!(done.status.success(), "{value}: {}", text(&done.stderr));
        text(&done.stdout).contains("fast: 3 cells x 12 launches")
    };
    assert_eq!(
        ["1", "true", "on", "0", "false", "no", ""].map(full),
        [false, false, false, true, true, true, true]
    );
    let misspelt = run_with(&["measure", &suite, "--dry-run"], &[("SWIOTLB_BENCH_QUICK", "ture")]);
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(text(&misspelt.stderr).contains("write 1 or 0"), "{}", text(&misspelt.stderr));
    let strict = [("SWIOTLB_BENCH_STRICT", "1")];
    let done = run_with(&["measure", "areas", "--set", "threads=1024", "--dry-run", "--quick"], &strict);
    assert_eq!(done.status.code(), Some(6), "{}", text(&done.stderr));
}

#[test]
fn two_suites_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let done = run(&["measure", &suite, &suite, "--dry-run"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("the suite `fast` is named twice"), "{}", text(&done.stderr));
}

#[test]
fn what_a_model_refuses_is_told_before_anything_runs() {
    let refused = |set: &str, what: &str| {
        let done = run(&["measure", "areas", "--set", set, "--dry-run"]);
        assert_eq!(done.status.code(), Some(2), "{set}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{set}: {}", text(&done.stderr));
    };
    refused("ops_per_thread=134217728", "ops in all: at most 134217728");
}

#[test]
fn lookers_are_threads_that_a_machine_must_have() {
    let folder = tempfile::tempdir().unwrap();
    let lookers = r#"
name = "lookers"
title = "t"
analysis = "a"
scenario = "model lookup"
policies = ["kernel"]
[axes]
lookers = [4000]
"#;
    let suite = suite_file(folder.path(), lookers);
    let done = run(&["measure", &suite, "--set", "ops_per_thread=10", "--dry-run", "--strict"]);
    assert_eq!(done.status.code(), Some(6), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("want up to 4001 threads"), "{}", text(&done.stderr));
}

#[test]
fn a_plan_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    // 2 blocks of 512 or 1,024 bytes: less than the plan takes.
    let limited = r#"ulimit -f 2; exec "$0" measure "$1" --out "$2" --launches 200 --no-control"#;
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", limited, env!("CARGO_BIN_EXE_swiotlb-bench"), &suite, &out.1]).output();
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("plan.json: cannot write"), "{}", text(&done.stderr));
    assert!(!out.0.exists());
}

#[test]
fn a_table_that_cannot_be_printed_says_where_its_records_are() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = ["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control"];
    let done = program(&arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(1));
    let (says, file) = (text(&done.stderr), format!("{}/runs.jsonl", out.1));
    assert!(
        says.contains("standard output: ") && says.contains(&format!("every record is safe in {file}")),
        "{says}"
    );
    assert_eq!(launches(&out.0), 3);
}

#[test]
fn a_prepared_state_has_no_page_faults_and_tells_its_longest_gap() {
    let folder = tempfile::tempdir().unwrap();
    let out = out(folder.path());
    let filter = "policy=kernel,position=tail,pools=1";
    let arguments =
        ["measure", "find-pool", "--quick", "--launches", "1", "--filter", filter, "--out", &out.1];
    let done = run(&arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let records = store::load(&out.0.join("runs.jsonl")).unwrap().records;
    let of = |suite: &str| records.iter().find(|r| r.suite.as_deref() == Some(suite)).unwrap();
    let noise = of("find-pool").noise.as_ref().unwrap();
    assert_eq!(noise.page_faults, Some(0));
    assert!(noise.longest_gap_ns.is_some() && of("control").noise.as_ref().unwrap().longest_gap_ns.is_some());
    assert_eq!(of("find-pool").revision, bench_suite::cell::REVISION);
}

#[test]
fn measure_s_help_names_its_exit_codes() {
    let help = text(&run(&["measure", "--help"]).stdout);
    // However the lines are broken.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("Exit codes: 0 everything was done") && help.contains("only with --strict"),
        "{help}"
    );
    for name in ["RESUME", "NO_CONTROL", "QUICK", "STRICT"] {
        assert!(help.contains(&format!("SWIOTLB_BENCH_{name}=")), "{name}: {help}");
    }
}
