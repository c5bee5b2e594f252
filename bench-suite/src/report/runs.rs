//! The sections of one folder: a run's suites, a comparison, a calibration, or records without a plan.

use super::against::Answer;
use super::source::Source;
use super::{compared, latencies, of_suite};
use crate::figures::{self, Drawn, Given, latency, timeline};
use crate::measure::groups;
use crate::measure::plan::{RunPlan, done, key_of};
use crate::measure::steady::CONTROL;
use crate::measure::table;
use crate::measure::verdict::{self, Ending, Groups, Verdict};
use reports::document::{Block, Document, Finding, Tone};
use reports::record::RunRecord;
use reports::summary;
use reports::units::{count, plural};
use workloads::suite::expect::Expect;
use workloads::suite::{Cell, Mode, Suite};

/// Records without a plan that are shown one by one.
const SHOWN: usize = 30;

/// Adds the sections of `source`; what a reader asks first goes to `findings`, policies against the kernel's to
/// `answers`.
pub(super) fn push(
    source: &Source,
    document: &mut Document,
    findings: &mut Vec<Finding>,
    answers: &mut Vec<Answer>,
) {
    findings.extend(broken(source));
    match &source.plan {
        Some(plan) if plan.comparison.is_some() => compared::push(source, plan, document, findings),
        Some(plan) => suites(source, plan, document, findings, answers),
        None if !source.records.is_empty() => single(source, document),
        None => {}
    }
    for found in source.calibrated.iter().flat_map(|all| &all.learned) {
        let tables = [Some(found.table()), found.power()].into_iter().flatten().map(Block::Table).collect();
        let name = document.push(&source.name(), format!("Calibration: {}", source.name()), tables);
        let tone = if found.calibration.is_wrong_too_often() { Tone::Caution } else { Tone::Result };
        findings.push(Finding::new(tone, crate::measure::calibrated::quote(&found.calibration)).see(name));
    }
}

/// What is wrong with the folder itself.
#[must_use]
pub fn broken(source: &Source) -> Vec<Finding> {
    let (cut, damaged): (Vec<_>, Vec<_>) = source.bad.iter().partition(|line| line.cut);
    let mut findings = Vec::new();
    if let Some(first) = damaged.first() {
        let n = damaged.len();
        let what = if n == 1 {
            format!("1 line is no record and is left out: {first}")
        } else {
            format!("{n} lines are no records and are left out; the first: {first}")
        };
        findings.push(Finding::new(Tone::Bad, what));
    }
    findings.extend(cut.first().map(|line| Finding::new(Tone::Caution, format!("{line} (left out)"))));
    findings
}

/// A run of suites.
fn suites(
    source: &Source,
    plan: &RunPlan,
    document: &mut Document,
    findings: &mut Vec<Finding>,
    answers: &mut Vec<Answer>,
) {
    let name = document.push(
        &source.name(),
        format!("Run: {}", source.name()),
        vec![Block::Text(begun(source, plan))],
    );
    findings.extend(state(source, plan).into_iter().map(|finding| finding.see(name.clone())));
    let (by_cell, mut of_run) = (groups::by_cell(&source.records), Expected::default());
    for (number, suite) in source.suites.iter().enumerate() {
        let cells = of_suite(plan, number);
        let section =
            document.push_below(&suite.name, suite.name.clone(), blocks(source, suite, &cells, &by_cell));
        findings.extend(judged(suite, &cells, &by_cell).into_iter().map(|f| f.see(section.clone())));
        if suite.name != CONTROL {
            answers.push(Answer::of(suite, &cells, &by_cell, source.name(), section));
        }
        of_run.add(suite, &cells, &by_cell);
    }
    findings.extend(of_run.findings(&source.name()).into_iter().map(|finding| finding.see(name.clone())));
}

/// What the run is, in a sentence or two.
fn begun(source: &Source, plan: &RunPlan) -> String {
    let mode = if plan.mode == Mode::Quick { "A quick run" } else { "A full run" };
    let (cells, launches) = (plan.cells.len() as u64, plan.steps.len() as u64);
    format!(
        "{mode} of {} cells, {} process launches planned with seed {}, from {}.",
        count(cells),
        count(launches),
        plan.seed,
        source.path.display()
    )
}

/// A suite's words, figures and tables.
fn blocks(source: &Source, suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::Text(format!("{}. {}", suite.title, suite.analysis.replace('\n', " ")))];
    if let Some(table) = table::verdicts(suite, cells, groups) {
        blocks.push(Block::Table(table));
    }
    let given = Given { suite, cells, groups, cpus: source.cpus(), whole: &|cells| source.whole(cells) };
    blocks.extend(drawn(figures::of_suite(&given)));
    blocks.push(Block::Table(table::cells(suite, cells, groups)));
    blocks.extend(latencies::table(suite, cells, groups).map(Block::Table));
    blocks.extend(failures(suite, cells, groups).map(Block::Table));
    blocks
}

/// Figures, and what was left out of them.
pub(super) fn drawn(drawn: Drawn) -> Vec<Block> {
    let figures = drawn.figures.into_iter().map(Block::Figure);
    figures.chain(drawn.notes.into_iter().map(Block::Text)).collect()
}

/// Requests that failed, by reason; nothing where none did.
fn failures(suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Option<reports::table::Table> {
    use reports::table::{Column, Table, Unit, Value};
    let columns = vec![Column::text("cell"), Column::text("reason"), Column::number("requests", Unit::None)];
    let mut table =
        Table::new(format!("{}: requests that failed, all launches together", suite.name), columns);
    for cell in cells {
        let Some(group) = groups.get(&(cell.id.clone(), None)) else { continue };
        let mut reasons: std::collections::BTreeMap<&String, u64> = std::collections::BTreeMap::new();
        for (reason, n) in group.launches.values().flat_map(|record| &record.failures) {
            *reasons.entry(reason).or_default() += n;
        }
        for (reason, n) in reasons.into_iter().filter(|(_, n)| *n > 0) {
            let texts = [short_id(cell).to_owned(), reason.clone()].map(Value::Text);
            table.push(texts.into_iter().chain([Value::Count(n)]).collect());
        }
    }
    (!table.rows().is_empty()).then_some(table)
}

/// A cell's id without its suite.
pub(super) fn short_id(cell: &Cell) -> &str {
    cell.id.split_once('/').map_or(cell.id.as_str(), |(_, rest)| rest)
}

/// What a suite expected and is not so, and which of its claims are settled.
fn judged(suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Vec<Finding> {
    let failed = verdict::failed(suite, cells, groups).into_iter();
    let failed =
        failed.map(|says| Finding::new(Tone::Bad, format!("{}: expected and not so: {says}.", suite.name)));
    let settled = suite.claims.iter().filter_map(|claim| match verdict::examine(claim, cells, groups) {
        Ending::Settled(shape) => {
            Some(Finding::new(Tone::Result, format!("{}: {}: {shape}.", claim.id, claim.says)))
        }
        _ => None,
    });
    failed.chain(settled).collect()
}

/// A run's expectations, counted.
#[derive(Default)]
struct Expected {
    verdicts: Vec<Verdict>,
}

impl Expected {
    fn add(&mut self, suite: &Suite, cells: &[Cell], groups: &Groups<'_>) {
        let verdict =
            |expect: &Expect| verdict::judge(expect, &verdict::compared(&expect.subject, cells, groups));
        self.verdicts.extend(suite.expects.iter().map(verdict));
    }

    fn findings(&self, run: &str) -> Vec<Finding> {
        let of = |wanted: &[Verdict]| self.verdicts.iter().filter(|verdict| wanted.contains(verdict)).count();
        let (all, held) = (self.verdicts.len(), of(&[Verdict::Holds]));
        let mut findings = Vec::new();
        if held > 0 {
            findings.push(Finding::new(Tone::Good, format!("{run}: {held} of {all} expectations hold.")));
        }
        let counts = [
            (of(&[Verdict::HoldsInMedian]), "hold in the median and have too few launches for an interval"),
            (of(&[Verdict::FailsInMedian]), "fail in the median and have too few launches for an interval"),
            (of(&[Verdict::Undecided]), "are undecided"),
            (of(&[Verdict::NoNumbers]), "have no numbers in this run"),
        ];
        let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        let counts: Vec<String> = counts.collect();
        if !counts.is_empty() {
            let text = format!("{run}: of {all} expectations {}.", counts.join(", "));
            findings.push(Finding::new(Tone::Caution, text));
        }
        findings
    }
}

/// Whether the run is whole, and what its records say of themselves.
fn state(source: &Source, plan: &RunPlan) -> Vec<Finding> {
    let mut findings = void(&source.name(), &source.records);
    let kept = done(&source.records);
    let due =
        plan.steps.iter().filter_map(|step| plan.spec(step)).filter(|spec| !kept.contains(&key_of(spec)));
    let left = due.count();
    if left > 0 {
        let all = plan.steps.len();
        let text =
            format!("{}: {left} of {all} launches are missing: the run was not finished.", source.name());
        findings.push(Finding::new(Tone::Caution, text));
    }
    if plan.mode == Mode::Quick {
        let text =
            format!("{}: a quick run, enough to see that it works and not enough to quote.", source.name());
        findings.push(Finding::new(Tone::Caution, text));
    }
    let over: std::collections::BTreeSet<&String> =
        source.records.iter().filter(|r| groups::is_oversubscribed(r)).map(|r| &r.scenario).collect();
    if !over.is_empty() {
        let text = format!(
            "{}: {} {} had more threads than there are cores: no verdict on them.",
            source.name(),
            over.len(),
            plural(over.len() as u64, "cell")
        );
        findings.push(Finding::new(Tone::Caution, text));
    }
    findings
}

/// How many launches may not be used, and why.
pub(super) fn void(run: &str, records: &[RunRecord]) -> Vec<Finding> {
    let reasons: Vec<&String> = records.iter().filter_map(|record| record.void.as_ref()).collect();
    let violated = records.iter().filter(|record| record.is_violated()).count();
    if violated > 0 {
        let text = format!(
            "{run}: the ownership oracle saw violations in {violated} launches: verification failed."
        );
        return vec![Finding::new(Tone::Bad, text)];
    }
    match reasons.first() {
        None => {
            let text = format!("{run}: every launch was verified and counts: none is void.");
            vec![Finding::new(Tone::Good, text)]
        }
        Some(first) => {
            let text = format!(
                "{run}: {} of {} launches are void; the first: {first}",
                reasons.len(),
                records.len()
            );
            vec![Finding::new(Tone::Bad, text)]
        }
    }
}

/// Records without a plan: replays, imported runs.
fn single(source: &Source, document: &mut Document) {
    let mut blocks = Vec::new();
    let left = source.records.len().saturating_sub(SHOWN);
    if left > 0 {
        blocks.push(Block::Text(format!(
            "The first {SHOWN} records; {left} more are in {}.",
            source.path.display()
        )));
    }
    let scenarios = source.records.iter().take(SHOWN).map(|record| record.scenario.as_str()).collect();
    let whole = source.whole(&scenarios);
    let shown = if whole.is_empty() { &source.records } else { &whole };
    for record in shown.iter().take(SHOWN) {
        if let Some(course) = &record.course {
            let title =
                format!("{} under {}: pools over the recorded time", record.scenario, record.policy_name());
            blocks.extend(drawn(timeline::draw(&title, course)));
        }
        let title = format!("{} under {}: latency of its operations", record.scenario, record.policy_name());
        blocks.extend(drawn(latency::of_record(&title, record)));
        blocks.extend(summary::tables(record).into_iter().map(Block::Table));
    }
    document.push(&source.name(), format!("Records: {}", source.name()), blocks);
}
