//! Two at work in one folder: the second is refused or waits, and says so; the first knows nothing of it. The test is
//! the first: it holds what a run holds.

use crate::{Place, data, has_ended, kept};
use reports::lock::Lock;
use reports::record::{Kind, PolicyName, RunRecord};
use reports::store::Store;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

#[test]
fn the_second_to_add_records_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let trace = data("traces/boot_probe.jsonl.gz");
    place.run("out", "1");
    let before = kept(&place.path("out"));
    let (mut first, _) = Store::open(&place.path("out/runs.jsonl")).unwrap();
    for command in [
        "measure @fast.toml --out @out",
        "measure --resume --out @out",
        "ab none none @slow.toml --out @out",
        "gate @gate.toml --out @out",
        "dma-map-benchmark --maps 4096 --swiotlb 4096 --out @out",
        &format!("replay {trace} --out @out"),
    ] {
        let (_, said) = has_ended(&place.done(command), 1);
        let what = "runs.jsonl: another run is writing to this file: wait for it or choose another folder";
        assert!(said.contains(what), "{command}: {said}");
    }
    first.append(&RunRecord::new(Kind::Cell, "last", PolicyName::default())).unwrap();
    assert_eq!(kept(&place.path("out")), before + 1);
}

#[test]
fn a_second_calibration_is_refused_between_rounds_too() {
    let place = Place::new();
    std::fs::create_dir(place.path("out")).unwrap();
    let first = Lock::take(&place.path("out/lock")).unwrap();
    let command = "calibrate @slow.toml --policy none --comparisons 1 --blocks 1 --out @out";
    for command in [command, &format!("{command} --resume")] {
        let (_, said) = has_ended(&place.done(command), 1);
        assert!(said.contains("another calibration is at work in this folder"), "{said}");
    }
    assert!(!place.path("out/null").exists());
    drop(first);
    has_ended(&place.done(command), 0);
}

#[test]
fn a_second_night_is_refused_before_it_has_a_ledger() {
    let place = Place::new();
    std::fs::create_dir(place.path("night")).unwrap();
    let _first = Lock::take(&place.path("night/lock")).unwrap();
    let (_, said) = has_ended(&place.done("nightly @fast.toml --out @night --history @history"), 1);
    assert!(said.contains("another process is at work on this night"), "{said}");
    assert!(!place.path("night/nightly.json").exists());
}

#[test]
fn a_second_command_on_a_history_says_that_it_waits() {
    let place = Place::new();
    place.run("run", "1");
    has_ended(&place.done("history add @run --history @history"), 0);
    let first = Lock::take(&place.path("history/lock")).unwrap();
    let mut second = place.command("history list --history @history");
    let mut second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(second.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("another command is at work on this history: waiting for it"), "{said}");
    assert!(second.try_wait().unwrap().is_none());
    drop(first);
    let (listed, _) = has_ended(&second.wait_with_output().unwrap(), 0);
    assert!(listed.contains("fast"), "{listed}");
}
