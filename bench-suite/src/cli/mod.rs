//! The command line: sub-commands, exit codes, what goes to which stream.
//!
//! Data goes to standard output, diagnostics to standard error. A closed pipe ends the program quietly.

mod ab;
mod building;
mod calibrate;
mod cell;
mod cells;
mod choice;
mod cmp;
mod dma_map_benchmark;
mod doctor;
mod export;
mod found;
mod gate;
mod held;
mod history;
mod hot;
mod import;
mod judging;
mod list;
mod markdown;
mod measure;
mod nightly;
mod nightly_summary;
mod out;
mod overhead;
mod profile;
mod quoted;
mod reading;
mod replay;
mod report;
mod report_files;
mod search;
mod session;
mod sides;
mod soak;
mod stages;
mod tune;
mod verify;

use clap::builder::TypedValueParser;
use clap::{Parser, Subcommand};
use reports::text::visible;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

/// What a run ended with; the numbers are documented in the README and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done.
    Ok = 0,
    /// Something could not be done: a file, the host, a full disk.
    Error = 1,
    /// The command line was wrong.
    Usage = 2,
    /// A regression was confirmed.
    Regression = 3,
    /// Verification failed.
    Verification = 4,
    /// No decision (only with `--fail-inconclusive`).
    Inconclusive = 5,
    /// The machine is not fit to measure on (only with `--strict`).
    Unfit = 6,
}

/// Why a sub-command could not go on: one message for standard error, and an exit code.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// An operational error.
    pub fn error(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Error, message: message.to_string() }
    }

    /// A wrong command line.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// The same of the flag that was given it.
    fn of(self, flag: &str) -> Self {
        Self { message: format!("{flag}: {}", self.message), ..self }
    }

    /// The same with something that its reader has to know beside it.
    fn and(self, more: impl fmt::Display) -> Self {
        Self { message: format!("{}; {more}", self.message), ..self }
    }
}

/// The command line.
#[derive(Parser)]
#[command(
    name = "swiotlb-bench",
    version,
    about = "Linux's software IO TLB in user space: checked and measured"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check policies against golden vectors of the real kernel.
    Verify(verify::Args),
    /// Work policies for long on several threads, and check that nothing is lost.
    Soak(soak::Args),
    /// Replay a recorded trace.
    Replay(replay::Args),
    /// Say what to boot with, from a trace.
    Tune(tune::Args),
    /// Measure suites, each cell in fresh processes.
    Measure(measure::Args),
    /// Find the highest rate at which a quantile of the response time stays under a bound.
    Search(search::Args),
    /// Run the kernel's own benchmark on this allocator, or read what the kernel's printed.
    DmaMapBenchmark(dma_map_benchmark::Args),
    /// Judge one policy or parameter set against another, in paired blocks.
    Ab(ab::Args),
    /// Hold declared cells to declared metrics, and fail where one regressed.
    Gate(gate::Args),
    /// Say how often `ab` is wrong on this machine, and learn each cell's floor.
    Calibrate(calibrate::Args),
    /// Say what two stored runs say of each other; never a verdict.
    Cmp(cmp::Args),
    /// Run everything that a nightly job wants: one summary, one exit code.
    Nightly(nightly::Args),
    /// Keep runs night by night, and say where their series shift.
    History(history::Args),
    /// Write stored runs in a form that another program reads.
    Export(export::Args),
    /// Read another program's results as records.
    Import(import::Args),
    /// Make a report of run folders: one HTML page, Markdown, or sections spliced into a file.
    Report(report::Args),
    /// List suites, cells or policies.
    List(list::Args),
    /// Say whether this machine is fit to measure on.
    Doctor(doctor::Args),
    /// Measure what the harness itself costs.
    Overhead(overhead::Args),
    /// Run one cell again and again in this process, for a profiler.
    Profile(profile::Args),
    /// Run the cell on standard input.
    #[command(hide = true)]
    Cell(cell::Args),
    /// Say where the measured loops lie in the program.
    #[command(hide = true)]
    Hot(hot::Args),
    /// Measure the slot-search tables beside what Linux's own code took.
    Cells(cells::Args),
}

/// Parses the command line, runs the sub-command and says how it ended.
pub fn main() -> ExitCode {
    // With a handler, whatever it does, a file that grows over the user's limit is an error of the write,
    // which says what is safe; without one it is the end of the program.
    let _ = signal_hook::flag::register(signal_hook::consts::signal::SIGXFSZ, Arc::default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Prints help and version to standard output, mistakes to standard error; a closed pipe is
            // nothing to complain about.
            let _ = error.print();
            return code(if error.use_stderr() { Exit::Usage } else { Exit::Ok });
        }
    };
    let done = match cli.command {
        Command::Verify(args) => verify::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Search(args) => search::run(&args),
        Command::DmaMapBenchmark(args) => dma_map_benchmark::run(&args),
        Command::Ab(args) => ab::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Cmp(args) => cmp::run(&args),
        Command::Nightly(args) => nightly::run(&args),
        Command::History(args) => history::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Report(args) => report::run(&args),
        Command::List(args) => list::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Overhead(args) => overhead::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Cell(args) => cell::run(&args),
        Command::Hot(args) => hot::run(&args),
        Command::Cells(args) => cells::run(&args),
    };
    match done {
        Ok(exit) => code(exit),
        Err(failure) => {
            complain(&failure.message);
            code(failure.exit)
        }
    }
}

/// Reads the environment variable of a flag without a value.
fn switch() -> impl TypedValueParser<Value = bool> {
    |text: &str| match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "y" | "yes" | "on" => Ok(true),
        "" | "0" | "f" | "false" | "n" | "no" | "off" => Ok(false),
        _ => Err("write 1 or 0 (or true and false, yes and no, on and off)"),
    }
}

/// A message on standard error, safe to show. That nobody may be reading it is no reason to stop.
fn complain(message: impl fmt::Display) {
    let mut text = String::from("swiotlb-bench: ");
    for (i, line) in message.to_string().lines().enumerate() {
        text.push_str(if i > 0 { "\n  " } else { "" });
        text.push_str(&visible(line));
    }
    text.push('\n');
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
