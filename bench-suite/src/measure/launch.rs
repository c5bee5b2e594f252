//! One launch: a fresh process that gets a specification and gives back a record.

use crate::cell::{CellSpec, blank};
use reports::record::RunRecord;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often a waiting parent looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);
/// The most that is read from a child: a record's longest line.
const MOST_OUTPUT: u64 = reports::store::MAX_LINE;
/// The most of a child's complaints that a record keeps, in bytes.
const MOST_COMPLAINT: usize = 2_000;

/// The variable whose length moves a build's stack; nobody reads it.
const PADDING: &str = "SWIOTLB_BENCH_PADDING";

/// What a void record begins with whose process ended badly, was ended, or gave back something else.
const FAILURES: [&str; 4] = [FAILED, KILLED, OTHER, NO_RECORD];
const FAILED: &str = "the process failed";
const KILLED: &str = "not finished after ";
const OTHER: &str = "the process ran ";
const NO_RECORD: &str = "the process gave no record";

/// Whether a launch is void because its process failed or was killed, and not for what its record tells of its numbers.
#[must_use]
pub fn has_failed(record: &RunRecord) -> bool {
    record.void.as_ref().is_some_and(|why| FAILURES.iter().any(|failure| why.starts_with(failure)))
}

/// Whether a launch is void because it took too long.
#[must_use]
pub fn was_killed(record: &RunRecord) -> bool {
    record.void.as_ref().is_some_and(|why| why.starts_with(KILLED))
}

/// How a launch ended.
#[derive(Debug)]
pub enum Launched {
    /// With a record, void where the child did not give one.
    Record(Box<RunRecord>),
    /// The user wants to stop; nothing is to be kept of it.
    Stopped,
}

/// Whatever runs one launch.
pub trait Launch {
    /// Runs it.
    ///
    /// # Errors
    /// Where no process can be started at all.
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched>;
}

/// Launches this program again with the sub-command `cell`, or the program that the launch names.
#[derive(Debug)]
pub struct Processes {
    /// The program.
    pub program: PathBuf,
    /// How long one launch may take.
    pub time_limit: Duration,
    /// Set when the user wants to stop.
    pub stop: Arc<AtomicBool>,
}

impl Launch for Processes {
    fn launch(&mut self, spec: &CellSpec) -> std::io::Result<Launched> {
        if self.stop.load(Ordering::Relaxed) {
            // Cells may be quicker than the looks in `wait`.
            return Ok(Launched::Stopped);
        }
        let mut command = Command::new(self.program_of(spec));
        if let Some(padding) = spec.program.as_ref().map(|other| other.padding as usize) {
            command.env(PADDING, "x".repeat(padding));
        }
        command.arg("cell");
        let mut record = match self.run(command, spec)? {
            Done::Output(Output { output, complaint, status }) => {
                record_of(spec, &output, status, &complaint)
            }
            Done::Stopped => return Ok(Launched::Stopped),
            Done::TooLong(why) => void(spec, why),
        };
        if let (Some(program), Some(place)) = (&spec.program, &mut record.place) {
            (place.build, place.padding) = (Some(program.build.clone()), Some(program.padding));
        }
        Ok(Launched::Record(Box::new(record)))
    }
}

/// How a process ended.
pub(super) enum Done {
    Output(Output),
    /// The user wants to stop: it was ended.
    Stopped,
    /// It took too long, and was ended; in words.
    TooLong(String),
}

/// What a process left.
pub(super) struct Output {
    pub output: Vec<u8>,
    pub complaint: Vec<u8>,
    pub status: ExitStatus,
}

enum Waited {
    Output(Vec<u8>),
    Stopped,
    TooLong,
}

impl Processes {
    /// The program that runs a launch.
    pub(super) fn program_of<'s>(&'s self, spec: &'s CellSpec) -> &'s Path {
        spec.program.as_ref().map_or(&self.program, |other| &other.path)
    }

    /// Runs `command` to its end, the specification on its standard input.
    ///
    /// # Errors
    /// Where no process can be started at all.
    pub(super) fn run(&self, command: Command, spec: &CellSpec) -> std::io::Result<Done> {
        let mut child = start(command, spec)?;
        let output = drained(child.stdout.take());
        let complaint = drained(child.stderr.take());
        Ok(match self.wait(&output) {
            Waited::Output(output) => {
                let status = child.wait()?;
                Done::Output(Output { output, complaint: complaint.recv().unwrap_or_default(), status })
            }
            Waited::Stopped => {
                end(&mut child);
                Done::Stopped
            }
            Waited::TooLong => {
                end(&mut child);
                Done::TooLong(format!("{KILLED}{} s: killed", self.time_limit.as_secs_f64()))
            }
        })
    }

    fn wait(&self, output: &Receiver<Vec<u8>>) -> Waited {
        let start = Instant::now();
        loop {
            match output.recv_timeout(LOOK) {
                Ok(bytes) => return Waited::Output(bytes),
                Err(RecvTimeoutError::Disconnected) => return Waited::Output(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.stop.load(Ordering::Relaxed) {
                return Waited::Stopped;
            }
            if start.elapsed() > self.time_limit {
                return Waited::TooLong;
            }
        }
    }
}

fn start(mut command: Command, spec: &CellSpec) -> std::io::Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: an interrupt from the terminal goes to the parent, which ends the child.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        let text = serde_json::to_vec(spec)?;
        // A child that died before it read says so by its status.
        let _ = input.write_all(&text);
    }
    Ok(child)
}

/// Everything that comes out of a pipe, once it is closed.
fn drained(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    if let Some(pipe) = pipe {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.take(MOST_OUTPUT).read_to_end(&mut bytes);
            let _ = send.send(bytes);
        });
    }
    receive
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The child's record, or a void one that says what came instead.
fn record_of(spec: &CellSpec, output: &[u8], status: ExitStatus, complaint: &[u8]) -> RunRecord {
    let wrong = |why: String| {
        let tail = complaint.get(complaint.len().saturating_sub(MOST_COMPLAINT)..).unwrap_or_default();
        let tail = String::from_utf8_lossy(tail);
        void(spec, format!("{why} ({status}) {}", tail.trim()))
    };
    if !status.success() {
        return wrong(FAILED.to_owned());
    }
    match serde_json::from_slice::<RunRecord>(output) {
        Ok(record) if record.scenario == spec.cell.id => record,
        Ok(record) => wrong(format!("{OTHER}{} instead", record.scenario)),
        Err(error) => wrong(format!("{NO_RECORD}: {error}")),
    }
}

/// A record that says why there is none. Of another program nobody knows which revision it is.
fn void(spec: &CellSpec, why: String) -> RunRecord {
    let mut record = RunRecord { void: Some(why), ..blank(spec) };
    if spec.program.is_some() {
        "unknown".clone_into(&mut record.revision);
    }
    record
}
