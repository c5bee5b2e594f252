//! The measuring command line as a user meets it: whole runs of fast cells, killed, stopped, resumed.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{SUITE, out, program, run, suite_file, text, until_lines};
use reports::store;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Starts a run and waits until it has kept `records` records, on whatever takes as long as it takes.
fn started(suite: &str, out: &(PathBuf, String), records: usize) -> Child {
    let arguments = ["measure", suite, "--out", &out.1, "--launches", "200", "--no-control", "--quick"];
    let mut child = program(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_lines(&mut child, &out.0.join("runs.jsonl"), records);
    child
}

/// The records of a run, every launch exactly once.
fn complete(out: &Path, launches: usize) {
    let loaded = store::load(&out.join("runs.jsonl")).unwrap();
    assert!(loaded.bad.is_empty());
    let keys: BTreeSet<_> =
        loaded.records.iter().map(|r| (r.scenario.clone(), r.place.as_ref().unwrap().launch)).collect();
    assert_eq!((keys.len(), loaded.records.len()), (launches, launches));
    assert!(loaded.records.iter().all(|r| r.void.is_none() && r.metrics.contains_key("ns_per_op")));
}

#[test]
fn a_run_makes_records_and_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let out = out(folder.path());
    let done = run(&["measure", &suite, "--out", &out.1, "--launches", "2", "--no-control"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let shown = text(&done.stdout);
    assert!(
        shown.contains("fast: Cells that take next to nothing") && shown.contains("runs.jsonl"),
        "{shown}"
    );
    complete(&out.0, 6);
    let record = &store::load(&out.0.join("runs.jsonl")).unwrap().records[0];
    assert_eq!(record.parameters["operations"], "200");
    // A tenth is warm-up; of the blocks of 64 calls after it every other one is timed call by call.
    assert_eq!((record.counts["operations"], record.latencies["service"].samples()), (180, 64));
    assert!(record.noise.is_some() && record.clock.is_some() && record.place.is_some());
    let again = run(&["measure", &suite, "--out", &out.1, "--launches", "2", "--no-control"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("holds a run: --resume"), "{}", text(&again.stderr));
}

#[test]
fn a_run_that_was_killed_is_resumed_with_nothing_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let out = out(folder.path());
    let mut child = started(&suite, &out, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = std::fs::read(out.0.join("runs.jsonl")).unwrap();
    // The plan is whole without the suite's file.
    std::fs::remove_file(&suite).unwrap();
    let resumed = run(&["measure", "--resume", "--out", &out.1]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    let after = std::fs::read(out.0.join("runs.jsonl")).unwrap();
    let whole = before.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(before[..whole], after[..whole]);
    complete(&out.0, 600);
}

#[test]
fn a_run_that_is_told_to_stop_says_how_to_go_on() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let suite = suite_file(folder.path(), SUITE);
        let out = out(folder.path());
        let child = started(&suite, &out, 1);
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let says = text(&ended.stderr);
        assert!(
            says.contains("are left; the same command with `--resume --out ") && says.contains(&out.1),
            "{says}"
        );
        let loaded = store::load(&out.0.join("runs.jsonl")).unwrap();
        assert!(loaded.bad.is_empty() && !loaded.records.is_empty() && loaded.records.len() < 600);
    }
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let out = out(folder.path());
    let mut child = started(&suite, &out, 1);
    let second = run(&["measure", "--resume", "--out", &out.1]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another run is writing"), "{}", text(&second.stderr));
}

#[test]
fn a_launch_that_takes_too_long_is_void_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let slow = SUITE.replace("us\"", "s\"");
    let suite = suite_file(folder.path(), &slow);
    let out = out(folder.path());
    let done =
        run(&["measure", &suite, "--out", &out.1, "--launches", "1", "--no-control", "--cell-limit", "50ms"]);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stdout));
    assert!(text(&done.stderr).contains("3 launches are void"));
    assert!(text(&done.stdout).contains("Void: not finished after 0.05 s: killed"), "{}", text(&done.stdout));
    assert_eq!(store::load(&out.0.join("runs.jsonl")).unwrap().records.len(), 3);
}

#[test]
fn a_file_that_may_not_grow_stops_the_run_with_what_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, out) = (suite_file(folder.path(), SUITE), out(folder.path()));
    // 16 blocks of 512 or 1,024 bytes: some records and no more.
    let limited = r#"ulimit -f 16; exec "$0" measure "$1" --out "$2" --launches 20 --no-control"#;
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", limited, env!("CARGO_BIN_EXE_swiotlb-bench"), &suite, &out.1]).output();
    let done = done.unwrap();
    let says = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{says}");
    assert!(says.contains("bytes before it are safe: free space and resume"), "{says}");
    let loaded = store::load(&out.0.join("runs.jsonl")).unwrap();
    assert!(loaded.bad.is_empty() && !loaded.records.is_empty() && loaded.records.len() < 60);
}

#[test]
fn a_dry_run_counts_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), SUITE);
    let out = out(folder.path());
    let done = run(&["measure", &suite, "--out", &out.1, "--dry-run", "--set", "service=1us:8us:*2"]);
    assert!(done.status.success());
    let shown = text(&done.stdout);
    assert!(shown.contains("fast: 4 cells x 12 launches x 1.1 s = 53 s"), "{shown}");
    assert!(shown.contains("control: 1 cell x 12 launches") && shown.contains("in all about"), "{shown}");
    assert!(shown.contains("with --set a launch may take longer"), "{shown}");
    assert!(!out.0.exists());
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let suite = suite_file(folder.path(), &SUITE.replace("service =", "servise ="));
    let says = |arguments: &[&str], code: i32, what: &str| {
        let done = run(arguments);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(what), "{arguments:?}: {}", text(&done.stderr));
        assert!(done.stdout.is_empty());
    };
    says(&["measure", &suite], 2, "fast.toml:9:1: there is no parameter `servise`; the nearest is service");
    says(&["measure", "find-pol"], 2, "the nearest is find-pool");
    says(&["measure", "find-pool", "--set", "pool=1"], 2, "the nearest is pools");
    says(&["measure", "find-pool", "--set", "policy=kernal"], 2, "the nearest is kernel");
    says(&["measure", "find-pool", "--set", "pools=0"], 2, "is not within 1 to 65536");
    says(&["measure", "find-pool", "--filter", "pool=1"], 2, "the nearest is pools");
    says(&["measure", "areas", "--set", "nareas=4096"], 2, "so there are at most 256");
    says(&["measure"], 2, "which suite?");
    says(&["measure", "control", "--cell-limit", "5", "--dry-run"], 2, "--cell-limit: write a time above 0");
    says(&["measure", "control", "--out", "/proc/none"], 1, "/proc/none");
    says(&["cell"], 2, "standard input is no cell");
}

#[test]
fn too_much_for_the_machine_is_a_warning_and_strict_makes_it_an_end() {
    let arguments = ["measure", "areas", "--set", "threads=1024", "--dry-run"];
    let done = run(&arguments);
    assert_eq!(done.status.code(), Some(0));
    assert!(text(&done.stderr).contains("want up to 1024 threads and there are"), "{}", text(&done.stderr));
    let strict = run(&[&arguments[..], &["--strict"]].concat());
    assert_eq!(strict.status.code(), Some(6));
}

#[test]
fn lists_are_exact() {
    let cells = text(&run(&["list", "cells", "quick"]).stdout);
    let ids: Vec<&str> = cells.lines().collect();
    assert_eq!(ids[0], "quick-fallback/part=round-trip,policy=kernel,slots=1");
    let of = |suite: &str| ids.iter().filter(|id| id.starts_with(suite)).count();
    // A family's name stands for each of its suites; policies by pattern are those of the registry.
    assert!(of("quick-fallback/") == 6 && of("quick-find-pool/") >= 18, "{cells}");
    assert!(of("quick-locks/") >= 5 && of("quick-search/") >= 15, "{cells}");
    let suites = text(&run(&["list", "suites"]).stdout);
    assert!(suites.contains("find-pool") && suites.contains("Q1"), "{suites}");
    let policies = text(&run(&["list", "policies"]).stdout);
    assert!(
        policies.contains("kernel") && policies.contains("lock=queued") && policies.contains("search=list"),
        "{policies}"
    );
}

#[test]
fn an_expectation_that_fails_is_an_end_for_those_who_ask() {
    let folder = tempfile::tempdir().unwrap();
    // Six launches have an interval, and a service of 1 us does not take less than 100 ns.
    let impossible = "[[expect]]\nsays = \"nothing takes time\"\nmetric = \"ns_per_op\"\nbelow = 100\n";
    let suite = suite_file(folder.path(), &format!("{SUITE}{impossible}"));
    let run_in = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let usual = ["measure", &suite, "--launches", "6", "--no-control", "--out", out.to_str().unwrap()];
        run(&[&usual[..], more].concat())
    };
    assert_eq!(run_in("told", &[]).status.code(), Some(0));
    let gated = run_in("gated", &["--fail-expected"]);
    assert_eq!(gated.status.code(), Some(4), "{}", text(&gated.stdout));
    assert!(text(&gated.stderr).contains("1 expectations fail"), "{}", text(&gated.stderr));
}
