//! From a gate's file to its plan: each entry's cells under both sides, and how far each metric is trusted there.

use super::choice::{Choice, one};
use super::quoted::Quoted;
use super::sides::{Asked, pairs, side};
use super::{Failure, complain};
use crate::measure::calibrated::{Calibrated, Null};
use crate::measure::calibrations::Wanted;
use crate::measure::comparison::{Comparison, rules};
use crate::measure::fit;
use crate::measure::gate::check::{Trust, trust};
use crate::measure::gate::file::{Entry, GateFile};
use crate::measure::gate::plan::{Held, plan};
use crate::measure::metrics::NS_PER_OP;
use crate::measure::plan::RunPlan;
use crate::measure::side::Side;
use crate::measure::steady::CONTROL;
use reports::compare::calibration::Calibration;
use reports::compare::rules::Rules;
use reports::fingerprint;
use reports::machine::Machine;
use std::collections::BTreeSet;
use workloads::suite::{Changes, Limits, Mode, SuiteError};

/// The most cells of a gate: each takes about a minute.
const MOST_CELLS: usize = 500;

/// A gate's file, and what the command line adds to it.
pub(super) struct Gate<'a> {
    pub file: &'a GateFile,
    pub a: &'a str,
    pub b: &'a str,
    pub seed: u64,
    /// What is quoted, of which null.
    pub quoted: (&'a Quoted, Null),
}

impl Gate<'_> {
    /// The plan on this machine.
    pub(super) fn plan(&self, machine: &Machine) -> Result<RunPlan, Failure> {
        let limits = fit::limits(machine);
        self.quoted.0.check(&fingerprint::of(machine))?;
        let held = self.held(limits, &[])?;
        let metric = self.judged(&held)?;
        let rules = Rules { alpha: self.file.alpha, ..rules(None, false, true).map_err(Failure::usage)? };
        let timed = held.iter().any(Held::is_judged);
        let (known, remarks) =
            if timed { self.known(machine, &held, &metric, &rules)? } else { Default::default() };
        let calibration = merged(&known);
        // Floors are learned by cell: once more, with what is known.
        let held = if known.is_empty() { held } else { self.held(limits, &known)? };
        let (a, b) = (self.a.to_owned(), self.b.to_owned());
        let comparison = Comparison { a, b, null: false, metric, rules, calibration, pairs: Vec::new() };
        let changes = Changes { mode: Mode::Full, seed: self.seed, ..Changes::default() };
        let control = one(CONTROL, &changes, limits)?;
        let control = control.cells.into_iter().next().map(|cell| (control.planned, cell));
        let plan = plan(held, control, comparison, (self.seed, self.file.effort));
        Ok(RunPlan { remarks, ..plan })
    }

    /// What was learned on this machine for the suites of `held`, each entry once, and where that is from.
    fn known(
        &self,
        machine: &Machine,
        held: &[Held],
        metric: &str,
        rules: &Rules,
    ) -> Result<(Vec<Calibrated>, Vec<String>), Failure> {
        let ((quoted, null), effort) = (self.quoted, self.file.effort);
        let suite_of = |held: &Held| held.a.id.split('/').next().unwrap_or_default().to_owned();
        let (mut known, mut remarks): (Vec<Calibrated>, BTreeSet<String>) = Default::default();
        let judged = held.iter().filter(|held| held.is_judged());
        for suite in judged.map(suite_of).collect::<BTreeSet<_>>() {
            let of_suite = held.iter().filter(|held| suite_of(held) == suite && held.is_judged());
            let floor = of_suite.map(|held| held.pair.floor.user).fold(f64::INFINITY, f64::min);
            let wanted = Wanted { null, suite: &suite, metric, rules, floor, effort };
            let (found, source) = quoted.find(&fingerprint::of(machine), wanted)?;
            remarks.insert(source);
            known.extend(found);
        }
        Ok((once(known), remarks.into_iter().collect()))
    }

    fn held(&self, limits: Limits, known: &[Calibrated]) -> Result<Vec<Held>, Failure> {
        let (a, b) = (side(self.a)?, side(self.b)?);
        let (mut all, mut seen): (Vec<Held>, BTreeSet<String>) = Default::default();
        for entry in &self.file.cells {
            for held in self.of_entry(entry, (&a, &b), limits, known)? {
                let name = &held.pair.name;
                if !seen.insert(name.clone()) {
                    return Err(
                        self.wrong(entry, format!("the cell {name} is declared twice: narrow `filter`"))
                    );
                }
                all.push(held);
            }
            if all.len() > MOST_CELLS {
                let message = format!(
                    "with these the gate has {} cells, and {MOST_CELLS} are the most: a cell takes about a minute, and \
                     each more raises what all have to pass; narrow `filter`",
                    all.len()
                );
                return Err(self.wrong(entry, message));
            }
        }
        Ok(all)
    }

    fn of_entry(
        &self,
        entry: &Entry,
        (a, b): (&Side, &Side),
        limits: Limits,
        known: &[Calibrated],
    ) -> Result<Vec<Held>, Failure> {
        let choice = Choice {
            suites: Vec::new(),
            set: entry.set.clone(),
            filter: entry.filter.clone(),
            quick: false,
            seed: self.seed,
        };
        let asked = Asked { suite: &entry.suite, choice: &choice, floor: entry.floor, limits, known: None };
        let (suite, both) = pairs(&asked, a, b).map_err(|failure| self.misread(entry, failure))?;
        let held = both.into_iter().map(|(mut pair, a, b)| {
            let threads = fit::threads(&a).max(fit::threads(&b));
            if let Some(known) = known.iter().rfind(|known| known.cells.contains_key(&pair.name)) {
                pair.floor = known.floor(&pair.name, entry.floor);
            }
            let metrics = entry.metrics.iter().map(|name| (name.clone(), trust(name, &a, threads))).collect();
            let oversubscribed = limits.cores.is_some_and(|cores| threads > cores);
            Held { suite: suite.planned.clone(), pair, a, b, metrics, oversubscribed }
        });
        Ok(held.collect())
    }

    /// What is wrong with an entry, where and under the name that the file has for it.
    fn misread(&self, entry: &Entry, failure: Failure) -> Failure {
        let flags = [("--filter: ", "`filter`: ", entry.filter_at), ("--set ", "`set` ", entry.set_at)];
        let found = flags.into_iter().find_map(|(flag, key, place)| {
            failure.message.strip_prefix(flag).map(|rest| (place, format!("{key}{rest}")))
        });
        let (place, message) = found.unwrap_or_else(|| (entry.place, failure.message.clone()));
        Failure { message: self.file.mistake(place, message).to_string(), ..failure }
    }

    /// The metric that is judged: one of a gate, so that its cells are one family.
    fn judged(&self, held: &[Held]) -> Result<String, Failure> {
        let timed = held.iter().flat_map(|held| &held.metrics).filter(|(_, trust)| *trust == Trust::Time);
        let names: BTreeSet<&String> = timed.map(|(name, _)| name).collect();
        let mut names = names.into_iter();
        let (first, second) = (names.next(), names.next());
        match (first, second) {
            (Some(first), Some(second)) => Err(Failure::usage(format!(
                "{}: a gate judges one paired metric, and this has {first} and {second}: write a gate for each",
                self.file.name
            ))),
            (first, _) => Ok(first.map_or_else(|| NS_PER_OP.to_owned(), Clone::clone)),
        }
    }

    fn wrong(&self, entry: &Entry, message: String) -> Failure {
        Failure::usage(self.file.error(entry, message))
    }
}

/// A file that is none, as a usage error.
pub(super) fn refused(error: SuiteError) -> Failure {
    Failure::usage(error)
}

/// Each suite's calibration once, its own before one that is borrowed.
fn once(mut known: Vec<Calibrated>) -> Vec<Calibrated> {
    known.sort_by_key(|found| found.calibration.borrowed);
    let mut suites = BTreeSet::new();
    known.retain(|found| suites.insert(found.suite.clone()));
    known
}

/// What several calibrations say together: all their comparisons, and the mean of what they promised. What is borrowed
/// is told only where nothing else is.
fn merged(known: &[Calibrated]) -> Option<Calibration> {
    let borrowed = known.iter().all(|known| known.calibration.borrowed);
    let of = || known.iter().filter(|known| known.calibration.borrowed == borrowed);
    let all: u64 = of().map(|known| known.calibration.comparisons).sum();
    let mut sum = Calibration { borrowed, ..Calibration::default() };
    for Calibrated { calibration, .. } in of() {
        sum.comparisons += calibration.comparisons;
        sum.regressed += calibration.regressed;
        sum.improved += calibration.improved;
        sum.equivalent += calibration.equivalent;
        #[expect(clippy::cast_precision_loss, reason = "comparisons are some thousands")]
        let share = calibration.comparisons as f64 / all.max(1) as f64;
        sum.nominal += calibration.nominal * share;
    }
    (!known.is_empty()).then_some(sum)
}

/// Warns of what will not be decided.
pub(super) fn warn(plan: &RunPlan) {
    let Some(comparison) = &plan.comparison else { return };
    if comparison.is_wrong_too_often() {
        complain(
            "WARNING: on this machine comparisons of A with itself are, with 95 % confidence, wrong more than twice as often \
             as promised (the lower bound of their rate is above that): \
             verdicts of time only advise, and cannot fail this gate; exact metrics still can",
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn learned(suite: &str, regressed: u64, borrowed: bool) -> Calibrated {
        let (side, metric) = ("kernel".to_owned(), NS_PER_OP.to_owned());
        let mut all = Calibrated::new(Null::Policies, suite.to_owned(), side, metric, Rules::gate());
        all.calibration =
            Calibration { comparisons: 100, regressed, nominal: 0.05, borrowed, ..all.calibration };
        all
    }

    #[test]
    fn what_another_suite_showed_is_told_and_disarms_no_gate() {
        let alone = merged(&[learned("two-threads", 60, true)]).unwrap();
        assert!(alone.borrowed && alone.regressed == 60 && !alone.is_wrong_too_often());
        let beside = merged(&[learned("two-threads", 60, true), learned("quick", 1, false)]).unwrap();
        assert_eq!((beside.comparisons, beside.regressed, beside.borrowed), (100, 1, false));
        assert!(merged(&[learned("quick", 60, false)]).unwrap().is_wrong_too_often());
        assert_eq!(merged(&[]), None);
        // A suite that the gate has itself is not borrowed, in whatever order they were asked for.
        let both = once(vec![learned("quick", 60, true), learned("quick", 60, false)]);
        assert!(both.len() == 1 && merged(&both).unwrap().is_wrong_too_often());
    }
}
