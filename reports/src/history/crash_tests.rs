//! Whoever adds a run is killed at each of its steps: the history stays readable and whole.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::night::tests::text;
use super::tests::night;
use super::*;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// Tells this test's own child where it works and at which step it ends.
const CHILD: &str = "SWIOTLB_BENCH_TEST_CHILD";

/// Adds a run, in a process that is killed at its step: not a test by itself.
#[test]
fn child() {
    let Some(value) = std::env::var_os(CHILD) else { return };
    let value = value.into_string().unwrap();
    let (step, folder) = value.split_once(' ').unwrap();
    steps::tests::stop_at(step.parse().unwrap());
    let folder = Path::new(folder);
    let _ = History::create(&folder.join("history")).unwrap().add(&folder.join("runs.jsonl"));
}

/// Runs the child until it waits at `step`, and kills it; whether it came that far.
fn killed_at(step: u32, folder: &Path) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "history::crash_tests::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{step} {}", folder.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let there = lines.map_while(Result::ok).any(|line| line == steps::tests::HERE);
    // SIGKILL; stdin stays open until then, so that the child waits.
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.success(), !there, "{status}");
    there
}

/// What lies in the folder before the child comes.
fn prepare(folder: &Path, nights: u64, index: bool) {
    for n in 0..nights {
        let file = folder.join("before.jsonl");
        fs::write(&file, text(&night(n, 100.0))).unwrap();
        History::create(&folder.join("history")).unwrap().add(&file).unwrap();
    }
    if !index {
        fs::remove_file(folder.join("history/index.sqlite")).unwrap();
    }
    fs::write(folder.join("runs.jsonl"), text(&night(nights, 100.0))).unwrap();
}

fn survives(nights: u64, index: bool, steps_at_least: u32) {
    for step in 1.. {
        let place = tempfile::tempdir().unwrap();
        prepare(place.path(), nights, index);
        if !killed_at(step, place.path()) {
            assert!(step > steps_at_least, "only {step} steps");
            return;
        }
        let mut history = History::create(&place.path().join("history")).unwrap();
        let runs = history.runs().unwrap().len() as u64;
        assert!(runs == nights || runs == nights + 1, "step {step}: {runs} runs");
        let points = |history: &History| -> Vec<u64> {
            let all = history.judged(&|_| true).unwrap();
            all.iter().map(|judged| judged.series.points.len() as u64).collect()
        };
        assert!(points(&history).iter().all(|n| *n == runs), "step {step}");
        let added = history.add(&place.path().join("runs.jsonl")).unwrap();
        assert_eq!(matches!(added, Added::Already(_)), runs > nights, "step {step}");
        assert_eq!(points(&history), [nights + 1; 2], "step {step}");
        drop(history);
        let again = History::open(&place.path().join("history")).unwrap();
        assert!(again.notes.is_empty(), "step {step}: {:?}", again.notes);
        let left = fs::read_dir(place.path().join("history/records")).unwrap().count() as u64;
        assert_eq!(left, nights + 1, "step {step}: a draft is left");
    }
}

#[test]
fn killed_in_a_new_history() {
    survives(0, true, 10);
}

#[test]
fn killed_in_a_history_with_runs() {
    survives(2, true, 8);
}

#[test]
fn killed_while_the_index_is_made_again() {
    survives(2, false, 16);
}
