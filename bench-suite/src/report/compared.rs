//! The section of a comparison: its verdicts as a forest and as the table that `ab` prints.
//!
//! The looks are gone through again as far as the records reach; nothing is judged in another way here.

use super::runs::{drawn, void};
use super::source::Source;
use crate::figures::forest;
use crate::measure::gate::confirm::leave_as_run;
use crate::measure::judged;
use crate::measure::paired::paired;
use crate::measure::plan::{Key, RunPlan, done, key_of};
use crate::measure::trial::Trial;
use reports::compare::effect::percent;
use reports::compare::verdict::{State, Verdict};
use reports::document::{Block, Document, Finding, Tone};
use std::collections::HashSet;

/// Adds the section of `source`, whose plan compares.
pub(super) fn push(source: &Source, plan: &RunPlan, document: &mut Document, findings: &mut Vec<Finding>) {
    let Some(comparison) = &plan.comparison else { return };
    let title = format!("Comparison: B = {} against A = {}", comparison.b, comparison.a);
    let mut trial = match Trial::new(comparison.clone()) {
        Ok(trial) => trial,
        Err(error) => {
            let name = document.push(&source.name(), title, vec![Block::Text(error.to_string())]);
            findings.push(Finding::new(Tone::Bad, format!("{}: {error}", source.name())).see(name));
            return;
        }
    };
    let paired = paired(plan, &source.records);
    let kept = done(&source.records);
    let mut all = void(&source.name(), &source.records);
    while let Some(blocks) = trial.next_look() {
        let left = missing(plan, &trial, &kept, blocks);
        if left > 0 {
            let text =
                format!("{}: {left} launches are missing before the look at {blocks} blocks.", source.name());
            all.push(Finding::new(Tone::Caution, text));
            break;
        }
        if let Err(error) = trial.look(blocks, &paired) {
            all.push(Finding::new(Tone::Bad, format!("{}: {error}", source.name())));
            break;
        }
        if !plan.checks.is_empty() {
            // What a gate leaves after a look has no further launches, and none are missing.
            leave_as_run(&mut trial, &paired);
        }
    }
    all.push(answer(plan, &trial));
    let mut blocks = drawn(forest::draw(&trial));
    blocks.push(Block::Table(judged::table(&trial, &paired)));
    let name = document.push(&source.name(), title, blocks);
    findings.extend(all.into_iter().map(|finding| finding.see(name.clone())));
}

/// Launches that the look at `blocks` wants and that have no record.
fn missing(plan: &RunPlan, trial: &Trial, kept: &HashSet<Key>, blocks: u32) -> usize {
    let wants = trial.wants(blocks);
    let wanted = plan.steps.iter().filter(|step| wants(step)).filter_map(|step| plan.spec(step));
    wanted.filter(|spec| !kept.contains(&key_of(spec))).count()
}

/// The verdicts, counted, with the largest change among those that were told.
fn answer(plan: &RunPlan, trial: &Trial) -> Finding {
    let comparison = trial.comparison();
    let count = |state| trial.verdicts().iter().filter(|verdict| verdict.state == state).count();
    let states = [State::Regressed, State::Improved, State::Equivalent, State::Inconclusive];
    let counts: Vec<String> = states
        .map(|state| (state, count(state)))
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(state, n)| format!("{n} {state}"))
        .collect();
    let counts = if counts.is_empty() { "no verdict yet".to_owned() } else { counts.join(", ") };
    let advice = if plan.only_advises() { " (advice only)" } else { "" };
    let (a, b, metric) = (&comparison.a, &comparison.b, &comparison.metric);
    let largest = trial.verdicts().iter().filter(|verdict| verdict.state.is_change()).max_by(|x, y| {
        let size = |verdict: &Verdict| verdict.estimate.map_or(0.0, f64::abs);
        size(x).total_cmp(&size(y))
    });
    let largest =
        largest.map(|verdict| format!("; the largest change is {}", change(verdict))).unwrap_or_default();
    let confirmed = |verdict: &Verdict| {
        verdict.state == State::Regressed && !verdict.null_moved() && !verdict.only_advises()
    };
    let bad = !plan.only_advises() && trial.verdicts().iter().any(confirmed);
    let text = format!("{b} (B) against {a} (A) in {metric}: {counts}{advice}{largest}.");
    Finding::new(if bad { Tone::Bad } else { Tone::Result }, text)
}

fn change(verdict: &Verdict) -> String {
    let signed = |effect: f64| format!("{:+.1} %", percent(effect));
    let interval = verdict.interval.map(|i| format!(" [{}, {}]", signed(i.low), signed(i.high)));
    let change = verdict.estimate.map(signed).unwrap_or_default();
    format!("{change}{} in {}", interval.unwrap_or_default(), verdict.cell)
}
