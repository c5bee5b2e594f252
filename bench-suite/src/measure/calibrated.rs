//! What comparisons of A with itself showed of one suite: how often they were wrong, and each cell's floor.
//!
//! Kept among the machine's [`super::calibrations`]. Invariant: it is only used for comparisons of its kind, in its
//! metric and by its rules, and never on those that it was learned from.

use super::trial::Trial;
use reports::compare::calibration::{Calibration, Injected};
use reports::compare::effect::percent;
use reports::compare::floor::Floor;
use reports::compare::rules::Rules;
use reports::compare::verdict::{State, Verdict};
use reports::table::{Column, Table, Unit, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::Mode;

/// What comparisons without an answer say.
const SILENT: &str = "No verdict was given; nothing learned: every comparison ended with not enough data. More blocks \
                      (--blocks, or none of --quick) or a larger --floor give some.";

/// What was compared with what, where nothing differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Null {
    /// A side with itself in one program: what comparisons of policies and parameters are held to.
    Policies,
    /// Relinked copies of one source: what comparisons of builds are held to.
    Builds {
        /// Layouts of each side.
        layouts: u32,
    },
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// What was compared with what.
    pub null: Null,
    /// The suite's name.
    pub suite: String,
    /// The side that was compared with itself.
    pub side: String,
    /// The metric.
    pub metric: String,
    /// The rules of each comparison.
    pub rules: Rules,
    /// The floor that the user had asked for, ln(B / A): a larger one hides false verdicts. Not written down before there
    /// was this field.
    #[serde(default)]
    pub floor: Option<f64>,
    /// How much each launch measured. Not written down before there was this field.
    #[serde(default)]
    pub effort: Option<Mode>,
    /// The verdicts, counted; without those on cells of several threads, which only advise.
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

impl Calibrated {
    /// Before the first comparison of `side` with itself.
    #[must_use]
    pub fn new(null: Null, suite: String, side: String, metric: String, rules: Rules) -> Self {
        let (calibration, cells, injected) = (Calibration::default(), BTreeMap::new(), Vec::new());
        let (floor, effort) = (None, None);
        Self { null, suite, side, metric, rules, floor, effort, calibration, cells, injected }
    }

    /// Counts the verdicts of all comparisons. In a family of n cells each may be wrong in alpha / n. What is said of
    /// `contended` cells never confirms anything, and is no false verdict.
    pub fn count(&mut self, trials: &[Trial], contended: &BTreeSet<String>) {
        let all: Vec<&Verdict> = trials.iter().flat_map(Trial::verdicts).collect();
        let family = trials.iter().map(|trial| trial.verdicts().len()).max().unwrap_or(0).max(1);
        let counted = all.iter().copied().filter(|verdict| !contended.contains(&verdict.cell));
        self.calibration = Calibration::of(counted, self.rules.alpha / family as f64);
        self.cells.clear();
        for verdict in all {
            let history = self.cells.entry(verdict.cell.clone()).or_default();
            history.states.push(verdict.state);
            history.medians.extend(verdict.estimate);
        }
    }

    /// Whether no comparison ended with an answer: then nothing was learned, no floor either.
    #[must_use]
    pub fn learned_nothing(&self) -> bool {
        self.cells.values().flat_map(|history| &history.states).all(|state| *state == State::Inconclusive)
    }

    /// A cell's floor: the user's, or what was learned of it.
    #[must_use]
    pub fn floor(&self, cell: &str, user: f64) -> Floor {
        let learned = self.cells.get(cell).filter(|_| !self.learned_nothing());
        learned.map_or_else(|| Floor::of(user), |history| Floor::learn(user, &history.medians))
    }

    /// One row a cell, and the error rate below.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut columns = vec![Column::text("cell")];
        let counts = ["comparisons", "regressed", "improved", "equivalent", "not enough data"];
        columns.extend(counts.map(|name| Column::number(name, Unit::None)));
        columns.push(Column::number("learned floor (%)", Unit::None));
        let what = match self.null {
            Null::Policies => "against itself",
            Null::Builds { .. } => "against relinked copies of itself",
        };
        let title = format!("{}: {} {what}, {}", self.suite, self.side, self.metric);
        let mut table = Table::new(title, columns);
        let silent = self.learned_nothing();
        for (cell, history) in &self.cells {
            let count =
                |state| Value::Count(history.states.iter().filter(|found| **found == state).count() as u64);
            let learned = Floor::learn(0.0, &history.medians).learned.filter(|_| !silent);
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
        if silent {
            table.notes.push(SILENT.to_owned());
            return table;
        }
        table.notes.push(quote(&self.calibration));
        if self.cells.values().map(|history| history.states.len() as u64).sum::<u64>()
            > self.calibration.comparisons
        {
            table.notes.push("Cells of several threads only advise, and are not counted there.".to_owned());
        }
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
            "Each batch of B is followed by a wait of so much of its own time, which counts as its time: the whole batch is \
             slower, the harness's share too, and nothing else in it changes (no cache, no branch, no lock)."
                .to_owned(),
        );
        (!self.injected.is_empty()).then_some(table)
    }
}

/// How often the rules were wrong, in a sentence.
#[must_use]
pub fn quote(calibration: &Calibration) -> String {
    let Some(rate) = calibration.rate() else {
        return "No comparison was judged where nothing differed.".to_owned();
    };
    if calibration.is_silent() {
        return format!(
            "Where nothing differed: no verdict in {} comparisons, so that nothing is known of how often one is wrong.",
            calibration.comparisons
        );
    }
    let all = calibration.comparisons;
    let open = 100.0 * calibration.inconclusive() as f64 / all as f64;
    format!(
        "Where nothing differed: {} of {all} verdicts false ({:.2} %; below {:.2} % with 95 % confidence, Clopper-Pearson; \
         {:.2} % is promised); {open:.0} % not enough data.",
        calibration.false_verdicts(),
        100.0 * rate,
        100.0 * calibration.upper_bound(),
        100.0 * calibration.nominal,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Calibrated {
        let (suite, side) = ("s".to_owned(), "kernel".to_owned());
        let mut all = Calibrated::new(Null::Policies, suite, side, "ns_per_op".into(), Rules::gate());
        let history = History { states: vec![State::Equivalent; 3], medians: vec![0.004, -0.02, 0.001] };
        all.cells.insert("s/pools=4".into(), history);
        all.calibration = Calibration {
            comparisons: 300,
            regressed: 2,
            improved: 1,
            equivalent: 90,
            nominal: 0.05,
            borrowed: false,
        };
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
    fn comparisons_without_an_answer_teach_nothing() {
        let mut all = learned();
        assert!(!all.learned_nothing());
        let open = History { states: vec![State::Inconclusive; 3], medians: vec![0.004, -0.02, 0.001] };
        all.cells.insert("s/pools=4".into(), open);
        all.calibration = Calibration { regressed: 0, improved: 0, equivalent: 0, ..all.calibration };
        let shown = reports::terminal::render(&all.table());
        assert!(all.learned_nothing() && shown.contains("No verdict was given; nothing learned"), "{shown}");
        assert!(!shown.contains("false (") && !shown.contains("2.02"), "{shown}");
        assert_eq!(all.floor("s/pools=4", 0.01), Floor::of(0.01));
        assert!(quote(&all.calibration).contains("no verdict in 300 comparisons"));
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
