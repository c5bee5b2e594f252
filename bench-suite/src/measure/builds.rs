//! The programs of a comparison of builds: which of them a launch runs, and whether they can run it at all.
//!
//! Two builds differ by where their code lies even when their source does not. A side is therefore several
//! *layouts*: programs linked of the same objects with the functions in another order. Invariant: block b runs layout
//! b mod n of each side, all launches of an arm the same one, so that a block compares two programs and blocks
//! differ in which two.

use super::cache::name_of;
use super::gate::plan::control;
use super::launch::{Launch, Launched, was_killed};
use super::plan::{RunPlan, Step, order_of};
use crate::cell::CellSpec;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Fewer layouts than this cannot tell code from its layout.
pub const FEWEST_LAYOUTS: usize = 3;
/// How often a cell is tried before a program is said not to run it: a busy machine may spoil a launch.
const TRIES: usize = 2;

/// The programs of both sides, at least one each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builds {
    /// A's layouts.
    pub a: Vec<Layout>,
    /// B's layouts.
    pub b: Vec<Layout>,
}

/// One linked program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// What records call it: its source and its number.
    pub name: String,
    /// The file.
    pub program: PathBuf,
    /// The start of its SHA-256: a run is resumed with the programs that began it, or not at all.
    pub sha256: String,
}

impl Layout {
    /// The program at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, in words.
    pub fn of(name: String, path: &Path) -> Result<Self, String> {
        let fail = |error: std::io::Error| format!("{}: {error}", path.display());
        let program = path.canonicalize().map_err(fail)?;
        let sha256 = name_of(&std::fs::read(&program).map_err(fail)?);
        Ok(Self { name, program, sha256 })
    }
}

impl Builds {
    /// Two sides of `layouts` each out of relinked copies of one source, other ones for each seed; no copy is on
    /// both.
    #[must_use]
    pub fn drawn(copies: &[Layout], layouts: usize, seed: u64) -> Self {
        let mut copies = copies.to_vec();
        copies.shuffle(&mut order_of(seed));
        let mut copies = copies.into_iter();
        Self { a: copies.by_ref().take(layouts).collect(), b: copies.take(layouts).collect() }
    }

    /// The program of an arm in a block. The null arm is A's next layout: what layout alone does.
    #[must_use]
    pub fn layout(&self, arm: &str, block: u32) -> Option<&Layout> {
        let (side, number) = match arm {
            "B" => (&self.b, block as usize),
            "N" => (&self.a, block as usize + 1),
            _ => (&self.a, block as usize),
        };
        side.get(number % side.len().max(1))
    }

    /// Both sides by their names.
    fn sides(&self) -> [(&'static str, &[Layout]); 2] {
        [("A", &self.a), ("B", &self.b)]
    }

    /// Layouts that both sides have in common, in words; nothing where there is none.
    #[must_use]
    pub fn shared(&self) -> Option<String> {
        let of_a: HashSet<&str> = self.a.iter().map(|layout| layout.sha256.as_str()).collect();
        let both = self.b.iter().find(|layout| of_a.contains(layout.sha256.as_str()))?;
        Some(format!("{} is on both sides: the very same program", both.name))
    }

    /// Whether a side has too few layouts: where its code happens to lie is then part of every difference, and a
    /// comparison only advises.
    #[must_use]
    pub fn has_few_layouts(&self) -> bool {
        self.sides().iter().any(|(_, layouts)| layouts.len() < FEWEST_LAYOUTS)
    }

    /// What a reader of the table has to know.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let [a, b] = self.sides().map(|(_, layouts)| layouts.len());
        let mut notes = vec![format!(
            "Builds: A has {}, B {}; block b runs layout b mod n of each side, and every launch has an environment of \
             another length.",
            count(a),
            count(b)
        )];
        for (side, layouts) in self.sides().into_iter().filter(|(_, all)| all.len() < FEWEST_LAYOUTS) {
            notes.push(format!(
                "{side} has {}: where its code happens to lie is part of the change, and only its stack is moved: verdicts \
                 of time only advise. Give it as rev:REVISION, or {FEWEST_LAYOUTS} relinked copies as build:PATH+PATH+PATH.",
                count(layouts.len())
            ));
        }
        notes
    }
}

/// `1 layout`, `3 layouts`.
fn count(layouts: usize) -> String {
    format!("{layouts} layout{}", if layouts == 1 { "" } else { "s" })
}

/// A pair of cells that A's program does not run: a baseline from before there was the cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The pair's number.
    pub pair: u32,
    /// What A's record said.
    pub why: String,
    /// The same for those who cannot do without the pair.
    #[serde(skip)]
    pub told: String,
}

/// Has one program of each side run every cell, and every program one, before any block counts. The pairs that A does
/// not run.
///
/// # Errors
/// Which program does not run which cell and why, in words: one of B; of A, where it runs no cell at all, or only some
/// of its programs do not.
pub fn probe(plan: &RunPlan, launcher: &mut dyn Launch) -> Result<Vec<Unknown>, String> {
    let mut known = HashSet::new();
    let mut unknown: Vec<Unknown> = Vec::new();
    let of_pair = |unknown: &[Unknown], step: &Step| unknown.iter().any(|other| other.pair == step.cell / 2);
    let alternate = || plan.steps.iter().filter(|step| step.launch.is_multiple_of(2));
    for step in alternate().filter(|step| step.block.is_none_or(|block| block == 0)) {
        let Some((spec, program)) = program_of(plan, step).filter(|_| !of_pair(&unknown, step)) else {
            continue;
        };
        match tried(&spec, launcher)? {
            None => drop(known.insert(program)),
            Some(NotRun { why, is_foreign }) if step.arm.as_deref() == Some("B") || !is_foreign => {
                return Err(refusal(plan, step, &spec, &why));
            }
            Some(NotRun { why, .. }) => {
                let told = refusal(plan, step, &spec, &why);
                unknown.push(Unknown { pair: step.cell / 2, why, told });
            }
        }
    }
    let is_known = |step: &&Step| !of_pair(&unknown, step);
    if let Some(first) =
        unknown.first().filter(|_| !alternate().filter(is_known).any(|step| !is_control(plan, step)))
    {
        return Err(first.told.clone());
    }
    for step in alternate().filter(is_known) {
        let Some((spec, program)) = program_of(plan, step) else { continue };
        if known.insert(program)
            && let Some(NotRun { why, .. }) = tried(&spec, launcher)?
        {
            return Err(refusal(plan, step, &spec, &why));
        }
    }
    Ok(unknown)
}

/// Whether a step is of the control, which every program runs.
fn is_control(plan: &RunPlan, step: &Step) -> bool {
    usize::try_from(step.cell / 2).ok() == control(plan)
}

/// What a step's program is told, with less effort, and the program's file; nothing where this program runs it.
fn program_of(plan: &RunPlan, step: &Step) -> Option<(CellSpec, PathBuf)> {
    let spec = CellSpec { quick: true, ..plan.spec(step)? };
    let program = spec.program.as_ref()?.path.clone();
    Some((spec, program))
}

/// A cell that a program has not run.
#[derive(Default)]
struct NotRun {
    why: String,
    /// Whether it did not so much as begin: no oracle, no clock and no host had a word in it.
    is_foreign: bool,
}

/// Why a program does not run a cell; nothing where it does.
fn tried(spec: &CellSpec, launcher: &mut dyn Launch) -> Result<Option<NotRun>, String> {
    let mut not_run = NotRun::default();
    for _ in 0..TRIES {
        match launcher.launch(spec) {
            Ok(Launched::Record(record)) => {
                let ran = record.is_violated() || !record.metrics.is_empty() || was_killed(&record);
                let Some(why) = record.void else { return Ok(None) };
                not_run = NotRun { why, is_foreign: !ran };
            }
            Ok(Launched::Stopped) => return Err("stopped before the first block".to_owned()),
            Err(error) => not_run.why = error.to_string(),
        }
    }
    Ok(Some(not_run))
}

fn refusal(plan: &RunPlan, step: &Step, spec: &CellSpec, why: &str) -> String {
    let (arm, program) = (step.arm.as_deref().unwrap_or_default(), spec.program.as_ref());
    let side = plan.comparison.as_ref().map_or("", |c| if arm == "B" { &c.b } else { &c.a });
    let (build, path) =
        program.map_or(("", String::new()), |program| (&program.build, program.path.display().to_string()));
    format!(
        "{arm} ({side}, {build}: {path}) does not run {}: {why}\nBoth programs have to know the cell, its policy and this \
         version's records: choose cells (--filter, --set) or revisions that both have.",
        spec.cell.id
    )
}

#[cfg(test)]
#[path = "builds_tests.rs"]
mod tests;
