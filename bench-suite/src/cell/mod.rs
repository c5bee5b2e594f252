//! One cell in one fresh process: what the child of `measure` does.
//!
//! The parent writes a [`CellSpec`] as JSON to the child's standard input and reads one record, one line
//! of JSON, from its standard output. [`backend`] is the one place that knows which runner a cell belongs
//! to; everything else here is the same for all of them.

pub mod backend;
pub mod control;
pub mod counting;
mod heap;
pub mod host;
mod m_d_1;
mod micro;
pub mod model;
mod outcome;
#[cfg(target_os = "linux")]
pub mod own_pages;
mod plan;
mod replay;
pub mod slowdown;
mod spec;
pub mod threads;

pub use outcome::{CellError, CellOutcome, EMPTY_LOOP};
pub use spec::{CellSpec, Counting, Program};

use crate::run::host::{UNPINNED, may_pin};
use crate::{external, policies};
use reports::evidence::Place;
use reports::machine::Machine;
use reports::record::{Kind, PolicyName, RunRecord};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The revision that was built (`build.rs`): a commit, with `-dirty` where files differed from it; `unknown`
/// where the build could not tell.
pub const REVISION: &str = env!("SWIOTLB_BENCH_REVISION");

/// The clock of cells that time nothing.
const VIRTUAL: &str = "virtual";
/// How long a gap is looked for right after a cell whose runner saw none itself.
const GAP_LOOK: Duration = Duration::from_millis(10);

/// Runs a cell and makes its record. What goes wrong in the cell voids the record; it is no error here.
#[must_use]
pub fn run(spec: &CellSpec) -> RunRecord {
    let mut record = blank(spec);
    let before = host::Ledger::start();
    let done = if spec.counting.is_some() { counting::run(spec) } else { backend::run(spec) };
    let noise = before.finish();
    match done {
        Ok(outcome) => outcome.fill(&mut record),
        Err(error) => record.void = Some(error.to_string()),
    }
    if let Some(cost) = external::cost_of(&spec.cell.policy).filter(|_| record.void.is_none()) {
        record.metrics.insert("interface_ns".to_owned(), cost.round_trip_ns());
        record.notes.push(cost.note());
    }
    let noise = record.noise.get_or_insert(noise);
    let timed = record.clock.as_ref().is_some_and(|clock| clock.name != VIRTUAL);
    if timed && noise.longest_gap_ns.is_none() {
        noise.longest_gap_ns = Some(host::longest_gap_ns(GAP_LOOK));
    }
    if timed && !may_pin() {
        record.notes.push(UNPINNED.to_owned());
    }
    record
}

/// The record of a cell before it has run, or that never ran.
#[must_use]
pub fn blank(spec: &CellSpec) -> RunRecord {
    let mut record = RunRecord::new(Kind::Cell, spec.cell.id.clone(), policy_name(&spec.cell.policy));
    record.suite = Some(spec.suite.clone());
    record.parameters = spec.cell.values.clone();
    record.parameters.insert("scenario".to_owned(), spec.cell.scenario.clone());
    record.parameters.insert("mode".to_owned(), mode(spec).to_owned());
    record.seed = spec.cell.seed;
    record.revision = REVISION.to_owned();
    record.started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    record.machine = Machine::read();
    record.place = Some(Place {
        suite_hash: spec.suite_hash.clone(),
        launch: spec.launch,
        block: spec.block,
        arm: spec.arm.clone(),
        build: spec.program.as_ref().map(|program| program.build.clone()),
        padding: spec.program.as_ref().map(|program| program.padding),
    });
    record
}

/// How much the cell is measured, in a word.
fn mode(spec: &CellSpec) -> &'static str {
    match (spec.counting, spec.quick) {
        (Some(_), _) => "counting",
        (None, true) => "quick",
        (None, false) => "full",
    }
}

/// The label of a policy, composed of every axis; its name if there is no such policy.
fn policy_name(name: &str) -> PolicyName {
    let unknown = |_| PolicyName { label: name.to_owned(), ..PolicyName::default() };
    policies::by_name(name).map_or_else(unknown, policies::Entry::policy_name)
}
