//! What a gate's records say of each check.
//!
//! Invariant: only what is [`Outcome::Said`] can fail a gate. A metric that could not be measured for a reason that
//! lies with the machine or the cell says so and fails nothing; a launch that went wrong is [`Outcome::Void`].

use super::super::comparison::{Comparison, Pair, better};
use super::super::paired::Paired;
use super::super::plan::RunPlan;
use super::super::trial::Trial;
use super::super::why::{self, Step, Why};
use super::check::{COUNTERS, Check, INSTRUCTIONS, MEMORY, Trust};
use super::launch::why_not_counted;
use super::lost::Lost;
use super::plan::control;
use crate::cell::counting;
use reports::compare::effect::Better;
use reports::compare::judge::{Judge, Question};
use reports::compare::rules::Rules;
use reports::compare::verdict::{State, Verdict};
use reports::metric;
use reports::record::RunRecord;
use reports::stats::alpha_spending::Looks;
use std::collections::BTreeSet;

/// A check with its answer.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The pair's name.
    pub cell: String,
    /// What was asked.
    pub check: Check,
    /// The answer.
    pub outcome: Outcome,
    /// A's number.
    pub a: Option<f64>,
    /// B's number.
    pub b: Option<f64>,
    /// What the judge said, where one was asked.
    pub verdict: Option<Verdict>,
    /// What differs beside it: step counters, the largest change first.
    pub steps: Vec<Step>,
    /// Which of its timed launches are void and why, where some are.
    pub lost: Option<String>,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It counts.
    Said(State),
    /// It is shown, and fails nothing.
    Advice(State),
    /// No number: the machine or the cell has none, and why.
    NotMeasured(String),
    /// No number where there should be one, and why.
    Void(String),
}

/// The answers of a gate.
#[derive(Clone, Debug)]
pub struct Findings {
    /// One for each check, in the order of the file.
    pub all: Vec<Finding>,
    /// What the control did between its own sides; nothing where it did not run.
    pub control: Option<Verdict>,
}

impl Findings {
    /// Holds `records` against the checks of `plan`; `paired` are those of its pairs, `trial` has looked.
    #[must_use]
    pub fn of(plan: &RunPlan, trial: &Trial, paired: &[Paired<'_>], records: &[RunRecord]) -> Self {
        let comparison = trial.comparison();
        let control = control(plan).and_then(|number| {
            let floor = comparison.pairs.iter().map(|pair| pair.floor.value()).fold(0.0, f64::max);
            alone(trial, &paired[number], &comparison.metric, floor)
        });
        let believed = !plan.only_advises() && !control.as_ref().is_some_and(moved);
        let answer = |check: &Check| {
            let number = usize::try_from(check.pair).ok()?;
            let pair = comparison.pairs.get(number)?;
            let runs = plan.steps.iter().any(|step| step.cell / 2 == check.pair);
            let mut finding = match check.trust {
                _ if !runs => none(Outcome::NotMeasured(why_not_run(plan, check.pair))),
                Trust::Exact | Trust::Instructions | Trust::Memory => counted(plan, check, records),
                Trust::Time => less(timed(trial, pair, &paired[number], believed), &paired[number]),
                Trust::Advice => less(advised(trial, pair, &paired[number], check), &paired[number]),
            };
            (finding.cell, finding.check) = (pair.name.clone(), check.clone());
            Some(finding)
        };
        Self { all: plan.checks.iter().filter_map(answer).collect(), control }
    }

    /// Those that are `state` and count.
    pub fn said(&self, state: State) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(move |finding| finding.outcome == Outcome::Said(state))
    }

    /// Those that have no number and should.
    pub fn void(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(|finding| matches!(finding.outcome, Outcome::Void(_)))
    }

    /// Whether the control, whose sides are the same, moved: then times are the machine's.
    #[must_use]
    pub fn control_moved(&self) -> bool {
        self.control.as_ref().is_some_and(moved)
    }
}

fn moved(control: &Verdict) -> bool {
    control.state.is_change()
}

fn none(outcome: Outcome) -> Finding {
    let check = Check { pair: 0, metric: String::new(), trust: Trust::Advice };
    Finding {
        cell: String::new(),
        check,
        outcome,
        a: None,
        b: None,
        verdict: None,
        steps: Vec::new(),
        lost: None,
    }
}

/// What the counting launches say of a check.
fn counted(plan: &RunPlan, check: &Check, records: &[RunRecord]) -> Finding {
    let launch = |arm: &str| {
        let cell = 2 * check.pair + u32::from(arm == "B");
        let step = plan
            .steps
            .iter()
            .find(|s| s.cell == cell && s.counting.is_some() && s.arm.as_deref() == Some(arm));
        let key = step.and_then(|step| plan.spec(step)).map(|spec| super::super::plan::key_of(&spec))?;
        records.iter().find(|record| super::super::plan::done(std::slice::from_ref(record)).contains(&key))
    };
    let Some((a, b)) = launch("A").zip(launch("B")) else {
        return none(Outcome::Void("a counting launch is missing".to_owned()));
    };
    if let Some(why) = a.void.as_ref().or(b.void.as_ref()) {
        return none(Outcome::Void(why.clone()));
    }
    let tolerance = check.trust.tolerance().unwrap_or(0.0);
    if check.metric == COUNTERS {
        return steps(a, b, tolerance);
    }
    let name = match check.metric.as_str() {
        MEMORY => counting::MEMORY,
        other => other,
    };
    let Some((x, y)) = metric::of(a, name).zip(metric::of(b, name)) else {
        return none(Outcome::NotMeasured(why_missing(&check.metric, a, b)));
    };
    let state = compare(x, y, tolerance, better(name));
    Finding { a: Some(x), b: Some(y), ..none(Outcome::Said(state)) }
}

/// All step counters of both: the first that is worse decides.
fn steps(a: &RunRecord, b: &RunRecord, tolerance: f64) -> Finding {
    let names: BTreeSet<&String> = a.counters.keys().chain(b.counters.keys()).collect();
    // A side that counts nothing has not made fewer steps.
    let uncounted = match [a, b].map(|record| record.counters.is_empty()) {
        [true, true] => Some("the cell counts no steps"),
        [true, false] => Some("A counts no steps"),
        [false, true] => Some("B counts no steps"),
        [false, false] => None,
    };
    if let Some(why) = uncounted {
        return none(Outcome::NotMeasured(why.to_owned()));
    }
    let number = |record: &RunRecord, name: &str| {
        let per_op = metric::of(record, &format!("{name}_per_op"));
        per_op.or_else(|| metric::of(record, &format!("counter.{name}"))).unwrap_or(0.0)
    };
    let all = names.into_iter().map(|name| (name.clone(), number(a, name), number(b, name)));
    let differ = all.filter(|(_, a, b)| compare(*a, *b, tolerance, Better::Lower) != State::Equivalent);
    let differ = told(differ.collect());
    let more = differ.iter().any(|(_, a, b)| b > a);
    let state = match (differ.is_empty(), more) {
        (true, _) => State::Equivalent,
        (false, true) => State::Regressed,
        (false, false) => State::Improved,
    };
    Finding { steps: differ, ..none(Outcome::Said(state)) }
}

/// Steps that differ, without the histogram of steps per section where others tell the same.
fn told(mut differ: Vec<Step>) -> Vec<Step> {
    if differ.iter().any(|(name, ..)| !why::is_of_sections(name)) {
        differ.retain(|(name, ..)| !why::is_of_sections(name));
    }
    why::by_size(differ)
}

/// Steps of timed launches that differ.
fn differing(paired: &Paired<'_>) -> Vec<Step> {
    match Why::of(paired) {
        Why::Differ(steps) => told(steps),
        Why::NotCounted(_) => Vec::new(),
    }
}

/// Why nothing of a pair runs.
fn why_not_run(plan: &RunPlan, pair: u32) -> String {
    let unknown = plan.left_out.iter().find(|unknown| unknown.pair == pair);
    unknown.map_or_else(
        || "more threads than cores".to_owned(),
        |unknown| format!("A does not run it: {}", unknown.why.lines().next().unwrap_or_default()),
    )
}

/// Why two records lack a number.
fn why_missing(metric: &str, a: &RunRecord, b: &RunRecord) -> String {
    let said = [a, b].into_iter().find_map(why_not_counted).filter(|_| metric == INSTRUCTIONS);
    said.map_or_else(|| format!("no launch of this cell has {metric}"), str::to_owned)
}

/// B against A, where `tolerance` of A is no change.
fn compare(a: f64, b: f64, tolerance: f64, better: Better) -> State {
    match b - a {
        change if change.abs() <= tolerance * a.abs() => State::Equivalent,
        change if better.is_worse(change) => State::Regressed,
        _ => State::Improved,
    }
}

/// What the judge said of a pair.
fn timed(trial: &Trial, pair: &Pair, paired: &Paired<'_>, believed: bool) -> Finding {
    let metric = &trial.comparison().metric;
    let Some(verdict) = trial.verdict(&pair.name).cloned() else {
        return none(Outcome::Void("no look was taken".to_owned()));
    };
    let outcome = match verdict.blocks {
        0 => Outcome::Void(paired.why_void().unwrap_or("no launch has it").to_owned()),
        _ if believed && !verdict.only_advises() => Outcome::Said(verdict.state),
        _ => Outcome::Advice(verdict.state),
    };
    let (a, b) = (paired.median("A", metric), paired.median("B", metric));
    let steps = differing(paired);
    Finding { a, b, verdict: Some(verdict), steps, ..none(outcome) }
}

/// A finding of timed launches beside what was lost of them: too much, and there is no number. A regression stands that
/// the blocks left have confirmed.
fn less(mut finding: Finding, paired: &Paired<'_>) -> Finding {
    let lost = Lost::of(paired);
    finding.lost = lost.told();
    if lost.is_too_much() && finding.outcome != Outcome::Said(State::Regressed) {
        finding.outcome = Outcome::Void(finding.lost.clone().unwrap_or_default());
    }
    finding
}

/// What the blocks of the first look say of a metric that fails nothing.
fn advised(trial: &Trial, pair: &Pair, paired: &Paired<'_>, check: &Check) -> Finding {
    let metric = check.metric.as_str();
    if matches!(metric, INSTRUCTIONS | MEMORY) {
        return none(Outcome::NotMeasured("several threads: nothing is exact".to_owned()));
    }
    if metric == COUNTERS {
        let steps = differing(paired);
        let state = if steps.is_empty() { State::Equivalent } else { State::Inconclusive };
        return Finding { steps, ..none(Outcome::Advice(state)) };
    }
    let verdict = alone(trial, paired, metric, pair.floor.value()).filter(|verdict| verdict.blocks > 0);
    let Some(verdict) = verdict else {
        let why =
            paired.why_void().map_or_else(|| format!("no block of this cell has {metric}"), str::to_owned);
        return none(Outcome::NotMeasured(why));
    };
    let (a, b) = (paired.median("A", metric), paired.median("B", metric));
    Finding { a, b, verdict: Some(verdict.clone()), ..none(Outcome::Advice(verdict.state)) }
}

/// A verdict on one pair by itself, at the first look's blocks and share of alpha; nothing where there was no look.
fn alone(trial: &Trial, paired: &Paired<'_>, metric: &str, floor: f64) -> Option<Verdict> {
    let Comparison { rules, .. } = trial.comparison();
    let first = rules.looks.all().first().copied().filter(|_| trial.looked() > 0)?;
    let rules = Rules {
        alpha: rules.alpha * first.share,
        looks: Looks::even(&[first.blocks]).ok()?,
        ..rules.clone()
    };
    let floor = reports::compare::floor::Floor::of(floor);
    let question = Question { cell: String::new(), better: better(metric), floor };
    let blocks = paired.blocks(metric, false, first.blocks);
    let mut judge = Judge::new(rules, vec![question]).ok()?;
    judge.look(first.blocks, &[(String::new(), blocks)].into()).ok()?.verdicts.pop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reports::record::{Kind, PolicyName};

    fn record(counters: &[(&str, u64)]) -> RunRecord {
        let mut record = RunRecord::new(Kind::Cell, "s/x", PolicyName::default());
        record.counters = counters.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        record
    }

    #[test]
    fn what_is_counted_has_no_noise() {
        let exact = |a, b| compare(a, b, 0.0, Better::Lower);
        assert_eq!(
            [exact(5.0, 5.0), exact(5.0, 6.0), exact(5.0, 4.0), exact(0.0, 0.0), exact(0.0, 1.0)],
            [State::Equivalent, State::Regressed, State::Improved, State::Equivalent, State::Regressed]
        );
        let nearly = |b| compare(1_000.0, b, 0.001, Better::Lower);
        assert_eq!(
            [nearly(1_001.0), nearly(1_001.5), nearly(998.0)],
            [State::Equivalent, State::Regressed, State::Improved]
        );
        assert_eq!(compare(1.0, 2.0, 0.0, Better::Higher), State::Improved);
    }

    #[test]
    fn one_counter_that_rose_is_a_regression_and_all_that_differ_are_told() {
        let base = record(&[("locks_taken", 7), ("slots_scanned", 10), ("sections_to_4_steps", 3)]);
        let of = |other: &[(&str, u64)]| steps(&base, &record(other), 0.0);
        let same = of(&[("locks_taken", 7), ("slots_scanned", 10), ("sections_to_4_steps", 3)]);
        assert_eq!((same.outcome, same.steps.len()), (Outcome::Said(State::Equivalent), 0));
        let mixed = of(&[("locks_taken", 6), ("slots_scanned", 11), ("sections_to_4_steps", 4)]);
        assert_eq!((mixed.outcome, mixed.steps.len()), (Outcome::Said(State::Regressed), 2));
        // A search that is shorter has more short sections.
        let fewer = of(&[("locks_taken", 7), ("slots_scanned", 9), ("sections_to_4_steps", 9)]);
        assert_eq!(fewer.outcome, Outcome::Said(State::Improved));
        let not_measured = |a: &RunRecord, b: &RunRecord, says: &str| {
            assert_eq!(steps(a, b, 0.0).outcome, Outcome::NotMeasured(says.to_owned()));
        };
        let nothing = record(&[]);
        not_measured(&nothing, &nothing, "the cell counts no steps");
        // Who counts nothing has made no fewer steps, and who counts has made no more.
        not_measured(&base, &nothing, "B counts no steps");
        not_measured(&nothing, &base, "A counts no steps");
    }
}
