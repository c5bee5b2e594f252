//! Suites of fast cells and the program that runs them: what the tests of whole runs share.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// One cell of known service time, to be compared. It has many short batches, of which a busy machine spoils few: the
/// median of a launch is not far off. Still only differences may be asserted that dwarf what is left.
pub const TIMED: &str = r#"
name = "fast"
title = "A cell that takes next to nothing"
analysis = "A stand-in."
scenario = "dummy"
[parameters]
operations = 4000
[axes]
service = ["2us"]
"#;

/// One cell that counts steps.
pub const COUNTED: &str = r#"
name = "tiny"
title = "One cell that counts steps"
analysis = "A stand-in."
scenario = "slot_search"
policies = ["kernel", "fast"]
[parameters]
copy = "off"
state = "taken-90"
[axes]
slots = [128]
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

/// The same with these variables.
pub fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    program(arguments).envs(variables.iter().copied()).output().unwrap()
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file in `folder` with this content; its path.
pub fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A folder with files in it. What a test asks of it stands beside the test.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    /// A folder with these files, each a name and what it holds.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for (name, content) in files {
            place.file(name, content);
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path as an argument.
    pub fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn file(&self, name: &str, content: &str) -> String {
        file(self.folder.path(), name, content)
    }
}

/// The path of a suite file in `folder`.
pub fn suite_file(folder: &Path, content: &str) -> String {
    file(folder, "fast.toml", content)
}

/// The folder of a run in `folder`, and its name.
pub fn out(folder: &Path) -> (PathBuf, String) {
    let out = folder.join("out");
    let name = out.to_str().unwrap().to_owned();
    (out, name)
}

/// Launches of two comparisons at once would share a core: one at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many whole lines the file has; none where there is no file.
pub fn lines(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
}

/// Waits until the file of `child` has so many lines, on whatever takes as long as it takes.
pub fn until_lines(child: &mut Child, path: &Path, count: usize) {
    let patience = Instant::now() + Duration::from_secs(120);
    while lines(path) < count {
        let waits = Instant::now() < patience && child.try_wait().unwrap().is_none();
        assert!(waits, "{}: {} lines", path.display(), lines(path));
        std::thread::yield_now();
    }
}
