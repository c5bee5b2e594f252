//! `verify`: golden vectors of the real kernel against a policy.

mod beyond;
pub(crate) mod books;
mod compare;
mod ground;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod machine;
mod mapping;
mod mistakes;
mod room;
mod run;
pub(crate) mod script;
mod set_up;
mod steps;
mod unknown;
mod unmapping;

pub use compare::{Difference, left_out};
pub use ground::Ground;
pub use run::{PolicyResult, run as run_all};

use crate::subject::{Abilities, Build};
use beyond::beyond;
use core::mem::take;
use machine::Machine;
use script::ScriptedBlocks;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::policy::Reproduces;
use thiserror::Error;
use unknown::{done_by_one, reads_unknown};
use workloads::golden::{Arena, FindAt, GoldenError, GoldenFile, Op, Out, Step};
use workloads::oracle::Script;

/// Why a file could not be judged.
#[derive(Debug, Error)]
pub enum FileError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] GoldenError),
    /// Its header asks for more memory than may be had.
    #[error("{path}:1: the arena has {bytes} bytes at {base:#x}; at most {max} within the address space can be run",
        path = .path.display(), max = limits::MAX_ARENA)]
    Arena {
        /// The file.
        path: PathBuf,
        /// Where the arena starts.
        base: u64,
        /// Its bytes.
        bytes: u64,
    },
}

/// Where and how a policy differed from the kernel. One operation may differ in several fields; what
/// follows it in the file is not compared, because it builds on the difference.
#[derive(Debug)]
pub struct Mismatch {
    /// The file.
    pub path: PathBuf,
    /// The file's line, from 1.
    pub line: u64,
    /// The operation's number, from 0.
    pub index: u64,
    /// The operation's word.
    pub op: &'static str,
    /// The fields that differ; empty if the operation broke a rule that has no field.
    pub differences: Vec<Difference>,
    /// Which rule it broke, or why it could not be run.
    pub broken: Option<String>,
}

impl core::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let place = format!("{}:{}: op {} ({})", self.path.display(), self.line, self.index, self.op);
        if let Some(broken) = &self.broken {
            write!(f, "{place}: {broken}")?;
        }
        for (i, d) in self.differences.iter().enumerate() {
            let line = if i > 0 || self.broken.is_some() { "\n" } else { "" };
            write!(f, "{line}{place}: {}: expected {}, got {}", d.field, d.expected, d.got)?;
        }
        Ok(())
    }
}

/// What became of one file.
#[derive(Debug, Default)]
pub struct FileResult {
    /// Operations run.
    pub operations: u64,
    /// Operations that could not be compared, because the policy had failed where the kernel had not, or
    /// the other way round: only for policies of another placement; or because the policy cannot be asked.
    pub not_comparable: u64,
    /// The first mismatch.
    pub mismatch: Option<Mismatch>,
}

/// Runs the vectors of `path` against the allocators that `build` makes, compares what is `declared`, and
/// stops at the first mismatch. The machine stands on `ground`, whatever was there before.
///
/// # Errors
/// The file cannot be read or is no file of golden vectors.
pub fn run_file(
    build: Build,
    declared: Reproduces,
    ground: &mut Ground,
    path: &Path,
) -> Result<FileResult, FileError> {
    let file = GoldenFile::open(path)?;
    let arena = file.header().arena;
    run_steps(build, declared, ground, (path, arena), file.map(|step| step.map(Cow::Owned)))
}

/// The same for vectors that are in no file; `path` is what mismatches call them.
///
/// # Errors
/// Their arena asks for more memory than may be had.
pub fn run_script(
    build: Build,
    declared: Reproduces,
    ground: &mut Ground,
    path: &Path,
    script: &Script,
) -> Result<FileResult, FileError> {
    let steps = script.steps.iter().map(|step| Ok(Cow::Borrowed(step)));
    run_steps(build, declared, ground, (path, script.header.arena), steps)
}

fn run_steps<'a>(
    build: Build,
    declared: Reproduces,
    ground: &mut Ground,
    (path, arena): (&Path, Arena),
    steps: impl Iterator<Item = Result<Cow<'a, Step>, GoldenError>>,
) -> Result<FileResult, FileError> {
    let blocks = if declared.placement { ScriptedBlocks::scripted() } else { ScriptedBlocks::free_running() };
    if arena.size > limits::MAX_ARENA || !PhysMemory::in_space(PhysAddr(arena.base), arena.size) {
        return Err(FileError::Arena { path: path.to_owned(), base: arena.base, bytes: arena.size });
    }
    let mut machine = Machine::new(build, blocks, arena, take(ground), declared);
    let mut result = FileResult::default();
    for step in steps {
        let step = step?;
        result.operations += 1;
        match run_step(&mut machine, &step, declared) {
            Verdict::Same => {}
            Verdict::NotComparable => result.not_comparable += 1,
            Verdict::Differs(differences, broken) => {
                result.mismatch = Some(Mismatch {
                    path: path.to_owned(),
                    line: step.line,
                    index: step.index,
                    op: step.op.name(),
                    differences,
                    broken,
                });
                break;
            }
        }
    }
    // Whoever broke a rule may have written anywhere.
    *ground = if result.mismatch.is_none() { machine.ground } else { Ground::default() };
    Ok(result)
}

enum Verdict {
    Same,
    NotComparable,
    Differs(Vec<Difference>, Option<String>),
}

fn run_step(machine: &mut Machine, step: &Step, declared: Reproduces) -> Verdict {
    let abilities = machine.build.abilities();
    let differs = !declared.placement || abilities != Abilities::ALL;
    if differs && (lacks_handle(machine, step) || mistakes::strays(machine, &step.op)) {
        return Verdict::NotComparable;
    }
    if matches!(step.op, Op::Init(_)) {
        // Before the script is loaded: what the old machine gives back belongs to no operation.
        let (blocks, ground) = (machine.blocks.clone(), take(&mut machine.ground));
        *machine = Machine::new(machine.build, blocks, machine.arena, ground, declared);
    }
    if beyond(machine, abilities, &step.op) {
        return passed_over(machine, step);
    }
    let unknown = !declared.placement && reads_unknown(machine, &step.op);
    machine.blocks.expect(&step.out.pages);
    let got = match steps::run(machine, &step.op) {
        Ok(out) => out,
        Err(broken) => return Verdict::Differs(Vec::new(), Some(broken)),
    };
    let got = with_changes(machine, got);
    if let Op::Map(op) = &step.op
        && step.out.ok == Some(true)
        && got.ok != Some(true)
    {
        machine.unknown.add(op.orig, op.size);
    }
    if !declared.placement && step.out.ok != got.ok {
        done_by_one(machine, &step.op);
    }
    let mut differences = compare::compare(&step.op, declared, abilities, &step.out, &got);
    let all = differences.len();
    // Pages that late set-up had there and not here, or the other way round.
    let of_late = |field| field == "active" && machine.late && !declared.placement;
    differences.retain(|d| !(of_late(d.field) || unknown && d.field.ends_with("_crc")));
    match differences.is_empty() {
        true if all > 0 => Verdict::NotComparable,
        true => Verdict::Same,
        false => Verdict::Differs(differences, None),
    }
}

/// A step that cannot be asked. The CPU's own part of it is done: other mappings may share the original.
fn passed_over(machine: &mut Machine, step: &Step) -> Verdict {
    let Op::Map(op) = &step.op else { return Verdict::NotComparable };
    if step.out.ok == Some(true) {
        machine.unknown.add(op.orig, op.size);
    }
    match machine.fill_original(op) {
        Ok(()) => Verdict::NotComparable,
        Err(refusal) => Verdict::Differs(Vec::new(), Some(refusal)),
    }
}

/// Fills in which pools came and went and what was asked of the page source. A map is described before
/// its new pool has a number, so that number is set here.
fn with_changes(machine: &mut Machine, got: Out) -> Out {
    let (pools_added, pools_removed) = machine.update_pools();
    let new = pools_added.first().map(|pool| pool.pool);
    let pool = if got.pool == Some(-1) { new } else { got.pool };
    Out { pools_added, pools_removed, pages: machine.blocks.seen(), pool, ..got }
}

/// Whether the step needs a mapping or a pool that this policy does not have, because it decided otherwise
/// earlier on.
fn lacks_handle(machine: &Machine, step: &Step) -> bool {
    let lacks = |h| machine.named(h).is_none();
    let is_over = |h| !machine.mappings.contains_key(h);
    match &step.op {
        Op::Unmap(op) => lacks(op.h),
        Op::SyncDev(op) | Op::SyncCpu(op) => lacks(op.h),
        Op::DevWrite(op) | Op::CpuWrite(op) => is_over(&op.h),
        Op::Check(op) => is_over(&op.h),
        Op::Rfree(op) => lacks(op.h),
        Op::FindPool(op) => match op.at {
            FindAt::Pool { pool, .. } => usize::try_from(pool).map_or(true, |i| i >= machine.bases.len()),
            FindAt::Paddr(_) => false,
        },
        _ => false,
    }
}
