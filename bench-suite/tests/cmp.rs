//! `cmp` as a user meets it: stored runs, by their paths and by their names in a history.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use reports::evidence::Place;
use reports::record::{Kind, PolicyName, RunRecord};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Six launches of two cells, `times` as slow as they might be, begun at midnight of a day.
fn records(day: u32, times: f64) -> Vec<RunRecord> {
    let launch = |service: &str, ns: f64, launch: u32| {
        let mut record = RunRecord::new(Kind::Cell, format!("fast/service={service}"), PolicyName::default());
        record.place = Some(Place { launch, ..Place::default() });
        record.suite = Some("fast".to_owned());
        record.revision = format!("r{day}");
        record.started = 1_700_000_000 + u64::from(86_400 * day + launch);
        record.parameters.insert("service".to_owned(), service.to_owned());
        record.metrics.insert("ns_per_op".to_owned(), times * (ns + f64::from(launch)));
        record
    };
    (0..6).flat_map(|n| [launch("2us", 2_000.0, n), launch("3us", 3_000.0, n)]).collect()
}

/// A folder with a run's records in it, by this name; its path.
fn run_of(folder: &Path, name: &str, records: &[RunRecord]) -> String {
    let path = folder.join(name);
    std::fs::create_dir(&path).unwrap();
    let lines: String = records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    std::fs::write(path.join("runs.jsonl"), lines).unwrap();
    path.to_str().unwrap().to_owned()
}

fn bench(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.args(arguments).env_clear().current_dir(folder).output().unwrap()
}

/// What `arguments` print, where they do what they should.
fn shown(folder: &Path, arguments: &[&str]) -> String {
    let done = bench(folder, arguments);
    let complaint = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{arguments:?}: {complaint}");
    String::from_utf8(done.stdout).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], code: i32, what: &str) {
    let done = bench(folder, arguments);
    let complaint = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {complaint}");
    assert!(complaint.contains(what), "{arguments:?}: {complaint}");
}

#[test]
fn stored_runs_are_compared_and_never_judged() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let (old, slow) = (run_of(place, "old", &records(0, 1.0)), run_of(place, "slow", &records(1, 10.0)));
    let table = shown(place, &["cmp", &old, &format!("{slow}/runs.jsonl"), "--row", "service"]);
    assert!(table.contains("10.000") && table.contains("| apart"), "{table}");
    assert!(table.contains("no verdict follows"), "{table}");
    let same = shown(place, &["cmp", &old, &old, "--col", "service"]);
    assert!(same.contains("service=2us") && same.contains("no difference seen"), "{same}");
    std::fs::write(place.join("suite.toml"), "name = \"fast\"\n").unwrap();
    let says = |arguments: &[&str], code, what| refused(place, &[&["cmp"], arguments].concat(), code, what);
    says(&[&old, "/nowhere"], 1, "/nowhere: cannot open");
    says(&[place.to_str().unwrap(), &old], 1, "holds no runs.jsonl");
    says(&[&old, "suite.toml"], 1, "damaged or foreign records");
    says(&[&old, &old, "--col", "servise"], 2, "the nearest is service");
    says(&[&old, &old, "--metric", "bogomips"], 2, "no launch has it");
    says(&[&old, &old, "--filter", "service=9us"], 2, "no cell is left");
}

/// A history of three runs; their names, the oldest first.
fn history(place: &Path) -> Vec<String> {
    for day in 0..3 {
        let run = run_of(place, &format!("night-{day}"), &records(day, if day < 2 { 1.0 } else { 10.0 }));
        shown(place, &["history", "add", &run, "--history", "kept"]);
    }
    let mut names: Vec<String> = std::fs::read_dir(place.join("kept/records"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".jsonl", ""))
        .collect();
    names.sort();
    names
}

#[test]
fn runs_of_a_history_are_compared_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (place, names) = (folder.path(), history(folder.path()));
    let list = shown(place, &["history", "list", "--history", "kept"]);
    assert!(names.iter().all(|name| list.contains(name)), "{list}");
    let [first, second, third] = names.as_slice() else { panic!("{names:?}") };
    let kept = ["--history", "kept"];
    let table = shown(place, &[&["cmp", first, third], &kept[..]].concat());
    assert!(table.starts_with(&format!("ns_per_op: {third} against {first}\n")), "{table}");
    assert!(table.contains("10.000") && table.contains("| apart"), "{table}");
    // Up to the day names differ, and a start that one name has suffices; the title has the whole name.
    let start = |name: &str| name.split('T').next().unwrap().to_owned();
    let short = shown(place, &[&["cmp", &start(first), &start(third)], &kept[..]].concat());
    assert_eq!(short, table);
    // A path beside a name, and a copy that was compressed.
    let plain = place.join("kept/records").join(format!("{second}.jsonl"));
    compress(&plain);
    let mixed = shown(place, &[&["cmp", "night-0", second], &kept[..]].concat());
    assert!(mixed.contains("against night-0") && mixed.contains("no difference seen"), "{mixed}");
}

fn compress(path: &PathBuf) {
    let packed = std::fs::File::create(path.with_extension("jsonl.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    packed.write_all(&std::fs::read(path).unwrap()).unwrap();
    packed.finish().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_name_that_is_none_or_not_enough_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    refused(
        place,
        &["cmp", "2023", "2023"],
        2,
        "2023: there is no such file or folder, and no history in history",
    );
    let names = history(place);
    let says = |one: &str, code, what: &str| {
        refused(place, &["cmp", one, &names[2], "--history", "kept"], code, what);
    };
    says("2023-11", 2, "several runs of the history in kept have a name that begins so");
    says("2023-11", 2, &format!("{}, {} and 1 more: write more of the name", names[0], names[1]));
    says("nigth-0", 2, "no run of the history in kept has a name that begins so: `history list` shows them");
    // A path that is there goes first, whatever the history holds.
    run_of(place, "2023-11", &records(0, 1.0));
    let table = shown(place, &["cmp", "2023-11", &names[2], "--history", "kept"]);
    assert!(table.contains("against 2023-11\n"), "{table}");
    std::fs::create_dir(place.join(&names[1])).unwrap();
    says(&names[1], 1, "holds no runs.jsonl");
}
