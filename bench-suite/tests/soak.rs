//! A short soak of every policy, and the command as a user meets it. `oracle_broken.rs` soaks what is broken on purpose.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use bench_suite::policies;
use bench_suite::soak::{self, Settings};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

const SETTINGS: Settings = Settings { operations: 30_000, threads: 2, seed: 1 };

#[test]
fn nothing_is_lost_under_any_policy() {
    for entry in policies::ALL {
        let outcome = soak::run(entry, &SETTINGS, &AtomicBool::new(false), &mut |_| {});
        assert_eq!(outcome.broken, None, "{}", entry.name);
        let tally = outcome.tally;
        assert!(tally.operations() >= SETTINGS.operations && tally.lives > 0, "{}: {tally:?}", entry.name);
        assert!(tally.unmaps == tally.maps && tally.foreign_unmaps > 0 && tally.stocked > 0, "{tally:?}");
    }
}

fn soak(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.arg("soak").args(arguments).env_clear();
    command
}

#[test]
fn the_command_says_what_was_done_and_that_nothing_was_wrong() {
    let done = soak(&["50_000", "--policy", "kernel,fast", "--threads", "3"]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{said}");
    for words in [
        "Soak of fast, 3 threads, seed 1",
        "transient pools given back",
        "kernel: ",
        "operations, nothing was wrong",
    ] {
        assert!(said.contains(words), "{said}");
    }
    for wrong in ["0", "many", "1s"] {
        let refused = soak(&[wrong]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn an_interrupt_ends_it_with_all_checks() {
    let child = soak(&["1_000_000_000_000"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // With a second thread it is at work, and its handler is there.
    let status = format!("/proc/{}/status", child.id());
    while threads(&std::fs::read_to_string(&status).unwrap()) < 2 {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("kernel: stopped after ") && said.contains("; nothing was wrong"), "{said}");
}

/// The threads of a process with this status.
fn threads(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}
