//! `replay`: a recorded trace against a policy.
//!
//! A trace is compiled once ([`Script`]) and then run over fresh allocators, once for each question, always
//! on one thread and in the recorded order:
//!
//! | file | what it is |
//! | --- | --- |
//! | `setup.rs` | which pool the allocator begins with: recorded, or given by flags |
//! | `space.rs` | who lies where in the made-up address space |
//! | `originals.rs` | where each original lies: as recorded, or moved |
//! | `script.rs` | the trace as steps, made before any clock starts |
//! | `machine.rs` | a fresh allocator with the trace's devices |
//! | `timed.rs` | the pass that times every operation by itself |
//! | `grouped.rs` | the pass that times operations by the batch, and `find_pool` |
//! | `counted.rs` | the pass that counts steps, failures and copies |
//! | `course.rs` | the pass that watches occupancy, fragmentation and pools over the trace's time |
//! | `check.rs` | the pass that compares every map with the recorded address |
//! | `clock.rs` | the clock and its cost |
//! | `outcome.rs` | the record and the tables that all this becomes |

mod check;
mod clock;
mod counted;
mod course;
mod grouped;
mod machine;
mod originals;
mod outcome;
mod script;
mod setup;
mod space;
mod timed;

pub use check::Checked;
pub use clock::ReplayClock;
pub use grouped::BatchMean;
pub use machine::Replayable;
pub use outcome::Replayed;
pub use script::Script;
pub use setup::{FirstPool, Overrides, placed, rounded};

use crate::calls::Mem;
use crate::hot::Loop;
use crate::policies::Entry;
use crate::run::ledger::{Broken, Ledger};
use machine::Machine;
pub(crate) use machine::{Make, Site};
use reports::course::Course;
use std::path::{Path, PathBuf};
use swiotlb_core::error::{DeviceError, InitError, PageError};
use thiserror::Error;
use workloads::trace::{Event, Record, Trace, TraceError, TraceOptions};

/// Operations that share a read section, as those of one softirq do.
pub const BATCH: usize = 64;

/// Why a replay could not be done.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace does not say which pool the kernel had.
    #[error("{path}: neither the trace nor {meta} says {missing}; give {flags}",
        path = .path.display(), meta = .meta.display())]
    NoGeometry {
        /// The trace.
        path: PathBuf,
        /// The file of facts that could have said it.
        meta: PathBuf,
        /// What is missing, in words.
        missing: String,
        /// The flags that give it.
        flags: String,
    },
    /// The first pool cannot be built.
    #[error("{path}: the first pool cannot be built: {source}; give another with --swiotlb SLOTS,AREAS and --base ADDRESS",
        path = .path.display())]
    FirstPool {
        /// The trace.
        path: PathBuf,
        /// What is wrong with it.
        source: InitError,
    },
    /// A device of the trace cannot be built.
    #[error("{path}: a device cannot be built: {source}", path = .path.display())]
    Device {
        /// The trace.
        path: PathBuf,
        /// What is wrong with it.
        source: DeviceError,
    },
    /// The host gave no memory for the originals and pools that the trace uses.
    #[error("{path}: no memory for what the trace uses: {source}", path = .path.display())]
    Memory {
        /// The trace.
        path: PathBuf,
        /// What the host said.
        source: PageError,
    },
    /// An allocator from outside did what none may.
    #[error("{path}: under {policy}: {source}", path = .path.display())]
    Broken {
        /// The trace.
        path: PathBuf,
        /// The policy.
        policy: &'static str,
        /// What it did.
        source: Broken,
    },
}

/// What to replay, and how.
pub struct ReplayJob<'a> {
    /// The trace, ready to run.
    pub script: &'a Script,
    /// The clock.
    pub clock: &'a ReplayClock,
    /// Whether every map is compared with the recorded address.
    pub check: bool,
    /// Whether its course over the trace's time is kept.
    pub course: bool,
}

/// Reads a trace and makes it ready to run.
///
/// # Errors
/// It cannot be read, or does not say which pool to begin with.
pub fn load(path: &Path, options: &TraceOptions, overrides: &Overrides) -> Result<Script, ReplayError> {
    let trace = Trace::open(path, options)?;
    let first = setup::first_pool(&trace, overrides)?;
    Ok(script::compile(&trace, first))
}

/// What the passes with a clock measured.
pub struct Timings {
    timed: timed::Timed,
    grouped: grouped::Grouped,
}

/// Runs the passes with a clock: what is compiled for each policy.
///
/// # Errors
/// The first pool or a device cannot be built, or the host has no memory.
pub fn time<P: Replayable>(job: &ReplayJob<'_>) -> Result<Timings, ReplayError> {
    time_on(&machine::early::<P>, job)
}

/// Where the loops without a clock inside lie that [`time`] runs for `P`.
pub(crate) fn loops<P: Replayable>() -> [Loop; 3] {
    grouped::loops::<P>()
}

/// Runs the passes with a clock on allocators that `make` makes.
///
/// # Errors
/// The first pool or a device cannot be built, or the host has no memory.
pub(crate) fn time_on<M: Mem>(make: Make<'_, M>, job: &ReplayJob<'_>) -> Result<Timings, ReplayError> {
    let timed = timed::run(&touched(make, job)?, job.script, job.clock);
    let grouped = grouped::run(&touched(make, job)?, job.script, job.clock);
    Ok(Timings { timed, grouped })
}

/// Replays a trace under a policy: compares, if that is asked for, counts, and times.
///
/// # Errors
/// The first pool or a device cannot be built, the host has no memory, or an allocator from outside broke the rules.
pub fn run(policy: &Entry, job: &ReplayJob<'_>) -> Result<Replayed, ReplayError> {
    let fresh = || machine::subject(policy.build, job.script);
    watched(policy, job.script)?;
    let checked = if job.check { Some(check::run(&*fresh()?, job.script)) } else { None };
    let counted = counted::run(&*fresh()?, job.script, None, &mut |_, _| {});
    let timings = policy.runs.time(job)?;
    // What lies inside is for policies of ours to tell.
    let course = if job.course && policy.build.abilities().inside {
        Some(course::run(&*fresh()?, job.script, "map", &timings.timed.maps))
    } else {
        None
    };
    let mut replayed = outcome::replayed(policy, job, &counted, timings, checked);
    replayed.record.course = course;
    Ok(replayed)
}

/// Runs a pass that no number comes of over an allocator from outside, and looks at who owns which slot.
fn watched(policy: &Entry, script: &Script) -> Result<(), ReplayError> {
    if policy.build.abilities().inside {
        return Ok(());
    }
    let first = script.first;
    let mut ledger = Ledger::new((first.base.0, first.base.0 + first.bytes()));
    let _ =
        counted::run(&*machine::subject(policy.build, script)?, script, Some(&mut ledger), &mut |_, _| {});
    let broken = |source| ReplayError::Broken { path: script.path.clone(), policy: policy.name, source };
    ledger.broken().map_or(Ok(()), |source| Err(broken(source)))
}

/// The course of a trace under a policy, with the tails of its map calls as they were recorded; no clock is read.
///
/// # Errors
/// The first pool or a device cannot be built.
pub fn course_of(policy: &Entry, script: &Script, trace: &Trace) -> Result<Course, ReplayError> {
    let taken = |record: &Record| match record.event {
        Event::Map(call) => Some((record.t_ns, call.t_ret_ns.saturating_sub(call.t_in_ns))),
        _ => None,
    };
    let calls: Vec<(u64, u64)> = trace.records.iter().filter_map(taken).collect();
    Ok(course::run(&*machine::subject(policy.build, script)?, script, "map as recorded", &calls))
}

fn touched<M: Mem>(make: Make<'_, M>, job: &ReplayJob<'_>) -> Result<Machine<M>, ReplayError> {
    let machine = Machine::new(make, job.script)?;
    machine.touch(job.script)?;
    Ok(machine)
}
