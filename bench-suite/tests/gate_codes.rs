//! The exit codes of a gate that tell of the allocator, of too little data and of the machine: 4, 5 and 6.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;
mod toy;

use fast_suite::{COUNTED, TIMED, alone, file, run, text};
use reports::store;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use toy::{STORAGE, policy, with_toy};

/// A gate over one suite, in the suite's folder: what stands at its top, and what its cells are held to.
fn gate(folder: &Path, suite: &str, top: &str, cells: &str) -> String {
    file(folder, "suite.toml", suite);
    let text = format!("effort = \"quick\"\n{top}\n[[cells]]\nsuite = \"suite.toml\"\n{cells}\n");
    file(folder, "gate.toml", &text)
}

fn has_ended(done: &Output, code: i32) -> (String, String) {
    let (shown, said) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(code), "{shown}{said}");
    (shown, said)
}

fn records(out: &Path) -> usize {
    store::load(&out.join("runs.jsonl")).unwrap().records.len()
}

#[test]
fn an_allocator_that_gives_a_slot_twice_ends_the_gate() {
    let Some((folder, library)) = with_toy(&["-DBREAK"]) else { return };
    let gate = gate(folder.path(), STORAGE, "", "metrics = [\"counters\", \"ns_per_op\"]");
    let out = folder.path().join("out");
    let junit = folder.path().join("junit.xml");
    let arguments =
        ["gate", &gate, "--a", "kernel", "--b", &policy(&library), "--out", out.to_str().unwrap()];
    let done = run(&[&arguments[..], &["--junit", junit.to_str().unwrap()]].concat());
    let (shown, said) = has_ended(&done, 4);
    assert!(said.contains("an oracle saw a violation: its numbers are void"), "{said}");
    assert!(shown.contains("VOID: ") && !shown.contains("improved"), "{shown}");
    // The counting launches have shown it: no block was run.
    assert_eq!(records(&out), 2);
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("errors=\"2\"") && xml.contains("failures=\"0\""), "{xml}");
}

#[test]
fn a_side_that_counts_nothing_has_made_no_fewer_steps() {
    let Some((folder, library)) = with_toy(&[]) else { return };
    let gate = gate(folder.path(), COUNTED, "", "metrics = [\"counters\"]");
    let outside = policy(&library);
    for (a, b, says) in
        [("kernel", &*outside, "B counts no steps"), (&*outside, "kernel", "A counts no steps")]
    {
        let out = folder.path().join(says);
        let done = run(&["gate", &gate, "--a", a, "--b", b, "--out", out.to_str().unwrap()]);
        let (shown, _) = has_ended(&done, 0);
        assert!(
            shown.contains(&format!("not measured: {says}")) && shown.contains("1 not measured."),
            "{shown}"
        );
    }
}

#[test]
fn no_answer_fails_those_who_ask_for_one() {
    let folder = tempfile::tempdir().unwrap();
    // So small an alpha leaves no change to be told from below 23 blocks, and there only where all agree; so small a
    // floor leaves no equivalence.
    let top = "a = \"none\"\nb = \"none\"\nalpha = \"0.0001%\"";
    let gate = gate(folder.path(), TIMED, top, "metrics = [\"ns_per_op\"]\nfloor = \"0.01%\"");
    let out = folder.path().join("out");
    let arguments = ["gate", &gate, "--out", out.to_str().unwrap(), "--no-calibration"];
    let (shown, _) = has_ended(&run(&arguments), 0);
    assert!(shown.contains("1 checks: 1 not enough data."), "{shown}");
    // A report knows that the gate has left the cell, and misses no launches of it.
    let complete = || {
        assert!(run(&["report", out.to_str().unwrap()]).status.success());
        let page = std::fs::read_to_string(out.join("report.html")).unwrap();
        assert!(!page.contains("launches are missing"), "{page}");
    };
    complete();
    // The first look has seen a cell that is open and, as a rule, not suspicious. Now every open one is confirmed.
    let (shown, _) = has_ended(&run(&[&arguments[..], &["--resume", "--fail-inconclusive"]].concat()), 5);
    assert!(shown.contains("not enough data") && shown.contains("24 blocks"), "{shown}");
    complete();
}

/// A side whose program is this one, run by a shell with `before` before it; no two of them are the same file.
fn wrapped(folder: &Path, name: &str, before: &str) -> String {
    let program = env!("CARGO_BIN_EXE_swiotlb-bench");
    let path = file(folder, name, &format!("#!/bin/sh\n# {name}\n{before}\nexec {program} \"$@\"\n"));
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    format!("build:{path}")
}

#[test]
fn a_side_that_crashes_now_and_then_fails_the_gate() {
    let (_alone, folder) = (alone(), tempfile::tempdir().unwrap());
    let count = file(folder.path(), "count", "0");
    let crash = format!("read n < {count}; echo $((n + 1)) > {count}; [ $((n % 2)) = 0 ] || kill -SEGV $$");
    let (a, b) = (wrapped(folder.path(), "a", ""), wrapped(folder.path(), "b", &crash));
    let gate = gate(folder.path(), &TIMED.replace("4000", "200"), "", "metrics = [\"ns_per_op\"]");
    let (out, junit) = (folder.path().join("out"), folder.path().join("junit.xml"));
    let sides =
        ["gate", &gate, "--a", &format!("{a}::none"), "--b", &format!("{b}::none"), "--no-calibration"];
    let places = ["--out", out.to_str().unwrap(), "--junit", junit.to_str().unwrap()];
    let (shown, said) = has_ended(&run(&[&sides[..], &places].concat()), 1);
    let why = "void launches: A 0 of 24, B 12 of 24: the process failed (signal: 11";
    assert!(shown.contains("VOID: ") && shown.contains("1 checks: 1 void."), "{shown}");
    assert!(said.contains("ns_per_op of fast/") && said.contains(why), "{said}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("errors=\"1\" skipped=\"0\"") && xml.contains("B 12 of 24"), "{xml}");
}

#[test]
fn a_machine_that_is_not_fit_ends_a_strict_gate_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let crowd = "metrics = [\"counters\"]\nset = [\"threads=1024\", \"nslabs=131072\"]";
    let gate = gate(folder.path(), STORAGE, "a = \"kernel\"\nb = \"kernel\"", crowd);
    let out = folder.path().join("out");
    let done = run(&["gate", &gate, "--strict", "--out", out.to_str().unwrap()]);
    let (_, said) = has_ended(&done, 6);
    assert!(said.contains("want up to 1024 threads and there are"), "{said}");
    assert!(!out.exists(), "nothing was begun");
    // For those who are not strict such a cell does not run, and fails nothing.
    let done = run(&["gate", &gate, "--out", out.to_str().unwrap()]);
    let (shown, _) = has_ended(&done, 0);
    assert!(shown.contains("not measured: more threads than cores") && records(&out) == 0, "{shown}");
}
