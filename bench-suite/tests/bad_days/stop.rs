//! Somebody stops it: an interrupt, a polite end, a kill. What keeps records goes on where it was; what only prints is
//! ended by the system, and leaves nothing half made.

use crate::fast_suite::until_lines;
use crate::{Place, data, has_ended, kept, text};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Its standard input stays open until it is waited for: what reads there does not end.
fn started(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Runs `command` until its records in `runs` are two, and ends it by `signal`.
fn stopped(place: &Place, command: &str, runs: &Path, signal: Signal) -> Output {
    let mut child = started(place.command(command));
    until_lines(&mut child, runs, 2);
    send(&child, signal);
    child.wait_with_output().unwrap()
}

/// A comparison that is ended by each of the signals and goes on: its records are at the end as many as they should be.
fn goes_on(signals: &[Signal], command: &str, runs: &str, records: usize) {
    for &signal in signals {
        let place = Place::new();
        let (runs, whole) = (place.path(runs), format!("{command} --out @out"));
        let done = stopped(&place, &whole, &runs, signal);
        if signal == Signal::KILL {
            assert_eq!(done.status.signal(), Some(Signal::KILL.as_raw()));
        } else {
            let (shown, said) = has_ended(&done, 1);
            assert!(
                said.contains("are left; the same command with `--resume --out ") && shown.is_empty(),
                "{shown}{said}"
            );
        }
        let before = std::fs::read(&runs).unwrap();
        has_ended(&place.done(&format!("{whole} --resume")), 0);
        let whole = before.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        assert!(std::fs::read(&runs).unwrap().starts_with(&before[..whole]), "{signal:?}");
        assert_eq!(kept(runs.parent().unwrap()), records, "{signal:?}");
    }
}

#[test]
fn a_comparison_goes_on() {
    let all = [Signal::INT, Signal::TERM, Signal::KILL];
    goes_on(&all, "ab none none @slow.toml --blocks 3 --floor 90%", "out/runs.jsonl", 12);
}

#[test]
fn a_gate_goes_on() {
    // A kill of one is in `gate.rs`.
    goes_on(&[Signal::TERM], "gate @gate.toml", "out/runs.jsonl", 8);
}

#[test]
fn a_calibration_goes_on() {
    let command = "calibrate @slow.toml --policy none --comparisons 2 --blocks 2 --floor 90%";
    goes_on(&[Signal::INT], command, "out/null/00000/runs.jsonl", 8);
}

#[test]
fn a_night_is_stopped_in_whatever_stage_it_is() {
    let place = Place::new();
    let night = "nightly @fast.toml --quick --out @night --history @history";
    let mut child = started(place.command(night));
    // The first stage has begun.
    while !place.path("night/doctor.txt").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    send(&child, Signal::INT);
    let (_, said) = has_ended(&child.wait_with_output().unwrap(), 1);
    assert!(said.contains("stopped in the stage doctor; `nightly --resume --out "), "{said}");
    assert!(!place.path("night/summary.md").exists());
}

#[test]
fn a_replay_keeps_what_it_has_replayed() {
    let place = Place::new();
    let trace = data("traces/boot_probe.jsonl.gz");
    let policies = "--policy kernel --policy fast --policy search-bitmap --policy lookup-sorted";
    let replay = format!("replay {trace} {policies} --out @out");
    let mut child = started(place.command(&replay));
    let runs = place.path("out/runs.jsonl");
    until_lines(&mut child, &runs, 1);
    send(&child, Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(Signal::TERM.as_raw()));
    let records = reports::store::load(&runs).unwrap();
    assert!(records.bad.is_empty() && (1..4).contains(&records.records.len()));
    // Nothing is in the way of the next.
    has_ended(&place.done(&format!("replay {trace} --out @out")), 0);
    assert_eq!(reports::store::load(&runs).unwrap().records.len(), records.records.len() + 1);
}

/// Whether this process ignores a signal, and so what it starts: shells have their background jobs ignore interrupts.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn what_only_prints_is_ended_by_the_signal() {
    let place = Place::new();
    for command in [
        "tune /dev/stdin --out @advice".to_owned(),
        "verify /dev/stdin".to_owned(),
        "search --dummy 1us --maps 1000000".to_owned(),
        "overhead".to_owned(),
        "cells".to_owned(),
        "profile @slow.toml --for 300s".to_owned(),
    ] {
        for signal in [Signal::INT, Signal::TERM].into_iter().filter(|signal| !is_ignored(*signal)) {
            let child = started(place.command(&command));
            send(&child, signal);
            let done = child.wait_with_output().unwrap();
            let said = text(&done.stderr);
            assert_eq!(done.status.signal(), Some(signal.as_raw()), "{command}: {said}");
            assert!(said.is_empty(), "{command}: {said}");
        }
    }
    assert!(!place.path("advice").exists());
}
