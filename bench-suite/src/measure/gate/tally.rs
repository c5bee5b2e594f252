//! What a gate came to, in a file beside its records: for who has to know more than its exit code.

use super::super::whole;
use super::check::Trust;
use super::finding::{Finding, Findings, Outcome};
use super::shown::sum;
use reports::compare::verdict::State;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file's name.
const FILE: &str = "tally.json";

/// What a gate came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many checks ended how, in words.
    pub sum: String,
    /// Times on one thread that are worse, where that fails nothing.
    pub worse_as_advice: usize,
    /// Whether the control moved, so that no time was held to anything.
    pub control_moved: bool,
}

impl Tally {
    /// What `findings` come to.
    #[must_use]
    pub fn of(findings: &Findings) -> Self {
        let timed = |finding: &&Finding| finding.check.trust == Trust::Time;
        let worse = |finding: &&Finding| finding.outcome == Outcome::Advice(State::Regressed);
        Self {
            sum: sum(findings),
            worse_as_advice: findings.all.iter().filter(timed).filter(worse).count(),
            control_moved: findings.control_moved() && findings.all.iter().any(|finding| timed(&finding)),
        }
    }

    /// Why what passed this gate was not held to all that it declares; nothing where it was. Cells without enough data
    /// are no reason: they are as likely better as worse.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        match self.worse_as_advice {
            _ if self.control_moved => {
                Some("the control moved, so that no time was held to anything".to_owned())
            }
            0 => None,
            n => Some(format!("{n} times are worse, as advice only")),
        }
    }

    /// Writes it into the gate's folder, whole or not at all.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        whole::save(&folder.join(FILE), self)
    }

    /// Reads it from the gate's folder; nothing where there is none that can be read.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(FILE)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Check;
    use super::*;

    fn doubt(trust: Trust, outcome: Outcome) -> Option<String> {
        let check = Check { pair: 0, metric: "ns_per_op".to_owned(), trust };
        let (a, b, verdict, steps) = (None, None, None, Vec::new());
        let finding = Finding { cell: "s/x=1".to_owned(), check, outcome, a, b, verdict, steps, lost: None };
        Tally::of(&Findings { all: vec![finding], control: None }).doubt()
    }

    #[test]
    fn worse_times_that_nobody_confirmed_leave_a_doubt() {
        let worse = || Outcome::Advice(State::Regressed);
        assert_eq!(doubt(Trust::Time, worse()).as_deref(), Some("1 times are worse, as advice only"));
        // A contended cell never confirms anything, and an open one says nothing.
        assert_eq!(doubt(Trust::Advice, worse()), None);
        assert_eq!(doubt(Trust::Time, Outcome::Said(State::Inconclusive)), None);
        let moved = Tally { sum: String::new(), worse_as_advice: 0, control_moved: true };
        assert!(moved.doubt().is_some_and(|why| why.contains("the control moved")));
    }
}
