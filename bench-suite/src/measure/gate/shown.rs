//! The table of a gate, and what it says before it runs.

use super::super::judged;
use super::super::plan::RunPlan;
use super::super::table::decimals;
use super::super::why::{self, Why};
use super::check::{Check, Trust};
use super::finding::{Finding, Findings, Outcome};
use super::plan::control;
use reports::compare::verdict::{State, Verdict};
use reports::table::{Column, Table, Unit, Value};
use reports::units::{minutes, plural};

/// One row a check, the notes of the comparison below: with everything, for a page.
#[must_use]
pub fn table(plan: &RunPlan, findings: &Findings) -> Table {
    let mut columns = ["cell", "metric", "trust"].map(Column::text).to_vec();
    columns.extend(["A", "B"].map(|name| Column::number(name, Unit::None)));
    columns.extend(["change (%)", "verdict", "beside it"].map(Column::text));
    let mut table = Table::new(title(plan), columns);
    for finding in &findings.all {
        let text = |text: &str| Value::Text(text.to_owned());
        let of = [text(&finding.cell), text(&finding.check.metric), text(finding.check.trust.name())];
        let beside = [Value::Text(verdict(finding)), Value::Text(rests_on(finding))];
        table.push(of.into_iter().chain(numbers(finding)).chain(beside).collect());
    }
    table.notes = notes(plan, findings);
    table
}

/// The same for a terminal: a row a check, below a row for its cell; and a few of the steps that differ, nothing where
/// none does.
#[must_use]
pub fn narrow(plan: &RunPlan, findings: &Findings) -> (Table, Option<Table>) {
    let mut columns = vec![Column::text("cell, metric (trust)")];
    columns.extend(["A", "B"].map(|name| Column::number(name, Unit::None)));
    columns.extend(["change (%)", "verdict", "beside it"].map(Column::text));
    let mut table = Table::new(title(plan), columns);
    let mut cells: Vec<(&str, Why)> = Vec::new();
    for finding in &findings.all {
        if cells.last().is_none_or(|(cell, _)| *cell != finding.cell) {
            let nothing = std::iter::repeat_n(Value::Text(String::new()), 5);
            table.push([Value::Text(finding.cell.clone())].into_iter().chain(nothing).collect());
            cells.push((&finding.cell, Why::Differ(Vec::new())));
        }
        let beside = [finding.verdict.as_ref().map(blocks), lost(finding)].into_iter().flatten();
        let beside = beside.collect::<Vec<_>>().join("; ");
        let beside = [Value::Text(verdict(finding)), Value::Text(beside)];
        let Check { metric, trust, .. } = &finding.check;
        let metric = Value::Text(format!("  {metric} ({})", trust.name()));
        table.push([metric].into_iter().chain(numbers(finding)).chain(beside).collect());
        // What is counted exactly, else what timed launches say.
        if let Some((_, Why::Differ(steps))) = cells.last_mut()
            && (steps.is_empty() || finding.check.trust == Trust::Exact && !finding.steps.is_empty())
        {
            steps.clone_from(&finding.steps);
        }
    }
    table.notes = notes(plan, findings);
    (table, why::few(cells))
}

fn title(plan: &RunPlan) -> String {
    let sides = plan.comparison.as_ref().map(|c| format!("B = {} against A = {}", c.b, c.a));
    format!("Gate: {}", sides.unwrap_or_default())
}

fn notes(plan: &RunPlan, findings: &Findings) -> Vec<String> {
    let judged = plan.comparison.as_ref().filter(|c| c.pairs.iter().any(|pair| pair.judged));
    let mut notes = judged.map(judged::notes).unwrap_or_default();
    notes.push(
        "Trust: exact: counted, any difference is a change; 0.1 %: counted, so much is none; time: the judge's word; \
         advice: fails nothing."
            .to_owned(),
    );
    notes.extend(control_note(findings));
    notes.push(sum(findings));
    notes
}

/// A's number, B's, and the change.
fn numbers(finding: &Finding) -> [Value; 3] {
    let number = |n: Option<f64>| n.map_or(Value::Missing, |n| Value::Real(n, decimals(n)));
    [number(finding.a), number(finding.b), change(finding).map_or(Value::Missing, Value::Text)]
}

/// The change in percent, with its interval where the judge gave one.
#[must_use]
pub fn change(finding: &Finding) -> Option<String> {
    if let Some(verdict) = &finding.verdict {
        return match judged::change(verdict.estimate, verdict.interval) {
            Value::Text(text) => Some(text),
            _ => None,
        };
    }
    let (a, b) = finding.a.zip(finding.b)?;
    if a == 0.0 && b != 0.0 {
        return Some("from nothing".to_owned());
    }
    let percent = if a == 0.0 { 0.0 } else { 100.0 * (b - a) / a };
    Some(if percent == 0.0 { "0".to_owned() } else { format!("{percent:+.2}") })
}

/// The verdict in words.
#[must_use]
pub fn verdict(finding: &Finding) -> String {
    let exact = finding.check.trust == Trust::Exact;
    match &finding.outcome {
        Outcome::Said(State::Equivalent) if exact => "equal".to_owned(),
        Outcome::Said(state) => state.to_string(),
        Outcome::Advice(State::Equivalent) if finding.verdict.is_none() => "equal (advice)".to_owned(),
        Outcome::Advice(_) if finding.verdict.is_none() => "differs (advice)".to_owned(),
        Outcome::Advice(State::Inconclusive) => State::Inconclusive.to_string(),
        Outcome::Advice(state) => format!("{state} (advice)"),
        Outcome::NotMeasured(why) => format!("not measured: {why}"),
        Outcome::Void(why) => format!("VOID: {why}"),
    }
}

/// What a verdict rests on: blocks, floor, void launches, and the steps that differ.
#[must_use]
pub fn rests_on(finding: &Finding) -> String {
    let judged = finding.verdict.as_ref().map(blocks);
    let steps = (!finding.steps.is_empty()).then(|| why::listed(&finding.steps));
    [judged, lost(finding), steps].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Void launches, where the verdict does not name them.
fn lost(finding: &Finding) -> Option<String> {
    finding.lost.clone().filter(|lost| finding.outcome != Outcome::Void(lost.clone()))
}

fn blocks(verdict: &Verdict) -> String {
    let lost =
        if verdict.discarded > 0 { format!(", {} discarded", verdict.discarded) } else { String::new() };
    let finds = verdict.minimum_detectable.map(|effect| format!(", finds {} %", judged::magnitude(effect)));
    let floor = judged::magnitude(verdict.floor.value());
    format!("{} blocks{lost}, floor {floor} %{}", verdict.blocks, finds.unwrap_or_default())
}

fn control_note(findings: &Findings) -> Option<String> {
    let control = findings.control.as_ref()?;
    let change = match judged::change(control.estimate, control.interval) {
        Value::Text(text) => text,
        _ => "no number".to_owned(),
    };
    Some(if findings.control_moved() {
        format!(
            "WARNING: the control, which runs none of our code, differs from itself by {change} %: the machine moved, \
             and times only advise."
        )
    } else {
        format!("The control, which runs none of our code, against itself: {change} %.")
    })
}

/// How many checks ended how.
#[must_use]
pub fn sum(findings: &Findings) -> String {
    let count = |wanted: fn(&Outcome) -> bool| findings.all.iter().filter(|f| wanted(&f.outcome)).count();
    let counts = [
        ("regressed", count(|o| *o == Outcome::Said(State::Regressed))),
        ("improved", count(|o| *o == Outcome::Said(State::Improved))),
        ("equal or equivalent", count(|o| *o == Outcome::Said(State::Equivalent))),
        ("not enough data", count(|o| *o == Outcome::Said(State::Inconclusive))),
        ("advice", count(|o| matches!(o, Outcome::Advice(_)))),
        ("not measured", count(|o| matches!(o, Outcome::NotMeasured(_)))),
        ("void", count(|o| matches!(o, Outcome::Void(_)))),
    ];
    let there = counts.into_iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}"));
    format!("{} checks: {}.", findings.all.len(), there.collect::<Vec<_>>().join(", "))
}

/// What runs, how long about, and what it can find; `seconds` says how long a launch of each cell takes.
#[must_use]
pub fn outlook(plan: &RunPlan, seconds: impl Fn(u32) -> f64) -> String {
    let Some(comparison) = &plan.comparison else { return String::new() };
    let first = comparison.first_look();
    let screen = |block: Option<u32>| block.is_none_or(|block| block < first);
    let (mut launches, mut all_seconds) = ((0, 0), (0.0, 0.0));
    for step in &plan.steps {
        let each = seconds(step.cell) * if step.counting.is_some() { COUNTING_TAKES } else { 1.0 };
        (launches.1, all_seconds.1) = (launches.1 + 1, all_seconds.1 + each);
        if screen(step.block) {
            (launches.0, all_seconds.0) = (launches.0 + 1, all_seconds.0 + each);
        }
    }
    let cells = comparison.pairs.len() - usize::from(control(plan).is_some());
    let family = comparison.pairs.iter().filter(|pair| pair.judged).count();
    let mut text = format!(
        "{cells} {}, {} {}, {family} of them judged by paired time; screen: {} launches, about {}; with every cell confirmed: {} launches, about {}\n",
        plural(cells as u64, "cell"),
        plan.checks.len(),
        plural(plan.checks.len() as u64, "check"),
        launches.0,
        minutes(all_seconds.0),
        launches.1,
        minutes(all_seconds.1)
    );
    for note in judged::notes(comparison).into_iter().filter(|_| family > 0) {
        text.push_str(&note);
        text.push('\n');
    }
    text
}

/// A counting launch takes so many times what a timed one takes, callgrind's included.
const COUNTING_TAKES: f64 = 5.0;
