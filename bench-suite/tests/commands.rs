//! The commands beside `measure` and `ab` as a user meets them: what they print, and what they refuse.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use reports::evidence::Place;
use reports::latency::Latency;
use reports::record::{Kind, PolicyName, RunRecord};
use reports::store::Store;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_swiotlb-bench")).args(arguments).env_clear().output().unwrap()
}

/// Standard output of a run that has to succeed.
fn shown(arguments: &[&str]) -> String {
    let done = run(arguments);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Standard error of a run that has to end with the exit code of a wrong command line.
fn refused(arguments: &[&str]) -> String {
    let done = run(arguments);
    assert_eq!(done.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn a_profiled_cell_is_one_and_is_run() {
    let one = ["profile", "slot-search", "--quick", "--for", "1ms", "--filter"];
    let shown = shown(&[&one[..], &["policy=kernel,state=empty,slots=1"]].concat());
    assert!(shown.contains("slot-search/policy=kernel,slots=1,state=empty\n"), "{shown}");
    assert!(shown.contains("ran 1 times"), "{shown}");
    let several = refused(&[&one[..], &["policy=kernel"]].concat());
    assert!(several.contains("one cell is profiled and"), "{several}");
    assert!(refused(&["profile", "slot-search", "--for", "5"]).contains("--for: write a time above 0"));
}

#[test]
fn the_harness_tells_its_own_cost() {
    let shown = shown(&["overhead"]);
    for line in
        ["closed loop, each call timed", "open loop behind schedule", "Highest rate with the schedule kept"]
    {
        assert!(shown.contains(line), "{shown}");
    }
}

/// Whether a search ends in a rate that was tried, or in none: which one is the machine's affair.
fn answered(shown: &str) -> bool {
    let last = shown.trim_end().lines().last().unwrap_or_default();
    let rate = last.strip_prefix("highest rate with p99 under 1s: ").and_then(|rest| rest.strip_suffix("/s"));
    let rate = rate.and_then(|rate| rate.parse().ok());
    rate.is_some_and(|rate: u64| (20_000..=40_000).contains(&rate))
        || ["none: p99 is above 1s", "none: of 20k/s", "no answer: "].iter().any(|end| last.starts_with(end))
}

#[test]
fn a_search_against_a_server_shows_the_theory_beside_it() {
    let arguments = ["search", "--dummy", "1us", "--from", "20k/s", "--to", "40k/s", "--maps", "2000"];
    let shown = shown(&[&arguments[..], &["--under", "1s"]].concat());
    assert!(shown.contains("M/D/1 (ns)") && shown.contains("a server of 1us"), "{shown}");
    assert!(answered(&shown), "{shown}");
}

#[test]
fn a_search_finds_a_rate_for_the_allocator() {
    let arguments = ["search", "--model", "nvme", "--from", "20k/s", "--to", "40k/s", "--maps", "2000"];
    let shown = shown(&[&arguments[..], &["--under", "1s"]].concat());
    assert!(shown.contains("nvme under kernel, 1 thread, open loop"), "{shown}");
    assert!(answered(&shown), "{shown}");
}

#[test]
fn a_search_refuses_what_it_cannot_do() {
    assert!(refused(&["search", "--model", "nvem"]).contains("the nearest is nvme"));
    assert!(refused(&["search", "--policy", "kernal"]).contains("the nearest is kernel"));
    assert!(refused(&["search", "--from", "5M/s", "--to", "1M/s"]).contains("is not below"));
    assert!(refused(&["search", "--under", "10"]).contains("with its unit, as 10us"));
    assert!(refused(&["search", "--quantile", "99"]).contains("write p50"));
    let few = refused(&["search", "--quantile", "p99.99", "--maps", "1000"]);
    assert!(few.contains("too few samples for p99.99: it wants 100,000 and a run has "), "{few}");
    let one = ["search", "--dummy", "1us", "--maps", "1000"];
    let few = refused(&[&one[..], &["--under", "1s", "--to", "20k/s"]].concat());
    assert!(few.contains("p99: it wants 1,000 and a run has 900: --maps 1123 at least"), "{few}");
}

#[test]
fn the_doctor_examines_the_machine() {
    let shown = shown(&["doctor"]);
    assert!(shown.contains("the harness, an operation") && shown.contains("clock reading"), "{shown}");
}

#[test]
fn both_clocks_are_named() {
    let shown = shown(&["doctor"]);
    let row = |what: &str| shown.lines().find(|line| line.contains(what)).unwrap_or_default();
    assert!(row("clock reading, prepared states").contains("clock_monotonic: "), "{shown}");
    assert!(row("clock reading, loops").contains(" ns, step "), "{shown}");
}

#[test]
fn a_server_that_stalls_has_no_theory_beside_it() {
    let arguments =
        ["search", "--dummy", "1us,100us/10ms", "--from", "20k/s", "--to", "40k/s", "--under", "1s"];
    let shown = shown(&[&arguments[..], &["--maps", "2000"]].concat());
    assert!(shown.contains("M/D/1 knows no stalls"), "{shown}");
    // Whether a rate holds is the machine's affair.
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let runs: Vec<_> = rows.iter().filter(|row| row.len() == 7 && row[0].parse::<u64>().is_ok()).collect();
    assert!(!runs.is_empty() && runs.iter().all(|row| row[5] == "-"), "{shown}");
    assert!(shown.contains("A rate holds by one run that holds and fails by 3 that fail"), "{shown}");
}

#[test]
fn every_flag_of_a_search_has_a_variable() {
    let help = shown(&["search", "--help"]);
    for name in ["DUMMY", "QUANTILE", "UNDER", "FROM", "TO", "THREADS", "MAPS", "SWIOTLB", "STRICT"] {
        assert!(help.contains(&format!("SWIOTLB_BENCH_{name}=")), "{name}: {help}");
    }
    let help = shown(&["cells", "--help"]);
    // Its --filter is a text and no expression, as that of the other commands is: no variable can be of both.
    assert!(["POLICY", "QUICK"].iter().all(|name| help.contains(&format!("SWIOTLB_BENCH_{name}="))));
    assert!(!help.contains("SWIOTLB_BENCH_FILTER"), "{help}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    let done = command.arg("search").env("SWIOTLB_BENCH_QUANTILE", "99").output().unwrap();
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn a_pool_that_cannot_be_is_a_usage_error() {
    assert!(refused(&["search", "--swiotlb", "99999999999,4"]).contains("the number of slots"));
    assert!(refused(&["search", "--swiotlb", "512,4294967295"]).contains("the number of areas"));
}

/// The records of a night: three launches around `ns`, on the day of that number.
fn night(folder: &Path, day: u32, ns: f64) -> String {
    let launch = |launch: u32| {
        let mut record = RunRecord::new(Kind::Cell, "s/policy=kernel", PolicyName::default());
        record.place = Some(Place { launch, ..Place::default() });
        record.parameters.insert("policy".to_owned(), "kernel".to_owned());
        record.started = 1_700_000_000 + u64::from(86_400 * day + launch);
        record.metrics.insert("ns_per_op".to_owned(), ns + f64::from(launch));
        serde_json::to_string(&record).unwrap() + "\n"
    };
    let file = folder.join(format!("{day}.jsonl"));
    std::fs::write(&file, (0..3).map(launch).collect::<String>()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_history_tells_of_a_shift_until_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("history");
    let history = |rest: &[&str]| run(&[&["history", "--history", place.to_str().unwrap()], rest].concat());
    let says = |rest: &[&str], exit: i32| {
        let done = history(rest);
        assert_eq!(done.status.code(), Some(exit), "{rest:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(if exit == 0 { done.stdout } else { done.stderr }).unwrap()
    };
    assert!(says(&["list"], 1).contains("no history there"));
    let nights: Vec<String> =
        (0..14).map(|day| night(folder.path(), day, if day < 12 { 100.0 } else { 130.0 })).collect();
    let nights: Vec<&str> = nights.iter().map(String::as_str).collect();
    let still = says(&[&["add"], &nights[..12]].concat(), 0);
    assert!(still.contains("3 records, 2 series") && !still.contains("nobody has accepted"), "{still}");
    let shifted = says(&[&["add"], &nights[12..]].concat(), 0);
    assert!(shifted.contains("+29.7 %") && shifted.contains("2023-11-26T"), "{shifted}");
    assert!(says(&["add", nights[13]], 0).contains("is there already"));
    assert_eq!(says(&["list"], 0).matches("2023-11-").count(), 2 * 14);
    assert!(says(&["show"], 0).contains("+29.7 %, change point (p below 1e-9): open"));
    assert!(says(&["accept"], 2).contains("--reason"));
    assert!(says(&["show", "no-such-one"], 2).contains("no series"));
    assert!(says(&["show", "--filter", "metrik=x"], 2).contains("metric"));
    let accept = ["accept", "--reason", "wanted", "--by", "me", "--filter", "metric=ns_per_op"];
    assert!(says(&accept, 0).contains("accepted from 2023-11-26T"));
    assert!(says(&accept, 1).contains("no shift is open"));
    assert!(says(&["show", "--filter", "metric=ns_per_op"], 0).contains("accepted by me on"));
    let csv = says(&["export"], 0);
    assert_eq!((csv.lines().count(), csv.matches(",accepted").count()), (1 + 2 * 14, 1), "{csv}");
}

/// A usable launch of a cell, 100 ns and its number.
fn launch(cell: &str, arm: Option<&str>, launch: u32) -> RunRecord {
    let mut record = RunRecord::new(Kind::Cell, cell, PolicyName::default());
    record.place = Some(Place { launch, arm: arm.map(str::to_owned), ..Place::default() });
    record.metrics.insert("ns_per_op".to_owned(), 100.0 + f64::from(launch));
    record.metrics.insert("ops_per_s".to_owned(), 1e7);
    let mut latency = Latency::new();
    (1..=100).for_each(|ns| latency.record(ns));
    record.latencies.insert("map".to_owned(), latency);
    record
}

/// A run's folder of this name with these records; its path.
fn stored(folder: &Path, name: &str, records: &[RunRecord]) -> String {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    let (mut store, _) = Store::open(&folder.join("runs.jsonl")).unwrap();
    records.iter().for_each(|record| store.append(record).unwrap());
    folder.to_str().unwrap().to_owned()
}

#[test]
fn every_form_names_arms_apart_and_leaves_void_launches_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut records: Vec<RunRecord> = (0..3).map(|n| launch("s/x=1", Some("A"), n)).collect();
    records.push(launch("s/x=1", Some("B"), 10));
    records.push(RunRecord { void: Some("the oracle".to_owned()), ..launch("s/x=1", Some("B"), 11) });
    let run_of = stored(folder.path(), "night", &records);
    let exported = |format: &str| {
        let done = run(&["export", &run_of, "--format", format, "--metric", "ns_per_op"]);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success() && said.contains("1 void launch left out"), "{said}");
        String::from_utf8(done.stdout).unwrap()
    };
    let go = exported("go");
    assert_eq!(go.matches("BenchmarkS/x=1/arm=A-1 1 10").count(), 3, "{go}");
    assert_eq!(go.matches("BenchmarkS/x=1/arm=B-1 1 110 ns/op").count(), 1, "{go}");
    assert!(!go.contains("111"), "{go}");
    let csv = exported("csv");
    assert_eq!((csv.lines().count(), csv.matches("s/x=1,B").count()), (5, 1), "{csv}");
    let bencher: serde_json::Value = serde_json::from_str(&exported("bencher")).unwrap();
    assert_eq!(bencher["s/x=1,arm=A"]["latency"]["value"], 101.0);
    assert_eq!(bencher["s/x=1,arm=B"]["latency"]["value"], 110.0);
    assert!(exported("github-smaller").contains("\"s/x=1,arm=B ns_per_op\""));
    assert_eq!(exported("hlog").matches("Tag=s/x=1;arm=A;map,").count(), 3);
    let out = folder.path().join("hgrm");
    let done = shown(&["export", &run_of, "--format", "hgrm", "--out", out.to_str().unwrap()]);
    assert!(done.starts_with("2 files below"), "{done}");
    let text = std::fs::read_to_string(out.join("s/x=1,arm=A,map.hgrm")).unwrap();
    assert!(text.contains("Total count    =          300]"), "{text}");
}

#[test]
fn what_was_exported_as_criterion_s_comes_back_and_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let old: Vec<RunRecord> = (0..3).map(|n| launch("s/x=1", None, n)).collect();
    let new: Vec<RunRecord> = (7..10).map(|n| launch("s/x=1", None, n)).collect();
    let (old, new) = (stored(folder.path(), "old", &old), stored(folder.path(), "new", &new));
    let export = ["export", &old, &new, "--format", "criterion", "--out", &path("criterion")];
    assert!(shown(&export).starts_with("8 files below"));
    // `new` has a meaning to criterion.
    for (baseline, out) in [("old", "back-old"), ("run-new", "back-new")] {
        let import = ["import", "criterion", &path("criterion"), "--baseline", baseline, "--out", &path(out)];
        assert!(shown(&import).starts_with("Records: 1 in "));
    }
    let compared = shown(&["cmp", &path("back-old"), &path("back-new")]);
    let row = compared.lines().find(|line| line.contains("s/x=1")).unwrap_or_default();
    assert!(
        ["101, n 1", "108, n 1", "1.069", "too few launches"].iter().all(|what| row.contains(what)),
        "{compared}"
    );
    let again = run(&export);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("old/benchmark.json: is there already"), "{said}");
}

#[test]
fn what_cannot_be_exported_or_imported_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let one = stored(folder.path(), "one", &[launch("s/x=1", None, 0)]);
    assert!(refused(&["export", &one, "--format", "hgrm"]).contains("name it with --out"));
    let typo = refused(&["export", &one, "--format", "csv", "--metric", "ns_per_opp"]);
    assert!(typo.contains("--metric ns_per_opp: no launch has it"), "{typo}");
    let two = ["export", &one, "--format", "criterion", "--metric", "ns_per_op,map.p50", "--out", "x"];
    assert!(refused(&two).contains("hold one metric"));
    let mut other = launch("s/x=1", None, 1);
    other.machine.cpu_model = Some("another".to_owned());
    let mixed = stored(folder.path(), "mixed", &[launch("s/x=1", None, 0), other.clone()]);
    let failed = |arguments: &[&str]| {
        let done = run(arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(failed(&["export", &mixed, "--format", "go"]).contains("records of 2 machines"));
    let void = RunRecord { void: Some("x".to_owned()), ..launch("s/x=1", None, 0) };
    let void = stored(folder.path(), "void", &[void]);
    assert!(failed(&["export", &void, "--format", "go"]).contains("no launch is usable"));
    // Two machines in two files are named apart, with a warning.
    let another = stored(folder.path(), "another", &[other]);
    let done = run(&["export", &one, &another, "--format", "go"]);
    let (text, said) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(said.contains("of 2 machines: named apart"), "{said}");
    assert!(text.contains("/run=one-1 ") && text.contains("/run=another-1 "), "{text}");
    // One run twice is two runs.
    let twice = shown(&["export", &one, &one, "--format", "go"]);
    assert!(twice.contains("/run=one-1 ") && twice.contains("/run=one-2-1 "), "{twice}");
    let out = folder.path().join("back").to_str().unwrap().to_owned();
    let none = failed(&["import", "criterion", folder.path().to_str().unwrap(), "--out", &out]);
    assert!(none.contains("no benchmark has the baseline `new`"), "{none}");
    assert!(failed(&["import", "criterion", &one, "--out", &one]).contains("no benchmark has the baseline"));
}
