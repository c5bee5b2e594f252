//! The command line on bad days, one module for each: docs/BAD-DAYS.md says what the answers are, and these show them.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

#[path = "../fast_suite/mod.rs"]
mod fast_suite;
#[allow(dead_code, reason = "each test file uses a part")]
#[path = "../toy/mod.rs"]
mod toy;

mod clock;
mod crash;
mod folder;
mod full;
mod night;
mod pin;
mod pipe;
mod stop;
mod two;

use fast_suite::{COUNTED, Place, SUITE, run, text};
use reports::store;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// A cell of some milliseconds: a comparison of it is not over before somebody can disturb it.
const SLOW: &str = r#"
name = "fast"
title = "A cell that takes little"
analysis = "A stand-in."
scenario = "dummy"
[parameters]
operations = 200
[axes]
service = ["20us"]
"#;

/// A gate that counts steps: nothing is timed.
const GATE: &str = "a = \"kernel\"\nb = \"fast\"\neffort = \"quick\"\n[[cells]]\nsuite = \"tiny.toml\"\n\
                    metrics = [\"counters\"]\nset = [\"slots=1:4:+1\"]\n";

impl Place {
    /// A folder with what every command wants.
    fn new() -> Self {
        Self::with(&[("fast.toml", SUITE), ("slow.toml", SLOW), ("tiny.toml", COUNTED), ("gate.toml", GATE)])
    }

    /// A finished run in the folder `name`, three cells with so many launches.
    fn run(&self, name: &str, launches: &str) {
        let arguments = ["measure", &self.name("fast.toml"), "--out", &self.name(name), "--no-control"];
        has_ended(&run(&[&arguments[..], &["--launches", launches]].concat()), 0);
    }

    /// The command's arguments: what begins with `@` is a path below this folder.
    fn arguments(&self, command: &str) -> Vec<String> {
        let word = |word: &str| match word.strip_prefix('@') {
            Some(name) => self.name(name),
            None => word.to_owned(),
        };
        command.split_whitespace().map(word).collect()
    }

    /// Starts nothing yet.
    fn command(&self, command: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
        program.args(self.arguments(command)).env_clear().current_dir(self.folder.path());
        program
    }

    /// Runs a command to its end.
    fn done(&self, command: &str) -> Output {
        self.command(command).output().unwrap()
    }

    /// The same where no file may grow beyond so many blocks of 512 or 1,024 bytes, whatever the shell takes for one.
    fn limited(&self, blocks: u32, command: &str) -> Output {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_swiotlb-bench")]).args(self.arguments(command));
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        shell.current_dir(self.folder.path()).output().unwrap()
    }
}

/// The exit code; what was printed and complained of, neither of which is a panic.
fn has_ended(done: &Output, code: i32) -> (String, String) {
    let (shown, said) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(code), "{shown}{said}");
    assert!(!said.contains("panicked"), "{said}");
    (shown, said)
}

/// The records in a folder, each launch there once and whole; how many.
fn kept(out: &Path) -> usize {
    let loaded = store::load(&out.join("runs.jsonl")).unwrap();
    assert!(loaded.bad.is_empty(), "{:?}", loaded.bad);
    let place = |r: &reports::record::RunRecord| r.place.clone().map(|place| (place.launch, place.arm));
    let keys: BTreeSet<_> = loaded.records.iter().map(|r| (r.scenario.clone(), place(r))).collect();
    assert_eq!(keys.len(), loaded.records.len(), "a launch is there twice");
    assert!(loaded.records.iter().all(|record| record.void.is_none()), "{}", out.display());
    keys.len()
}

/// Where bundled traces and vectors lie.
fn data(name: &str) -> String {
    toy::source("../workloads/data").join(name).to_str().unwrap().to_owned()
}
