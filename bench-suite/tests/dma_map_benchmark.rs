//! The bridge to the kernel's own benchmark as a user meets it. No time is asserted, only what is shown and kept.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use reports::record::{Kind, RunRecord};
use reports::store;
use std::path::Path;
use std::process::{Command, Output};

const SAVED: &str = "# ./dma_map_benchmark -t 1\n\
    dma mapping benchmark: threads:1 seconds:20 node:-1 dir:BIDIRECTIONAL granule: 1\n\
    average map latency(us):0.3 standard deviation:0.5\n\
    average unmap latency(us):0.2 standard deviation:0.4\n\
    dma mapping benchmark: threads:4 seconds:20 node:0 dir:TO_DEVICE granule: 2\n\
    average map latency(us):1.3 standard deviation:9.5\n\
    average unmap latency(us):1.2 standard deviation:8.4\n";

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.arg("dma-map-benchmark").args(arguments).env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ran(arguments: &[&str]) -> String {
    let done = run(arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    text(&done.stdout)
}

/// The exit code and what was said.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let done = run(arguments);
    assert!(done.stdout.is_empty(), "{}", text(&done.stdout));
    (done.status.code(), text(&done.stderr))
}

fn records(out: &Path) -> Vec<RunRecord> {
    let loaded = store::load(&out.join("runs.jsonl")).unwrap();
    assert!(loaded.bad.is_empty());
    loaded.records
}

fn saved(folder: &Path, content: &str) -> String {
    let path = folder.join("saved.txt");
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A time in the tool's form: digits, a point, one digit.
fn is_time(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(whole, tenth)| digits(whole) && digits(tenth) && tenth.len() == 1)
}

#[test]
fn a_run_prints_the_tool_s_lines_and_keeps_whole_histograms() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let shown = ran(&[
        "-t",
        "2",
        "-s",
        "60",
        "-n",
        "-1",
        "-b",
        "24",
        "-d",
        "2",
        "-x",
        "1000",
        "-g",
        "2",
        "--maps",
        "100",
        "--swiotlb",
        "4096",
        "--out",
        out.to_str().unwrap(),
    ]);
    let mut lines = shown.lines();
    let head = "dma mapping benchmark: threads:2 seconds:60 node:-1 dir:FROM_DEVICE granule: 2";
    assert_eq!(lines.next(), Some(head));
    for call in ["map", "unmap"] {
        let rest = lines.next().unwrap().strip_prefix(&format!("average {call} latency(us):")).unwrap();
        let (mean, deviation) = rest.split_once(" standard deviation:").unwrap();
        assert!(is_time(mean) && is_time(deviation), "{rest}");
    }
    assert!(shown.contains("kernel") && shown.contains("Records: "), "{shown}");

    let [record] = &records(&out)[..] else { panic!("one run is one record") };
    assert_eq!((record.kind, record.scenario.as_str()), (Kind::Bridge, "dma-map-benchmark"));
    assert_eq!(record.void, None);
    // One pass of warm-up and one that is measured, of 100 round trips on each thread; every call is timed.
    assert_eq!((record.counts["maps"], record.counts["unmaps"], record.threads.len()), (200, 200, 2));
    assert_eq!((record.latencies["map"].samples(), record.latencies["unmap"].samples()), (200, 200));
    assert_eq!(record.counts["bytes"], 200 * 8_192);
    for (key, value) in
        [("transfer", "1000ns"), ("dma_bits", "24"), ("base", "0x800000"), ("nareas", "2"), ("maps", "100")]
    {
        assert_eq!(record.parameters[key], value, "{key}");
    }
    assert!(["map_mean_ns", "unmap_stddev_ns"].iter().all(|name| record.metrics.contains_key(*name)));
    assert_eq!(record.oracle.as_ref().unwrap().violations, 0);
}

#[test]
fn the_transfer_lies_between_map_and_unmap_and_in_neither() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    ran(&["-x", "1000000", "--maps", "32", "--swiotlb", "256", "--out", out.to_str().unwrap()]);
    let record = &records(&out)[0];
    // A lower bound only: 32 transfers of 1 ms lie in the wall time.
    assert!(record.counts["wall_ns"] >= 32 * 1_000_000, "{}", record.counts["wall_ns"]);
    assert_eq!(record.counts["maps"], 32);
}

#[test]
fn the_time_ends_a_run_that_no_count_ends() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    ran(&["-s", "1", "-x", "100000", "--policy", "lock-ticket", "--out", out.to_str().unwrap()]);
    let record = &records(&out)[0];
    assert_eq!(record.void, None);
    assert!(record.counts["maps"] > 0 && record.counts["wall_ns"] <= 60_000_000_000);
    assert_eq!(record.parameters["policy"], "lock-ticket");
}

#[test]
fn the_kernel_s_runs_stand_beside_ours_and_differences_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path(), SAVED);
    let shown = ran(&["--maps", "50", "--beside", &file]);
    assert!(shown.contains("saved.txt:2") && shown.contains("saved.txt:5"), "{shown}");
    let said = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("saved.txt:5: not what ours was asked: threads 4, ours 1; node 0, ours -1;"),
        "{said}"
    );
    assert!(!said.contains("saved.txt:2: not what"), "{said}");
}

#[test]
fn saved_output_alone_is_a_table_and_records() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (saved(folder.path(), SAVED), folder.path().join("out"));
    let shown = ran(&["--import", &file, "--out", out.to_str().unwrap()]);
    assert!(shown.contains("saved.txt:2") && !shown.contains("kernel"), "{shown}");
    let records = records(&out);
    assert!(records.iter().all(|r| r.kind == Kind::Imported && r.policy.label == "linux"));
    let lines: Vec<&str> = records.iter().map(|r| r.parameters["line"].as_str()).collect();
    assert_eq!(lines, ["2", "5"]);
    assert_eq!(records[1].parameters["dir"], "TO_DEVICE");
    assert!((records[1].metrics["map_mean_ns"] - 1_300.0).abs() < 1e-6);
}

#[test]
fn what_cannot_be_is_refused_before_anything_runs() {
    let (code, said) = refused(&["-b", "24"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--dma-bits 24") && said.contains("at most 4096"), "{said}");
    for (arguments, word) in [
        (&["-t", "0"][..], "--threads"),
        (&["-s", "301"], "--seconds"),
        (&["-b", "19"], "--dma-bits"),
        (&["-d", "3"], "--direction"),
        (&["-x", "10000001"], "--transfer-ns"),
        (&["-g", "65"], "--granule"),
        (&["--policy", "lock-tiket"], "lock-ticket"),
        (&["--swiotlb", "noforce"], "--swiotlb"),
        (&["--swiotlb", "128,1", "-t", "65"], "--threads 65"),
    ] {
        let (code, said) = refused(arguments);
        assert!(code == Some(2) && said.contains(word), "{arguments:?}: {said}");
    }
}

#[test]
fn a_damaged_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path(), &SAVED.replace("latency(us):1.3", "latency(us):1.x"));
    for flag in ["--import", "--beside"] {
        let (code, said) = refused(&[flag, &file]);
        assert!(code == Some(1) && said.contains("saved.txt:6: the mean is `1.x`"), "{said}");
    }
    let (code, said) = refused(&["--import", "/nonexistent/file"]);
    assert!(code == Some(1) && said.contains("cannot be opened"), "{said}");
}
