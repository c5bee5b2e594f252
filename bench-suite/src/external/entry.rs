//! A library as an entry of the registry.
//!
//! Invariant: a path has one entry for as long as the process lives, so that what is compared in a process is one
//! build of a library.

use super::host::Copies;
use super::instance::{Instance, Setup};
use super::library::Library;
use super::subject;
use super::target::Planned;
use crate::hot::Loop;
use crate::policies::{EXTERNAL, Entry, Runs};
use crate::replay::{self, ReplayError, ReplayJob, Timings};
use crate::run::{self, Outcome, RunError, Settings};
use crate::scenario::{self, Prepared, Scenario, ScenarioError};
use crate::subject::{Abilities, Blocks, Built, Maker, Parts};
use reports::record::PolicyName;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use swiotlb_core::error::InitError;
use workloads::op::Plan;

/// What a path may hold beside letters and digits, because ids of cells hold it.
const PATH: &str = "/._-+%~@";

/// The whole name of an outside policy: with an absolute path, for another process may have another working
/// directory. Whether there is such a library is not looked at.
///
/// # Errors
/// A path that no id of a cell can hold.
pub fn name(path: &str) -> Result<String, String> {
    let whole = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.escape_debug()))?;
    let whole = whole.to_str().ok_or_else(|| format!("{}: no UTF-8", whole.display()))?.to_owned();
    match whole.chars().find(|&c| !(c.is_ascii_alphanumeric() || PATH.contains(c))) {
        None => Ok(format!("{EXTERNAL}{whole}")),
        Some(c) => Err(format!(
            "`{}` holds {c:?}, which no id of a cell may hold (letters, digits and {PATH} may): make a link to it",
            whole.escape_debug()
        )),
    }
}

/// The entry of the library at `path`, which is loaded if it was not.
///
/// # Errors
/// It cannot be used.
pub fn entry(path: &str) -> Result<&'static Entry, String> {
    static LOADED: Mutex<BTreeMap<String, &'static Entry>> = Mutex::new(BTreeMap::new());
    let name = name(path)?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = loaded.get(&name) {
        return Ok(entry);
    }
    let library = Library::load(Path::new(&name[EXTERNAL.len()..])).map_err(|error| error.to_string())?;
    // For good: a library is never unloaded, and a process loads few.
    let library: &'static Library = Box::leak(Box::new(library));
    let runs: &'static External = Box::leak(Box::new(External(library)));
    let entry: &'static Entry = Box::leak(Box::new(Entry {
        name: name.clone().leak(),
        changes: "an allocator from outside, behind swiotlb_ext.h",
        reproduces: library.reproduces(),
        build: runs,
        runs,
    }));
    loaded.insert(name, entry);
    Ok(entry)
}

/// A library as a policy.
struct External(&'static Library);

impl Maker for External {
    fn build(&self, parts: Parts<'_>) -> Result<Built, InitError> {
        subject::build(self.0, parts)
    }

    fn abilities(&self) -> Abilities {
        let ops = &self.0.ops;
        let grows = ops.work.is_some() || ops.reclaim.is_some();
        Abilities { set_up: false, inside: false, steps: ops.counters.is_some(), grows }
    }
}

impl Runs for External {
    fn policy_name(&self) -> PolicyName {
        self.0.policy_name()
    }

    fn time(&self, job: &ReplayJob<'_>) -> Result<Timings, ReplayError> {
        let make = |site: replay::Site| {
            let replay::Site { first, permissions, memory, blocks } = site;
            let (base, geometry) = (first.base, first.geometry);
            let blocks = Blocks::Zones(blocks);
            Instance::new(self.0, Setup { base, geometry, permissions, memory, blocks, copies: Copies::On })
        };
        replay::time_on(&make, job)
    }

    fn measure(&self, copy: bool, plan: &Plan, settings: &Settings) -> Result<Outcome, RunError> {
        run::against(plan, settings, &Planned::new(self.0, copy, plan, settings)?)
    }

    fn prepare(&self, scenario: &Scenario) -> Result<Box<dyn Prepared>, ScenarioError> {
        let make = |copies| {
            move |site: scenario::Site| {
                let scenario::Site { base, geometry, permissions, memory, blocks } = site;
                let blocks = Blocks::Zones(blocks);
                Instance::new(self.0, Setup { base, geometry, permissions, memory, blocks, copies })
            }
        };
        scenario::prepare_on(&make(Copies::On), &make(Copies::Off), scenario)
    }

    fn loops(&self) -> Vec<Loop> {
        Vec::new()
    }
}
