//! The end of `cargo bench`: a real trace replayed, then the `quick` suites, each cell in a process of its own.
//!
//! Accepts and ignores what cargo and its relatives pass to a benchmark; with `--test`, or without
//! `--bench`, it only tries everything once, and with `--list` it names itself.

use bench_suite::policies::KERNEL;
use bench_suite::replay::{self, Overrides, ReplayClock, ReplayJob};
use reports::terminal;
use reports::text::visible;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};
use workloads::trace::TraceOptions;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    if has("--list") {
        println!("suite: benchmark");
        return ExitCode::SUCCESS;
    }
    let test = has("--test") || !has("--bench");
    match replay_bundled_trace(test).and_then(|()| measure_quick(test)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Replays the bundled trace under the kernel's policy and prints what it cost.
fn replay_bundled_trace(test: bool) -> Result<(), String> {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../workloads/data/traces/boot_probe.jsonl.gz"));
    let script =
        replay::load(path, &TraceOptions::default(), &Overrides::default()).map_err(|e| e.to_string())?;
    let job = ReplayJob { script: &script, clock: &ReplayClock::new(), check: test, course: false };
    let replayed = KERNEL.replay(&job).map_err(|e| e.to_string())?;
    if let Some(placement) = replayed.record.placement {
        println!("{}: {placement}", script.name);
        return Ok(());
    }
    println!("\n{}\n", visible(&script.headline()));
    for table in replayed.tables() {
        println!("{}", terminal::render(&table));
    }
    Ok(())
}

/// Runs the quick suites as a user would; records go beside what cargo built. A trial only plans them.
fn measure_quick(test: bool) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swiotlb-bench"));
    if test {
        command.args(["measure", "quick", "--quick", "--dry-run"]);
    } else {
        command.args(["measure", "quick", "--quick", "--out"]).arg(records()?);
    }
    let status = command.status().map_err(|error| format!("swiotlb-bench: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("swiotlb-bench measure quick: {status}")) }
}

/// A new folder under cargo's target directory.
fn records() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this benchmark's own file: {error}"))?;
    let beside = program.ancestors().nth(3).map(Path::to_owned);
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).or(beside).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(target.join("runs").join(format!("quick-{now}")))
}
