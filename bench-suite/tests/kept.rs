//! What was kept as a user meets it: records in a history, imported, exported, damaged; calibrations. No time is asserted.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{SUITE, run, run_with, suite_file, text};
use reports::record::RunRecord;
use reports::store;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

/// A finished run below `folder`, with so many launches of three cells.
fn measured(folder: &Path, launches: &str) -> String {
    let (suite, out) = (suite_file(folder, SUITE), folder.join("run").to_str().unwrap().to_owned());
    let done = run(&["measure", &suite, "--out", &out, "--launches", launches, "--no-control"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    out
}

fn ended(done: &Output, code: i32) -> (String, String) {
    let (shown, said) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(code), "{shown}{said}");
    (shown, said)
}

#[test]
fn a_run_that_was_not_finished_is_told_when_it_is_added_and_where_it_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let out = measured(folder.path(), "2");
    let runs = Path::new(&out).join("runs.jsonl");
    let whole = std::fs::read_to_string(&runs).unwrap();
    std::fs::write(&runs, whole.split_inclusive('\n').take(1).collect::<String>()).unwrap();
    let history = folder.path().join("history").to_str().unwrap().to_owned();
    let add = |path: &str| ended(&run(&["history", "add", path, "--history", &history]), 0);
    let list = || ended(&run(&["history", "list", "--history", &history]), 0).0;
    let (shown, said) = add(runs.to_str().unwrap());
    assert!(shown.contains(": 1 record, "), "{shown}");
    assert!(said.contains("5 of 6 launches are missing: the run was not finished"), "{said}");
    assert!(list().contains("unfinished: 5 of 6 launches missing"), "{}", list());
    // Elsewhere, nothing says what was planned.
    let apart = folder.path().join("apart.jsonl");
    std::fs::copy(&runs, &apart).unwrap();
    assert_eq!(add(apart.to_str().unwrap()).1, "");
    std::fs::write(&runs, &whole).unwrap();
    let (shown, said) = add(&out);
    assert!(shown.contains("has grown") && said.is_empty(), "{shown}{said}");
    let mut here = std::process::Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    here.current_dir(&out).args(["history", "add", "runs.jsonl", "--history", &history]);
    assert_eq!(ended(&here.output().unwrap(), 0).1, "", "by its name alone");
    // No remark, no column of remarks.
    assert!(!list().contains("unfinished") && !list().contains("void |"), "{}", list());
}

#[test]
fn a_series_is_meant_by_what_no_other_begins_with() {
    let folder = tempfile::tempdir().unwrap();
    let out = measured(folder.path(), "1");
    let history = folder.path().join("history").to_str().unwrap().to_owned();
    ended(&run(&["history", "add", &out, "--history", &history]), 0);
    let show = |series: &[&str]| run(&[&["history", "show", "--history", &history], series].concat());
    let (all, _) = ended(&show(&[]), 0);
    let id = all.lines().find(|line| line.contains("ns_per_op")).unwrap().trim_start()[..12].to_owned();
    let (whole, _) = ended(&show(&[&id]), 0);
    assert!(whole.starts_with(&format!("{id}: ns_per_op")), "{whole}");
    assert_eq!(ended(&show(&[&id[..11]]), 0).0, whole);
    assert!(ended(&show(&[""]), 2).1.contains(" among them: write more of it"));
    assert!(ended(&show(&["xyz"]), 2).1.contains("no series `xyz`: `history show` lists them"));
}

#[test]
fn a_damaged_line_is_refused_by_who_counts_and_told_by_who_shows() {
    let folder = tempfile::tempdir().unwrap();
    let out = measured(folder.path(), "1");
    let runs = Path::new(&out).join("runs.jsonl");
    let mut lines: Vec<String> = std::fs::read_to_string(&runs).unwrap().lines().map(str::to_owned).collect();
    lines[1] = lines[1].replacen('{', "[", 1);
    std::fs::write(&runs, lines.join("\n") + "\n").unwrap();
    let history = folder.path().join("history").to_str().unwrap().to_owned();
    for arguments in [
        &["history", "add", &out, "--history", &history][..],
        &["export", &out, "--format", "csv"],
        &["cmp", &out, &out],
        &["measure", "--resume", "--out", &out],
    ] {
        let (_, said) = ended(&run(arguments), 1);
        assert!(said.contains("runs.jsonl:2: damaged: it begins with `[`"), "{arguments:?}: {said}");
        assert!(said.contains("put the line back") && !said.contains("column"), "{arguments:?}: {said}");
    }
    let page = folder.path().join("page.html");
    let (_, said) = ended(&run(&["report", &out, "--out", page.to_str().unwrap()]), 0);
    assert!(said.contains("warning: 1 line is no record and is left out: "), "{said}");
    assert!(said.contains("runs.jsonl:2: damaged"), "{said}");
}

#[test]
fn a_folder_without_its_plan_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let out = measured(folder.path(), "1");
    std::fs::remove_file(Path::new(&out).join("plan.json")).unwrap();
    let (_, said) = ended(&run(&["measure", "--resume", "--out", &out]), 1);
    assert!(said.contains("plan.json is missing") && said.contains("choose another --out"), "{said}");
    let none = folder.path().join("none").to_str().unwrap().to_owned();
    let (_, said) = ended(&run(&["measure", "--resume", "--out", &none]), 1);
    assert!(said.contains("none: there is no such folder"), "{said}");
    assert!(!Path::new(&none).exists());
}

#[test]
fn an_export_of_nothing_writes_nothing_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let out = measured(folder.path(), "1");
    let runs = Path::new(&out).join("runs.jsonl");
    let bare = |record: RunRecord| RunRecord { latencies: BTreeMap::default(), ..record };
    let lines = store::load(&runs).unwrap().records.into_iter().map(bare);
    let lines: String = lines.map(|record| serde_json::to_string(&record).unwrap() + "\n").collect();
    std::fs::write(&runs, lines).unwrap();
    let place = folder.path().join("exported");
    let to = place.to_str().unwrap();
    for (form, metric) in [("hgrm", None), ("hlog", None), ("github-bigger", Some("ns_per_op"))] {
        let metric: Vec<&str> = metric.iter().flat_map(|name| ["--metric", name]).collect();
        let arguments = [&["export", &out, "--format", form, "--out", to], &metric[..]].concat();
        let (shown, said) = ended(&run(&arguments), 1);
        assert!(said.contains("nothing to export: ") && shown.is_empty(), "{form}: {shown}{said}");
        assert!(!place.exists(), "{form}");
    }
    let (_, said) = ended(&run(&["export", &out, "--format", "csv", "--out", "/dev/full"]), 1);
    assert!(said.contains("/dev/full: cannot write: ") && said.contains("free some space"), "{said}");
}

#[test]
fn a_baseline_is_one_launch_however_often_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let import = ["import", "criterion", "nowhere", "--baseline", "m1,m2,m1", "--out", out.to_str().unwrap()];
    let (_, said) = ended(&run(&import), 2);
    assert!(said.contains("baseline `m1` is named twice"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_calibration_without_a_verdict_leaves_this_machine_s_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, state) = (suite_file(folder.path(), SUITE), folder.path().join("state"));
    let out = folder.path().join("out");
    let terms = ["--policy", "none", "--comparisons", "1", "--blocks", "1", "--out", out.to_str().unwrap()];
    let arguments = [&["calibrate", &suite], &terms[..]].concat();
    let done = run_with(&arguments, &[("XDG_STATE_HOME", state.to_str().unwrap())]);
    let (shown, said) = ended(&done, 0);
    assert!(said.contains("no verdict was given; nothing learned"), "{said}");
    assert!(shown.contains("No verdict was given; nothing learned") && !shown.contains("false ("), "{shown}");
    assert!(!shown.contains("quotes it from now on") && !state.exists(), "{shown}");
}

#[test]
fn a_calibration_says_that_it_wants_one_suite() {
    for (suites, how) in [(&[][..], "none is named"), (&["areas", "quick-find-pool"], "2 are named")] {
        let (_, said) = ended(&run(&[&["calibrate", "--dry-run"], suites].concat()), 2);
        assert!(said.contains(how) && said.contains("`swiotlb-bench list suites` shows them"), "{said}");
    }
    let (help, _) = ended(&run(&["calibrate", "--help"]), 0);
    assert!(help.contains("Usage: swiotlb-bench calibrate [OPTIONS] <SUITE>"), "{help}");
    assert!(help.contains("The suite, one: ") && !help.contains("several may be measured"), "{help}");
}
