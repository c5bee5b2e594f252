//! The launches of a gate: those that count instructions run under callgrind as well.
//!
//! The child prepares the cell's state and runs batches of its operations in a function that callgrind looks for by its
//! name, so that start, set-up and end are not counted. One number, instructions of an operation.
//!
//! Invariant: where nothing can be counted (no valgrind, a program that does not run under it), the record says so in a
//! note, and is not void for it.

use super::super::launch::{Done, Launch, Launched, Output, Processes};
use super::check::INSTRUCTIONS;
use crate::cell::counting::COUNTED;
use crate::cell::{CellSpec, Counting};
use reports::record::RunRecord;
use std::process::Command;

/// Batches that are counted.
const BATCHES: u32 = 16;
/// What a note begins with that says why there is no number of instructions.
const NOT_COUNTED: &str = "instructions not counted: ";
/// The program that counts.
const VALGRIND: &str = "valgrind";

/// Launches processes, those that count instructions under callgrind as well.
#[derive(Debug)]
pub struct Counted {
    processes: Processes,
}

impl Counted {
    /// On top of the usual launches.
    #[must_use]
    pub fn new(processes: Processes) -> Self {
        Self { processes }
    }
}

/// Why a record has no instructions, if it says so.
#[must_use]
pub fn why_not_counted(record: &RunRecord) -> Option<&str> {
    record.notes.iter().find_map(|note| note.strip_prefix(NOT_COUNTED))
}

impl Launch for Counted {
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched> {
        let launched = self.processes.launch(spec)?;
        let Launched::Record(mut record) = launched else { return Ok(Launched::Stopped) };
        if spec.counting == Some(Counting::Instructions) && record.void.is_none() {
            match instructions(&self.processes, spec)? {
                Found::Number(number) => drop(record.metrics.insert(INSTRUCTIONS.to_owned(), number)),
                Found::Nothing(why) => record.notes.push(format!("{NOT_COUNTED}{why}")),
                Found::Stopped => return Ok(Launched::Stopped),
            }
        }
        Ok(Launched::Record(record))
    }
}

/// What came of counting.
enum Found {
    /// A number.
    Number(f64),
    /// None, and why.
    Nothing(String),
    /// The user wants to stop.
    Stopped,
}

/// Instructions of one operation.
fn instructions(processes: &Processes, spec: &CellSpec) -> std::io::Result<Found> {
    let mut command = Command::new(VALGRIND);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(format!("--toggle-collect=*{COUNTED}*")).arg("--").arg(processes.program_of(spec));
    command.args(["cell", "--batches"]).arg(BATCHES.to_string());
    let done = match processes.run(command, spec) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Found::Nothing("valgrind is not installed".to_owned()));
        }
        done => done?,
    };
    Ok(match done {
        Done::Stopped => Found::Stopped,
        Done::TooLong(why) => Found::Nothing(format!("under callgrind {why}")),
        Done::Output(done) => of_one(&done),
    })
}

/// What callgrind collected, by the operations that the child says a batch has.
fn of_one(done: &Output) -> Found {
    let complaint = String::from_utf8_lossy(&done.complaint);
    let ops: Option<f64> = String::from_utf8_lossy(&done.output).trim().parse().ok();
    match collected(&complaint).zip(ops).filter(|_| done.status.success()) {
        Some((0.0, _)) => {
            Found::Nothing(format!("callgrind saw no function {COUNTED}: the program is stripped"))
        }
        Some((all, ops)) => Found::Number(all / (ops * f64::from(BATCHES))),
        None => {
            let last = complaint.lines().last().unwrap_or_default().trim();
            Found::Nothing(format!("callgrind ended with {}: {last}", done.status))
        }
    }
}

/// `==123== Collected : 456`.
fn collected(complaint: &str) -> Option<f64> {
    let line = complaint.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_s_sum_is_found() {
        let said = "==7== Events    : Ir\n==7== Collected : 123456789\n==7== \n";
        assert_eq!(collected(said), Some(123_456_789.0));
        assert_eq!((collected("Collected :"), collected("")), (None, None));
    }
}
