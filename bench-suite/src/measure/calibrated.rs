//! What comparisons of A with itself showed on one machine: how often they were wrong, and each cell's floor.
//!
//! Kept as `calibration.json`. Invariant: it is only used where it was learned, on a machine of its fingerprint
//! and in its metric, and never on the comparisons that it was learned from.

use super::trial::Trial;
use reports::compare::calibration::{Calibration, Injected};
use reports::compare::effect::percent;
use reports::compare::floor::Floor;
use reports::compare::rules::Rules;
use reports::compare::verdict::{State, Verdict};
use reports::table::{Column, Table, Unit, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The version of the file's form.
const VERSION: u32 = 1;
/// Its name.
pub const FILE: &str = "calibration.json";

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// The form's version.
    pub version: u32,
    /// The machine's fingerprint.
    pub machine: String,
    /// The suite's name.
    pub suite: String,
    /// The side that was compared with itself.
    pub side: String,
    /// The metric.
    pub metric: String,
    /// The rules of each comparison.
    pub rules: Rules,
    /// The verdicts, counted.
    pub calibration: Calibration,
    /// Each cell's comparisons: their states, and their medians, ln(A' / A).
    pub cells: BTreeMap<String, History>,
    /// Slowdowns that were put in on purpose, and how often they were found.
    pub injected: Vec<Injected>,
}

/// One cell's comparisons with itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The states, in the order of the comparisons.
    pub states: Vec<State>,
    /// The medians of those that had one.
    pub medians: Vec<f64>,
}

/// Why a calibration cannot be used.
#[derive(Debug, Error)]
pub enum CalibratedError {
    /// The file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Not a calibration of this version.
    #[error("{path}: not a calibration of this version ({why}): calibrate again", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Learned elsewhere.
    #[error("{path}: learned {what} {theirs}, and this is {ours}: calibrate here", path = path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// In what they differ.
        what: &'static str,
        /// The file's.
        theirs: String,
        /// The one at hand.
        ours: String,
    },
}

impl Calibrated {
    /// Before the first comparison of `side` with itself.
    #[must_use]
    pub fn new(machine: String, suite: String, side: String, metric: String, rules: Rules) -> Self {
        let (calibration, cells, injected) = (Calibration::default(), BTreeMap::new(), Vec::new());
        Self { version: VERSION, machine, suite, side, metric, rules, calibration, cells, injected }
    }

    /// Counts the verdicts of all comparisons. In a family of n cells each may be wrong in alpha / n.
    pub fn count(&mut self, trials: &[Trial]) {
        let all: Vec<&Verdict> = trials.iter().flat_map(Trial::verdicts).collect();
        let family = trials.iter().map(|trial| trial.verdicts().len()).max().unwrap_or(0).max(1);
        self.calibration = Calibration::of(all.iter().copied(), self.rules.alpha / family as f64);
        self.cells.clear();
        for verdict in all {
            let history = self.cells.entry(verdict.cell.clone()).or_default();
            history.states.push(verdict.state);
            history.medians.extend(verdict.estimate);
        }
    }

    /// A cell's floor: the user's, or what was learned of it.
    #[must_use]
    pub fn floor(&self, cell: &str, user: f64) -> Floor {
        self.cells.get(cell).map_or_else(|| Floor::of(user), |history| Floor::learn(user, &history.medians))
    }

    /// Writes the file into `folder`, whole or not at all, and says where.
    ///
    /// # Errors
    /// [`CalibratedError::Io`].
    pub fn save(&self, folder: &Path) -> Result<PathBuf, CalibratedError> {
        let (path, draft) = (folder.join(FILE), folder.join("calibration.json.new"));
        let write = || {
            let mut file = std::fs::File::create(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)
        };
        let written = write();
        written.map(|()| path.clone()).map_err(|source| CalibratedError::Io { path, source })
    }

    /// Reads the file at `path`, for use on this machine in this metric.
    ///
    /// # Errors
    /// [`CalibratedError`].
    pub fn read(path: &Path, machine: &str, metric: &str) -> Result<Self, CalibratedError> {
        let found = Self::open(path)?;
        for (what, theirs, ours) in
            [("on machine", &found.machine, machine), ("in metric", &found.metric, metric)]
        {
            if theirs != ours {
                let (path, theirs, ours) = (path.to_owned(), theirs.clone(), ours.to_owned());
                return Err(CalibratedError::Elsewhere { path, what, theirs, ours });
            }
        }
        Ok(found)
    }

    /// Reads the file at `path`, to be shown.
    ///
    /// # Errors
    /// [`CalibratedError::Io`], and [`CalibratedError::Foreign`] where it is none of this version.
    pub fn open(path: &Path) -> Result<Self, CalibratedError> {
        let path = path.to_owned();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(CalibratedError::Io { path, source }),
        };
        let found: Self = match serde_json::from_slice(&text) {
            Ok(found) => found,
            Err(error) => return Err(CalibratedError::Foreign { path, why: error.to_string() }),
        };
        if found.version != VERSION {
            let why = format!("version {} instead of {VERSION}", found.version);
            return Err(CalibratedError::Foreign { path, why });
        }
        Ok(found)
    }

    /// One row a cell, and the error rate below.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut columns = vec![Column::text("cell")];
        let counts = ["comparisons", "regressed", "improved", "equivalent", "not enough data"];
        columns.extend(counts.map(|name| Column::number(name, Unit::None)));
        columns.push(Column::number("learned floor (%)", Unit::None));
        let title = format!("{}: {} against itself, {}", self.suite, self.side, self.metric);
        let mut table = Table::new(title, columns);
        for (cell, history) in &self.cells {
            let count =
                |state| Value::Count(history.states.iter().filter(|found| **found == state).count() as u64);
            let learned = Floor::learn(0.0, &history.medians).learned;
            table.push(vec![
                Value::Text(cell.clone()),
                Value::Count(history.states.len() as u64),
                count(State::Regressed),
                count(State::Improved),
                count(State::Equivalent),
                count(State::Inconclusive),
                learned.map_or(Value::Missing, |floor| Value::Real(percent(floor), 2)),
            ]);
        }
        table.notes.push(quote(&self.calibration));
        table.notes.push(
            "Learned floor: the 95th percentile of the medians' sizes; below 20 comparisons the largest."
                .to_owned(),
        );
        table
    }

    /// The power curve; nothing where no slowdown was put in.
    #[must_use]
    pub fn power(&self) -> Option<Table> {
        let columns = vec![
            Column::number("slowdown (%)", Unit::None),
            Column::number("comparisons", Unit::None),
            Column::number("found", Unit::None),
            Column::text("power, 95 % (%)"),
        ];
        let mut table = Table::new("Slowdowns put in on purpose", columns);
        for injected in &self.injected {
            let (low, high) = injected.interval();
            let power = injected
                .power()
                .map(|p| format!("{:.0} [{:.0}, {:.0}]", 100.0 * p, 100.0 * low, 100.0 * high));
            table.push(vec![
                Value::Real(percent(injected.effect), 1),
                Value::Count(injected.comparisons),
                Value::Count(injected.found),
                power.map_or(Value::Missing, Value::Text),
            ]);
        }
        table.notes.push(
            "The stand-in's service time is longer by so much; the harness's own share is not, so that the \
             slowdown of the whole is a little smaller."
                .to_owned(),
        );
        (!self.injected.is_empty()).then_some(table)
    }
}

/// How often the rules were wrong, in a sentence.
#[must_use]
pub fn quote(calibration: &Calibration) -> String {
    let Some(rate) = calibration.rate() else {
        return "No comparison of A with itself was judged.".to_owned();
    };
    let all = calibration.comparisons;
    let open = 100.0 * calibration.inconclusive() as f64 / all as f64;
    format!(
        "A against itself: {} of {all} verdicts false ({:.2} %; below {:.2} % with 95 % confidence, Clopper-Pearson; \
         {:.2} % is promised); {open:.0} % not enough data.",
        calibration.false_verdicts(),
        100.0 * rate,
        100.0 * calibration.upper_bound(),
        100.0 * calibration.nominal,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn learned() -> Calibrated {
        let (suite, side) = ("s".to_owned(), "kernel".to_owned());
        let mut all = Calibrated::new("m".into(), suite, side, "ns_per_op".into(), Rules::gate());
        let history = History { states: vec![State::Equivalent; 3], medians: vec![0.004, -0.02, 0.001] };
        all.cells.insert("s/pools=4".into(), history);
        all.calibration =
            Calibration { comparisons: 300, regressed: 2, improved: 1, equivalent: 90, nominal: 0.05 };
        all
    }

    #[test]
    fn floors_are_learned_for_the_cells_that_were_compared() {
        let all = learned();
        assert!((all.floor("s/pools=4", 0.01).value() - 0.02).abs() < 1e-12);
        assert!((all.floor("s/pools=4", 0.03).value() - 0.03).abs() < 1e-12);
        assert_eq!(all.floor("s/pools=8", 0.01), Floor::of(0.01));
    }

    #[test]
    fn it_is_used_where_it_was_learned_and_nowhere_else() {
        let (folder, all) = (tempfile::tempdir().unwrap(), learned());
        let path = all.save(folder.path()).unwrap();
        assert_eq!(Calibrated::read(&path, "m", "ns_per_op").unwrap(), all);
        let says = |machine: &str, metric: &str, what: &str| {
            let error = Calibrated::read(&path, machine, metric).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says("n", "ns_per_op", "learned on machine m, and this is n");
        says("m", "map.p99", "learned in metric ns_per_op");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 7")).unwrap();
        says("m", "ns_per_op", "version 7 instead of 1");
        std::fs::write(&path, &text[..100]).unwrap();
        says("m", "ns_per_op", "not a calibration");
    }

    #[test]
    fn the_error_rate_is_told_with_its_bound() {
        let shown = reports::terminal::render(&learned().table());
        // By plain sums: at most 3 of 300 has a probability of 5 % at 0.025641.
        for text in ["3 of 300 verdicts false (1.00 %; below 2.56 %", "69 % not enough data", "2.02"] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        assert!(learned().power().is_none());
    }
}
