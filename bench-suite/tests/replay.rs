//! `swiotlb-bench replay` as a user runs it, over the bundled traces.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use workloads::lines::Lines;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../workloads/data/traces").join(name)
}

fn replay(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.arg("replay").args(args).output().unwrap()
}

/// Standard output of a replay that succeeds.
fn shown(args: &[&str]) -> String {
    let output = replay(args);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    // What was kept is told, and nothing else.
    let told =
        errors.is_empty() || (args.contains(&"--out") && errors.contains(": added 1 record to runs.jsonl"));
    assert!(
        output.status.success() && told && errors.lines().count() < 2,
        "{args:?}: {} {errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error of a replay that ends with `code`.
fn refused(args: &[&str], code: i32) -> String {
    let output = replay(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

/// The count called `name` in the table of counts; 0 if it has no row.
fn count(shown: &str, name: &str) -> u64 {
    let row =
        shown.lines().find_map(|line| line.trim_start().strip_prefix(name)?.trim_start().strip_prefix('|'));
    row.map_or(0, |value| value.trim().replace(',', "").parse().unwrap())
}

fn placement(shown: &str) -> &str {
    let lines: Vec<_> = shown.lines().filter(|line| line.starts_with("placement:")).collect();
    assert_eq!(lines.len(), 1, "{shown}");
    lines[0]
}

/// The lines of a bundled trace.
fn lines(name: &str) -> Vec<String> {
    let mut lines = Lines::open(&data(name)).unwrap();
    let mut all = Vec::new();
    while let Some(line) = lines.next_text().unwrap() {
        all.push(line.to_owned());
    }
    all
}

/// A trace of its own in a folder of its own, with boot_probe's first pool beside it if wanted.
struct Written {
    /// Removed with this.
    _folder: tempfile::TempDir,
    path: String,
}

fn written(lines: &[String], with_facts: bool) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    if with_facts {
        std::fs::copy(data("boot_probe.meta.json"), folder.path().join("made.meta.json")).unwrap();
    }
    let path = path.to_str().unwrap().to_owned();
    Written { _folder: folder, path }
}

#[test]
fn every_map_of_the_bundled_traces_is_where_linux_put_it() {
    for (name, maps) in
        [("boot_probe.jsonl.gz", 5840), ("boot_probe.trace.txt.gz", 5840), ("dyn_growth.jsonl.gz", 19207)]
    {
        let shown = shown(&["--check", data(name).to_str().unwrap()]);
        assert_eq!(placement(&shown), format!("placement: {maps} of {maps} identical"));
        assert_eq!(count(&shown, "maps"), maps);
        for operation in ["map", "unmap", "sync", "find_pool"] {
            assert!(shown.lines().any(|line| line.split('|').next().unwrap().trim() == operation), "{shown}");
        }
    }
}

#[test]
fn another_search_gives_the_same_placement_by_other_steps() {
    let trace = data("dyn_growth.jsonl.gz");
    let trace = trace.to_str().unwrap();
    let both = shown(&["--check", "--policy", "kernel", "--policy", "search-bitmap", trace]);
    let pages: Vec<_> = both.split("dyn_growth: ").skip(1).collect();
    assert_eq!(pages.len(), 2);
    for page in &pages {
        assert_eq!(placement(page), "placement: 19207 of 19207 identical");
        assert_eq!(count(page, "slots_high_water"), 3120);
    }
    assert_ne!(count(pages[0], "written_at_map"), count(pages[1], "written_at_map"));
}

#[test]
fn growth_and_transient_pools_are_ours_without_a_check() {
    let shown = shown(&[data("dyn_growth.jsonl.gz").to_str().unwrap()]);
    assert!(count(&shown, "pools_added") > 0 && count(&shown, "transient_pools") > 0, "{shown}");
    assert_eq!(count(&shown, "slots_at_end"), 1024 * (1 + count(&shown, "pools_added")));
    assert!(!shown.contains("placement:"));
}

#[test]
fn a_small_pool_that_does_not_grow_fails_with_reasons() {
    let trace = data("boot_probe.jsonl.gz");
    let trace = trace.to_str().unwrap();
    let fixed = shown(&["--swiotlb", "256,1", "--no-grow", trace]);
    assert!(fixed.contains("first pool of 256 slots in 1 areas"), "{fixed}");
    assert!(count(&fixed, "maps_failed") > 0 && count(&fixed, "failed: capacity") > 0, "{fixed}");
    assert_eq!(count(&fixed, "maps") + count(&fixed, "maps_failed"), 5840);
    assert!(count(&fixed, "calls_on_failed_maps") > 0 && !fixed.contains("is built as"));
    let more = shown(&["--swiotlb", "128,256", "--no-grow", trace]);
    assert!(more.contains("128,256 is built as 32768,256, as the kernel rounds"), "{more}");
    let growing = shown(&["--swiotlb", "256,1", "--grow", trace]);
    assert_eq!(count(&growing, "maps"), 5840);
    assert!(count(&growing, "pools_added") > 0, "{growing}");
}

#[test]
fn steps_are_the_same_every_time() {
    let steps = || {
        let shown = shown(&[data("dyn_growth.jsonl.gz").to_str().unwrap()]);
        shown.split("\nSteps\n").nth(1).unwrap().to_owned()
    };
    assert_eq!(steps(), steps());
}

#[test]
fn a_trace_with_holes_is_replayed_and_says_what_was_skipped() {
    let all = lines("boot_probe.jsonl.gz");
    let holes: Vec<_> = all.into_iter().zip(1..).filter(|(_, i)| i % 7 != 0).map(|(line, _)| line).collect();
    let made = written(&holes, true);
    let shown = shown(&["--check", &made.path]);
    for what in ["unmap without a map: ", "sync outside a mapping: "] {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    assert!(count(&shown, "live_at_end_of_trace") > 263, "{shown}");
    assert!(placement(&shown).ends_with(" of 4990 identical"), "{shown}");
}

#[test]
fn what_cannot_be_read_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let whole = std::fs::read(data("boot_probe.jsonl.gz")).unwrap();
    std::fs::write(at("boot_probe.jsonl.gz"), &whole[..whole.len() / 2]).unwrap();
    let errors = refused(&[&at("boot_probe.jsonl.gz")], 1);
    assert!(errors.contains("boot_probe.jsonl.gz:") && errors.contains("with --allow-cut"), "{errors}");
    std::fs::write(at("empty"), "").unwrap();
    assert!(refused(&[&at("empty")], 1).contains("empty: it is empty"));
    assert!(refused(&[&at("absent")], 1).contains("cannot be opened"));
    std::fs::write(at("long.jsonl"), format!("{{\"op\":\"{}\"}}\n", "x".repeat(2 << 20))).unwrap();
    assert!(refused(&[&at("long.jsonl")], 1).contains("long.jsonl:1: line longer"));
    // One bad trace does not keep the others from being replayed.
    let output = replay(&[&at("empty"), data("boot_probe.jsonl.gz").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("boot_probe: "));
}

#[test]
fn a_missing_pool_is_asked_for_by_the_flags_that_give_it() {
    let made = written(&lines("boot_probe.jsonl.gz")[..100], false);
    let errors = refused(&[&made.path], 1);
    assert!(errors.contains("made.meta.json says where the pool starts and how many slots"), "{errors}");
    assert!(errors.contains("--base ADDRESS and --swiotlb SLOTS,AREAS"), "{errors}");
    let errors = refused(&["--swiotlb", "512,2", &made.path], 1);
    assert!(errors.contains("says where the pool starts; give --base ADDRESS"), "{errors}");
    let given = shown(&["--check", "--swiotlb", "32768,4", "--base", "0x7987d000", &made.path]);
    let maps = count(&given, "maps");
    assert_eq!(placement(&given), format!("placement: {maps} of {maps} identical"));
    assert!(refused(&["--base", "0x10", &made.path, "--swiotlb", "512,2"], 2).contains("not page aligned"));
}

#[test]
fn wrong_flags_are_usage_errors() {
    let trace = data("boot_probe.jsonl.gz");
    let trace = trace.to_str().unwrap();
    assert!(refused(&["--policy", "kernal", trace], 2).contains("there is no policy `kernal`"));
    for flags in
        [&["--swiotlb", "x"][..], &["--base", "y"], &["--grow", "--no-grow"], &["--swiotlb", "512,noforce"]]
    {
        refused(&[flags, &[trace]].concat(), 2);
    }
    refused(&[], 2);
}

#[test]
fn hostile_records_are_survived() {
    let map = |tlb: u64, orig: u64, size: u64, mask: u64| {
        format!(
            r#"{{"t_ns":1,"cpu":65535,"op":"map","dev":"d","orig":"{orig:#x}","size":{size},"alloc_align_mask":0,"dir":0,"attrs":0,"tlb":"{tlb:#x}","min_align_mask":{mask},"t_ret_ns":0}}"#
        )
    };
    let pool = |start: u64, end: u64, areas: u64| {
        format!(
            r#"{{"t_ns":2,"cpu":0,"op":"pool_add","start":"{start:#x}","end":"{end:#x}","nareas":{areas},"area_nslabs":1,"transient":false}}"#
        )
    };
    let mut hostile = vec![
        // In the first pool, over each other, at both ends of the address space, and beyond it.
        map(0x7987_d000, 0x7987_d000, 4096, 0),
        map(0x7987_d800, 0x7987_d000, 4096, 0),
        map(0x7987_d800, 0, 262_144, 0xffff_ffff),
        map(0xffff_ffff_fffe_0000, u64::MAX - 262_144, 262_144, 0xfff),
        map(0x1000, 1 << 40, 1, 0),
        map(0x2000, (1 << 40) - 1, 1, 0),
        map(0x3000, 0xff, 0, 0),
        map(0x3000, 0xff, 1 << 60, 0),
        pool(0x7987_d000, 0x7988_d000, 1),
        pool(0x1_0000_0000, 0x1_0010_0000, 3),
        pool(0x1_0000_0000, 0x1_0010_0000, 4),
        pool(0x1_0000_0800, 0x1_0010_0000, 1),
        pool(0xff_ffff_f000, 0x100_0000_0000, 1),
        pool(u64::MAX - 4095, u64::MAX, 1),
        r#"{"t_ns":-5,"cpu":-1,"op":"map","dev":"","orig":"0x0"}"#.to_owned(),
        r#"{"t_ns":3,"cpu":0,"op":"map_fail","dev":"d","orig":"0xfffffffffff","size":4294967295,"alloc_align_mask":0,"dir":2,"attrs":0,"min_align_mask":0}"#.to_owned(),
        r#"{"t_ns":3,"cpu":0,"op":"map_fail","dev":"d","orig":"0x7987d000","size":4096,"alloc_align_mask":4095,"dir":2,"attrs":0,"min_align_mask":0}"#.to_owned(),
        r#"{"t_ns":4,"cpu":0,"op":"sync_dev","dev":"other","size":4096,"dir":1,"tlb":"0x7987d800"}"#.to_owned(),
        r#"{"t_ns":5,"cpu":0,"op":"unmap","dev":"unknown","size":262144,"dir":1,"attrs":0,"tlb":"0x1000"}"#.to_owned(),
    ];
    // Maps that are never undone, each in a window of its own.
    hostile.extend((0..300_u64).map(|i| map(0x8000_0000 + (i << 18), i << 28, 262_144, 0)));
    let made = written(&hostile, true);
    for flags in [&[][..], &["--grow"], &["--swiotlb", "1"], &["--swiotlb", "512,64", "--no-grow"]] {
        for policy in ["kernel", "search-bitmap", "lookup-sorted"] {
            let shown = shown(&[flags, &["--check", "--policy", policy, &made.path]].concat());
            assert!(shown.contains("absurd size"), "{shown}");
            assert!(count(&shown, "maps") > 0, "{shown}");
        }
    }
}

#[test]
fn results_are_kept_and_full_or_read_only_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/results");
    let (out, trace) = (out.to_str().unwrap(), data("boot_probe.jsonl.gz"));
    shown(&["--out", out, "--check", trace.to_str().unwrap()]);
    shown(&["--out", out, trace.to_str().unwrap()]);
    let runs = std::fs::read_to_string(Path::new(out).join("runs.jsonl")).unwrap();
    assert_eq!(runs.lines().count(), 2);
    assert!(runs.starts_with("{\"schema\":\"swiotlb-bench/1") && runs.contains("\"kind\":\"replay\""));
    assert!(runs.contains("\"placement\":{\"identical\":5840,\"compared\":5840}"));
    let figure = std::fs::read_to_string(Path::new(out).join("latency-boot_probe-jsonl-kernel.svg")).unwrap();
    assert!(figure.contains("boot_probe under kernel"));
    std::fs::write(folder.path().join("file"), "").unwrap();
    let errors =
        refused(&["--out", folder.path().join("file/x").to_str().unwrap(), trace.to_str().unwrap()], 1);
    assert!(errors.contains("cannot be made"), "{errors}");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    let traces = [data("boot_probe.jsonl.gz"), data("boot_probe.jsonl.gz")];
    let mut child = command
        .arg("replay")
        .args(traces)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_first_pool_that_flags_make_impossible_is_a_usage_error() {
    let trace = data("boot_probe.jsonl.gz");
    let trace = trace.to_str().unwrap();
    assert!(refused(&["--swiotlb", "99999999999,4", trace], 2).contains("the number of slots"));
    assert!(refused(&["--swiotlb", "512,4294967295", trace], 2).contains("the number of areas"));
    assert!(refused(&["--base", "0xfffffffffffff000", trace], 2).contains("made-up address space"));
    // Page aligned and within the space, but the recorded pool would reach beyond its end.
    assert!(refused(&["--base", "0xfffffff000", trace], 2).contains("made-up address space"));
}

#[test]
fn replay_s_help_names_its_exit_codes_and_every_flag_has_a_variable() {
    let help = shown(&["--help"]);
    assert!(help.contains("Exit codes: 0 every trace was replayed"), "{help}");
    for name in ["CHECK", "GROW", "NO_GROW", "ALLOW_CUT", "OUT", "BASE"] {
        assert!(help.contains(&format!("SWIOTLB_BENCH_{name}=")), "{name}: {help}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    let trace = data("boot_probe.jsonl.gz");
    let output = command.arg("replay").arg(trace).env("SWIOTLB_BENCH_CHECK", "1").output().unwrap();
    assert!(output.status.success());
    assert_eq!(placement(&String::from_utf8(output.stdout).unwrap()), "placement: 5840 of 5840 identical");
}

#[test]
fn a_kept_replay_says_what_built_it() {
    let (folder, trace) = (tempfile::tempdir().unwrap(), data("boot_probe.jsonl.gz"));
    shown(&["--out", folder.path().to_str().unwrap(), trace.to_str().unwrap()]);
    let records = reports::store::load(&folder.path().join("runs.jsonl")).unwrap().records;
    // A commit where there is a repository, and never the words of an unset variable.
    assert_eq!(records[0].revision, bench_suite::cell::REVISION);
    assert!(!records[0].revision.is_empty());
}

#[test]
fn a_kept_replay_has_its_course_over_the_recorded_time() {
    let (folder, trace) = (tempfile::tempdir().unwrap(), data("boot_probe.jsonl.gz"));
    shown(&["--out", folder.path().to_str().unwrap(), trace.to_str().unwrap()]);
    let record = &reports::store::load(&folder.path().join("runs.jsonl")).unwrap().records[0];
    let course = record.course.as_ref().unwrap();
    assert_eq!((course.operation.as_str(), course.intervals.len()), ("map", 48));
    let samples: u64 = course.intervals.iter().map(|interval| interval.samples).sum();
    assert_eq!(samples, record.latencies["map"].samples());
    let most = course.intervals.iter().map(|interval| interval.occupancy.high).fold(0.0, f64::max);
    let share = 100.0 * record.counts["slots_high_water"] as f64 / record.counts["slots_at_end"] as f64;
    assert!((most - share).abs() < 0.01, "{most} {share}");
    assert!(course.intervals.iter().all(|i| (i.pools.low, i.pools.high) == (1.0, 1.0)));
    let fragmented = course.intervals.iter().map(|interval| interval.fragmentation.high).fold(0.0, f64::max);
    assert!(fragmented > 0.0 && fragmented < 100.0, "{fragmented}");
    assert!(course.intervals.iter().any(|interval| interval.tail_ns.is_some()));
    assert!(course.intervals.windows(2).all(|pair| pair[0].end_ns < pair[1].end_ns));
}
