//! Where a run was begun, and by which program.
//!
//! Invariant: it is part of the plan, so that no run goes on with other numbers than it began with.

use super::builds::Layout;
use reports::fingerprint;
use reports::machine::Machine;
use reports::record::RunRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A machine and a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The machine's fingerprint.
    pub machine: String,
    /// The start of the SHA-256 of the program that measures; nothing where it cannot be read.
    pub program: Option<String>,
}

impl Made {
    /// This process's.
    #[must_use]
    pub fn here() -> Self {
        static PROGRAM: OnceLock<Option<String>> = OnceLock::new();
        let read = || {
            let path = std::env::current_exe().ok()?;
            Layout::of(String::new(), &path).ok().map(|layout| layout.sha256)
        };
        Self { machine: fingerprint::of(&Machine::read()), program: PROGRAM.get_or_init(read).clone() }
    }

    /// In what this differs from `wanted`, in words.
    #[must_use]
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        let said = |program: &Option<String>| program.clone().unwrap_or_else(|| "unknown".to_owned());
        if self.machine != wanted.machine {
            return Some(format!("a run of the machine {}, and this is {}", self.machine, wanted.machine));
        }
        (self.program != wanted.program).then(|| {
            let (theirs, ours) = (said(&self.program), said(&wanted.program));
            format!("a run of another build of this program (SHA-256 {theirs}, and this is {ours})")
        })
    }
}

/// Whether the records are of several machines, or of several builds of one arm, in words. Void launches have no numbers,
/// and may not even know their build.
#[must_use]
pub fn mixed<'r>(records: impl IntoIterator<Item = &'r RunRecord>) -> Option<String> {
    let (mut builds, mut machines) = (BTreeMap::new(), BTreeMap::new());
    for record in records.into_iter().filter(|record| record.void.is_none()) {
        let arm = record.place.as_ref().and_then(|place| place.arm.as_deref());
        let build = *builds.entry(arm).or_insert(&record.revision);
        if *build != record.revision {
            let of = arm.map(|arm| format!(" as arm {arm}")).unwrap_or_default();
            return Some(format!("records of the builds {build} and {}{of}", record.revision));
        }
        let machine = fingerprint::of(&record.machine);
        let first = machines.entry(arm).or_insert_with(|| machine.clone());
        if *first != machine {
            return Some(format!("records of the machines {first} and {machine}"));
        }
    }
    None
}
