//! What a run is going to do: written before it begins, read again to resume it.
//!
//! Invariant: the plan holds everything that decides what runs (the suites' texts too), so that resuming
//! needs nothing else and a suite file that has changed meanwhile does not mix two runs.

use super::builds::{Builds, Unknown};
use super::comparison::Comparison;
use super::gate::check::Check;
use super::made::Made;
use super::{fit, whole};
use crate::cell::{CellSpec, Counting, Program};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use reports::compressed;
use reports::record::RunRecord;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use thiserror::Error;
use workloads::suite::{Cell, Mode, Suite, SuiteError, derived_seed, hash, read};

/// The version of the plan's form. Since 2 a comparison has its rules, metric and pairs in it.
const VERSION: u32 = 2;
/// The plan's file in a run's folder.
pub const PLAN_FILE: &str = "plan.json";
pub use reports::store::RUNS_FILE;

/// The stack is moved by less than a page and what a page's caches hold twice.
const MOST_PADDING: u32 = 8_192;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// The form's version.
    pub version: u32,
    /// The seed of the order, and of every cell.
    pub seed: u64,
    /// How much is measured.
    pub mode: Mode,
    /// Where it was made, and by which program. Not written down before there was this field.
    #[serde(default)]
    pub made: Option<Made>,
    /// The suites, whole.
    pub suites: Vec<PlannedSuite>,
    /// What is compared, if two sides are.
    #[serde(default)]
    pub comparison: Option<Comparison>,
    /// The programs that are compared, if builds are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builds: Option<Builds>,
    /// What the table says at its end beside what was declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What a gate looks at in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Pairs of a gate that its baseline does not run: nothing of them is a step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Unknown>,
    /// The cells, each with the number of its suite.
    pub cells: Vec<(u32, Cell)>,
    /// What runs, in order.
    pub steps: Vec<Step>,
}

/// A suite as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSuite {
    /// What messages call its file.
    pub source_name: String,
    /// Its text.
    pub text: String,
}

/// One process launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which cell.
    pub cell: u32,
    /// Which launch of it.
    pub launch: u32,
    /// Which block of a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// Which arm of a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// What it counts, where it times nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counting: Option<Counting>,
}

/// What tells one launch from all others of a run: suite, cell, launch, arm. (A block's launches differ
/// in their number.)
pub type Key = (String, String, u32, Option<String>);

/// A plan that cannot be kept or used.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The file.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Not a plan of this version.
    #[error("{path}: not a plan of this version ({why}): choose another folder", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A suite in it.
    #[error(transparent)]
    Suite(#[from] SuiteError),
}

impl RunPlan {
    /// Whether no time of this comparison fails anything: it has too few blocks or layouts, or is wrong too often.
    #[must_use]
    pub fn only_advises(&self) -> bool {
        self.comparison.as_ref().is_some_and(Comparison::only_advises)
            || self.builds.as_ref().is_some_and(Builds::has_few_layouts)
    }

    /// A plan that launches every cell of every suite as often as it says, in rounds: round r holds the
    /// r-th launch of all cells, shuffled, so that no cell is early or late as a whole.
    #[must_use]
    pub fn rounds(suites: Vec<(PlannedSuite, Vec<Cell>, u32)>, seed: u64, mode: Mode) -> Self {
        let mut plan = Self::empty(seed, mode);
        let mut launches = Vec::new();
        for (suite, cells, times) in suites {
            let number = narrow(plan.suites.len());
            plan.suites.push(suite);
            launches.extend(cells.iter().map(|_| times));
            plan.cells.extend(cells.into_iter().map(|cell| (number, cell)));
        }
        let mut random = order_of(seed);
        for launch in 0..launches.iter().copied().max().unwrap_or(0) {
            let due = |step: &(usize, &u32)| launch < *step.1;
            let mut round: Vec<u32> =
                launches.iter().enumerate().filter(due).map(|(cell, _)| narrow(cell)).collect();
            round.shuffle(&mut random);
            plan.steps.extend(round.into_iter().map(|cell| Step {
                cell,
                launch,
                block: None,
                arm: None,
                counting: None,
            }));
        }
        plan
    }

    /// The pairs whose threads wait for each other: they never confirm anything.
    #[must_use]
    pub fn contended(&self) -> BTreeSet<String> {
        let pairs = self.comparison.iter().flat_map(|comparison| &comparison.pairs);
        let both = pairs.zip(self.cells.chunks_exact(2));
        let contended = both.filter(|(_, cells)| cells.iter().any(|(_, cell)| fit::is_contended(cell)));
        contended.map(|(pair, _)| pair.name.clone()).collect()
    }

    pub(super) fn empty(seed: u64, mode: Mode) -> Self {
        let (suites, remarks, cells, steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (comparison, builds, checks, left_out) = (None, None, Vec::new(), Vec::new());
        let made = Some(Made::here());
        Self {
            version: VERSION,
            seed,
            mode,
            made,
            suites,
            comparison,
            builds,
            remarks,
            checks,
            left_out,
            cells,
            steps,
        }
    }

    /// The plan without the steps of these pairs, which no judge is asked about.
    #[must_use]
    pub fn without(mut self, left_out: Vec<Unknown>) -> Self {
        let is_out = |pair: u32| left_out.iter().any(|unknown| unknown.pair == pair);
        self.steps.retain(|step| !is_out(step.cell / 2));
        for (pair, number) in self.comparison.iter_mut().flat_map(|c| &mut c.pairs).zip(0..) {
            pair.judged &= !is_out(number);
        }
        Self { left_out, ..self }
    }

    /// The suites, read again from the texts that the plan holds.
    ///
    /// # Errors
    /// Where a text is no suite (any more).
    pub fn read_suites(&self) -> Result<Vec<Suite>, SuiteError> {
        self.suites.iter().map(|suite| read(&suite.source_name, &suite.text)).collect()
    }

    /// What a step's process is told; nothing for a step that names no cell of the plan.
    #[must_use]
    pub fn spec(&self, step: &Step) -> Option<CellSpec> {
        let (suite, cell) = self.cells.get(usize::try_from(step.cell).ok()?)?;
        let suite = self.suites.get(usize::try_from(*suite).ok()?)?;
        Some(CellSpec {
            suite: cell.id.split('/').next().unwrap_or_default().to_owned(),
            suite_hash: hash(&suite.text),
            cell: cell.clone(),
            launch: step.launch,
            quick: self.mode == Mode::Quick,
            block: step.block,
            arm: step.arm.clone(),
            program: self.program(step),
            counting: step.counting,
        })
    }

    /// The program that runs a step, where builds are compared; its environment is as long as the plan's seed
    /// says, another one for each launch.
    fn program(&self, step: &Step) -> Option<Program> {
        // What counts and times nothing belongs to no block: any layout does the same.
        let (arm, block) = (step.arm.as_deref()?, step.block.unwrap_or(0));
        let layout = self.builds.as_ref()?.layout(arm, block)?;
        let drawn = derived_seed(self.seed, &format!("padding {} {} {arm}", step.cell, step.launch));
        let padding = u32::try_from(drawn % u64::from(MOST_PADDING)).unwrap_or(0);
        Some(Program { path: layout.program.clone(), build: layout.name.clone(), padding })
    }

    /// Writes the plan into `folder`, whole or not at all.
    ///
    /// # Errors
    /// [`PlanError::Io`].
    pub fn save(&self, folder: &Path) -> Result<(), PlanError> {
        let path = folder.join(PLAN_FILE);
        whole::save(&path, self).map_err(|source| PlanError::Io { path, action: "write", source })
    }

    /// Reads the plan in `folder`, which may be compressed; nothing where there is none.
    ///
    /// # Errors
    /// [`PlanError::Io`], and [`PlanError::Foreign`] where it is none of this version.
    pub fn load(folder: &Path) -> Result<Option<Self>, PlanError> {
        let path = compressed::find(&folder.join(PLAN_FILE));
        let text = match compressed::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PlanError::Io { path, action: "read", source }),
        };
        Self::parse(&text).map(Some).map_err(|why| PlanError::Foreign { path, why })
    }

    /// Reads the text of a plan.
    ///
    /// # Errors
    /// Why it is none of this version, in words.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let plan: Self = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        if plan.version != VERSION {
            return Err(format!("version {} instead of {VERSION}", plan.version));
        }
        if plan.steps.iter().any(|step| plan.spec(step).is_none()) {
            return Err("a step names a cell that is not there".to_owned());
        }
        Ok(plan)
    }
}

/// What a launch's record will be known by.
#[must_use]
pub fn key_of(spec: &CellSpec) -> Key {
    (spec.suite_hash.clone(), spec.cell.id.clone(), spec.launch, spec.arm.clone())
}

/// The launches that records are there of.
#[must_use]
pub fn done(records: &[RunRecord]) -> HashSet<Key> {
    let key = |record: &RunRecord| {
        let place = record.place.as_ref()?;
        Some((place.suite_hash.clone(), record.scenario.clone(), place.launch, place.arm.clone()))
    };
    records.iter().filter_map(key).collect()
}

/// The random numbers that the order of a run is drawn with.
pub(super) fn order_of(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(derived_seed(seed, "order"))
}

/// Numbers of cells and suites fit easily: there are at most 100,000 cells in a suite.
fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
