//! Nights as a user meets them: whole ones of tiny suites, that pass, that fail, that are cut and go on.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

mod fast_suite;

use fast_suite::{COUNTED, file, program, run, text, until_lines};
use reports::store;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A suite of so many launches that take next to nothing.
fn suite(launches: u32) -> String {
    format!("{}\n[launches]\nquick = {launches}\nfull = {launches}\n", fast_suite::SUITE)
}

/// What the gate holds to each other counts steps: it times nothing, and its sides are policies of one program.
const GATE: &str = "b = \"kernel\"\n[[cells]]\nsuite = \"tiny.toml\"\nmetrics = [\"counters\"]\n";

/// A folder with suites, a gate and a history.
struct Place {
    folder: tempfile::TempDir,
    suite: String,
    gate: String,
}

impl Place {
    fn new(launches: u32, gate: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "tiny.toml", COUNTED);
        let suite = file(folder.path(), "fast.toml", &suite(launches));
        let gate = file(folder.path(), "gate.toml", gate);
        Self { folder, suite, gate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A night in the folder `out`.
    fn night(&self, out: &str, more: &[&str]) -> Command {
        let [out, history] = [self.path(out), self.path("history")];
        let mut command = program(&["nightly", &self.suite, "--quick", "--gate", &self.gate]);
        command.arg("--out").arg(out).arg("--history").arg(history).args(more);
        command
    }

    fn resumed(&self, out: &str) -> Output {
        program(&["nightly", "--resume", "--out"]).arg(self.path(out)).output().unwrap()
    }

    /// The names of the runs in the history.
    fn history(&self) -> BTreeSet<String> {
        let Ok(entries) = std::fs::read_dir(self.path("history/records")) else { return BTreeSet::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// What `nightly.json` says of a stage: its exit code, and why it was left out.
fn ended(night: &Path, stage: &str) -> (Option<i64>, String) {
    let text = std::fs::read(night.join("nightly.json")).unwrap();
    let ended = &serde_json::from_slice::<Value>(&text).unwrap()["ended"][stage];
    (ended["exit"].as_i64(), ended["left_out"].as_str().unwrap_or_default().to_owned())
}

/// Whether a night ended well: every stage did, but that a host may be unsteady.
fn is_well(night: &Path) {
    for stage in ["doctor", "control", "gate", "suites", "history"] {
        let (exit, why) = ended(night, stage);
        assert!(exit == Some(0) || (stage, exit) == ("control", Some(6)), "{stage}: {exit:?} {why}");
    }
}

fn has_ended(done: &Output, code: i32) {
    assert_eq!(done.status.code(), Some(code), "{}{}", text(&done.stdout), text(&done.stderr));
}

/// The launches of a run, each there once, none of them void.
fn complete(run: &Path, launches: usize) {
    let loaded = store::load(&run.join("runs.jsonl")).unwrap();
    let keys: BTreeSet<_> = (loaded.records.iter())
        .map(|record| (record.scenario.clone(), record.place.as_ref().map(|p| (p.launch, p.arm.clone()))))
        .collect();
    assert_eq!((keys.len(), loaded.records.len(), loaded.bad.len()), (launches, launches, 0));
    assert!(loaded.records.iter().all(|record| record.void.is_none()));
}

#[test]
fn nights_become_a_history_and_are_held_against_a_baseline() {
    let place = Place::new(1, GATE);
    let [step, unwanted] = ["step.md", "unwanted.md"].map(|name| place.path(name));
    std::fs::write(&step, "What other steps have said.\n").unwrap();
    // Variables that stand for flags of other commands are for those; what this one takes goes into command lines.
    let done = place
        .night("first", &[])
        .env("GITHUB_STEP_SUMMARY", &step)
        .env("SWIOTLB_BENCH_MARKDOWN", &unwanted)
        .env("SWIOTLB_BENCH_FILTER", "service=9us")
        .env("SWIOTLB_BENCH_LAUNCHES", "7")
        .env("SWIOTLB_BENCH_CELL_LIMIT", "250s")
        .output()
        .unwrap();
    has_ended(&done, 0);
    let first = place.path("first");
    let (exit, why) = ended(&first, "gate");
    assert!(exit.is_none() && why.contains("this night becomes the first"), "{exit:?} {why}");
    complete(&first.join("suites"), 3 + 3);
    assert!(!unwanted.exists() && place.history().len() == 1, "{:?}", place.history());
    let summary = std::fs::read_to_string(first.join("summary.md")).unwrap();
    assert!(summary.contains("left out: the history has no run yet"), "{summary}");
    assert!(summary.contains("--cell-limit 250s") && summary.contains("## suites"), "{summary}");
    let said = std::fs::read_to_string(&step).unwrap();
    assert_eq!(said, format!("What other steps have said.\n{summary}"));

    has_ended(&place.night("second", &["--baseline", "kernel"]).output().unwrap(), 0);
    is_well(&place.path("second"));
    assert!(place.path("second/gate.xml").exists() && place.history().len() == 2);

    // More steps than the baseline: confirmed, told, and no measure of the nights to come.
    let done = place.night("third", &["--baseline", "fast"]).output().unwrap();
    has_ended(&done, 3);
    let third = place.path("third");
    assert_eq!((ended(&third, "gate").0, ended(&third, "suites").0), (Some(3), Some(0)));
    assert!(ended(&third, "history").1.contains("see the stage gate"), "{:?}", ended(&third, "history"));
    let summary = std::fs::read_to_string(third.join("summary.md")).unwrap();
    assert!(
        summary.contains("a regression is confirmed") && summary.contains("once it is accepted"),
        "{summary}"
    );
    assert!(text(&done.stderr).contains("regressed:\n  counters of tiny/"), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("\nswiotlb-bench: ends with 3: gate: "), "{}", text(&done.stderr));
    assert_eq!(place.history().len(), 2);
    // Whoever accepts it runs the command of the summary.
    let suites = third.join("suites");
    let history = place.path("history");
    let accept = ["history", "add", suites.to_str().unwrap(), "--history", history.to_str().unwrap()];
    assert!(summary.contains(&accept.join(" ")), "{summary}");
    has_ended(&run(&accept), 0);
    assert_eq!(place.history().len(), 3);
}

/// Starts a night and waits until the run `stage` of it has two records.
fn started(mut night: Command, runs: &Path) -> Child {
    let mut child = night.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_lines(&mut child, runs, 2);
    child
}

/// What must not change when a night goes on: the stages before.
fn finished(night: &Path) -> Vec<Vec<u8>> {
    let files = ["doctor.txt", "control.txt", "control/runs.jsonl", "control/commands.txt"];
    files.iter().map(|name| std::fs::read(night.join(name)).unwrap()).collect()
}

#[test]
fn a_night_that_is_told_to_stop_goes_on() {
    let place = Place::new(60, GATE);
    let (night, runs) = (place.path("night"), place.path("night/suites/runs.jsonl"));
    let child = started(place.night("night", &["--baseline", "kernel"]), &runs);
    let second = place.resumed("night");
    has_ended(&second, 1);
    assert!(
        text(&second.stderr).contains("another process is at work on this night"),
        "{}",
        text(&second.stderr)
    );
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    let stopped = child.wait_with_output().unwrap();
    has_ended(&stopped, 1);
    assert!(text(&stopped.stderr).contains("stopped in the stage suites; `nightly --resume --out"));
    // The stage has ended before the night did.
    File::open(&runs).unwrap().try_lock().unwrap();
    assert_eq!((ended(&night, "suites").0, ended(&night, "gate").0), (None, Some(0)));
    assert!(!night.join("summary.md").exists() && place.history().is_empty());
    let before = finished(&night);
    has_ended(&place.resumed("night"), 0);
    is_well(&night);
    assert_eq!(finished(&night), before, "what was over is not run again");
    complete(&night.join("suites"), 3 * 60 + 3);
    assert_eq!(place.history().len(), 1);
    // Again, there is nothing left, and the same is said.
    let summary = std::fs::read(night.join("summary.md")).unwrap();
    has_ended(&place.resumed("night"), 0);
    assert_eq!(std::fs::read(night.join("summary.md")).unwrap(), summary);
}

#[test]
fn a_night_that_is_killed_leaves_nobody_behind_and_goes_on() {
    let place = Place::new(1, &format!("{GATE}set = [\"slots=1:32:+1\"]\n"));
    let (night, runs) = (place.path("night"), place.path("night/gate/runs.jsonl"));
    let mut child = started(place.night("night", &["--baseline", "kernel"]), &runs);
    child.kill().unwrap();
    child.wait().unwrap();
    // Its stage goes with it, and with that the lock of what it was writing.
    let patience = Instant::now() + Duration::from_secs(60);
    while File::open(&runs).unwrap().try_lock().is_err() {
        assert!(Instant::now() < patience, "the stage outlives its night");
        std::thread::yield_now();
    }
    let kept = store::load(&runs).unwrap().records.len();
    assert!((1..64).contains(&kept), "it was killed on the way");
    let before = finished(&night);
    let done = place.resumed("night");
    has_ended(&done, 0);
    is_well(&night);
    assert_eq!(finished(&night), before, "what was over is not run again");
    complete(&night.join("gate"), 64);
    let commands = std::fs::read_to_string(night.join("gate/commands.txt")).unwrap();
    assert!(commands.lines().count() == 2 && commands.trim_end().ends_with(" --resume"), "{commands}");
    assert_eq!(place.history().len(), 1);
}

#[test]
fn what_could_not_be_done_is_told_and_done_when_the_night_goes_on_wherever_that_is() {
    let place = Place::new(1, GATE);
    // The gate's suite is not where it was.
    let [there, away] = ["tiny.toml", "away.toml"].map(|name| place.path(name));
    std::fs::rename(&there, &away).unwrap();
    let suite = "fast.toml";
    let night =
        ["nightly", suite, "--quick", "--gate", "gate.toml", "--baseline", "kernel", "--out", "night"];
    let done = program(&night).current_dir(place.folder.path()).output().unwrap();
    has_ended(&done, 1);
    let night = place.path("night");
    assert_eq!((ended(&night, "suites").0, ended(&night, "gate").0), (Some(0), Some(2)));
    let why = ended(&night, "history").1;
    assert!(why.ends_with("mend the cause and go on with `nightly --resume --out night`"), "{why}");
    // Why it could not is in the last word, in the stage's file and in the summary.
    let said = text(&done.stderr);
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("swiotlb-bench: ends with 1: gate: could not be done: "), "{said}");
    let summary = std::fs::read_to_string(night.join("summary.md")).unwrap();
    let row = summary.lines().find(|line| line.starts_with("| gate ")).unwrap();
    let kept = std::fs::read_to_string(night.join("gate.txt")).unwrap();
    for (said, of) in [(last, "last word"), (row, "row"), (&kept, "file"), (&said, "terminal")] {
        assert!(said.contains("tiny.toml") && said.contains("No such file"), "{of}: {said}");
    }
    std::fs::rename(&away, &there).unwrap();
    let before = finished(&night);
    // What stands where the history is to be is told before any stage runs again.
    std::fs::remove_dir_all(place.path("history")).unwrap();
    file(place.folder.path(), "history", "no folder");
    let done = place.resumed("night");
    has_ended(&done, 1);
    assert!(text(&done.stderr).contains("history/records: cannot make the folder"), "{}", text(&done.stderr));
    assert_eq!(ended(&night, "gate").0, Some(2), "nothing has run");
    std::fs::remove_file(place.path("history")).unwrap();
    // From another folder than that which the night's paths are meant from; what else is asked for is not done.
    let mut resumed =
        program(&["nightly", "--resume", "--strict", "--history", "other", "--layouts", "3", "--out"]);
    let done = resumed.arg(&night).output().unwrap();
    has_ended(&done, 0);
    let not_used = "warning: not used: --history, --strict, --layouts: the night in ";
    assert!(text(&done.stderr).contains(not_used), "{}", text(&done.stderr));
    is_well(&night);
    assert_eq!(finished(&night), before, "what was over is not run again");
    assert_eq!(place.history().len(), 1);
    let summary = std::fs::read_to_string(night.join("summary.md")).unwrap();
    assert!(summary.contains("well: 1 checks: 1 equal or equivalent."), "{summary}");
    assert!(summary.contains("Paths of the command lines are meant from "), "{summary}");
}

#[test]
fn mistakes_are_told_before_there_is_a_night() {
    let place = Place::new(1, GATE);
    let says = |more: &[&str], code: i32, what: &str| {
        let done = place.night("night", more).output().unwrap();
        has_ended(&done, code);
        assert!(text(&done.stderr).contains(what), "{}", text(&done.stderr));
        assert!(!place.path("night").exists());
    };
    says(&["--baseline", "kernle"], 2, "the nearest is kernel");
    says(&["quick-serch"], 2, "the nearest is quick-search");
    says(
        &["--baseline", "nonsense"],
        2,
        "--baseline: there is no policy `nonsense`; a build is rev:REVISION",
    );
    says(&["--resume"], 1, "holds no night to resume");
    let history = file(place.folder.path(), "history", "no folder");
    says(&[], 1, "history/records: cannot make the folder: Not a directory");
    std::fs::remove_file(&history).unwrap();
    std::fs::create_dir_all(place.path("history/records")).unwrap();
    file(place.folder.path(), "history/accepted.jsonl", "no acceptance\n");
    says(&[], 1, "accepted.jsonl");
    let gate = file(place.folder.path(), "gate.toml", &GATE.replace("metrics", "metrix"));
    says(&[], 2, &format!("{gate}:4:1: "));
}
