//! A suite of fast cells and the program that measures it: what the tests of `measure` share.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A suite whose cells take next to nothing.
pub const SUITE: &str = r#"
name = "fast"
title = "Cells that take next to nothing"
analysis = "A stand-in."
scenario = "dummy"
[parameters]
operations = 200
[axes]
service = ["1us", "2us", "3us"]
"#;

/// The program, with no variable set.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    command.args(arguments).env_clear();
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The path of a suite file in `folder`.
pub fn suite_file(folder: &Path, content: &str) -> String {
    let path = folder.join("fast.toml");
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The folder of a run in `folder`, and its name.
pub fn out(folder: &Path) -> (PathBuf, String) {
    let out = folder.join("out");
    let name = out.to_str().unwrap().to_owned();
    (out, name)
}
