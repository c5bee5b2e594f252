//! The tables of a run: each suite's cells, and what became of its expectations.

use super::groups::{Group, Summary};
use super::metrics::NS_PER_OP;
use super::verdict::{self, Compared, Ending, Groups, Verdict};
use reports::stats::median;
use reports::stats::sign_test::Estimate;
use reports::table::{Column, Table, Unit, Value};
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::expect::{Sign, Subject};
use workloads::suite::{Cell, Suite};

/// What a map and its unmap through the interface of outside policies cost, ns.
pub(super) const INTERFACE: &str = "interface_ns";

/// The metrics that a suite's table may show: the headline, those that it asks for, then what its statements
/// are about.
#[must_use]
pub fn shown(suite: &Suite) -> Vec<String> {
    let asked = suite.show.iter().map(|name| &name.text);
    let mut names = vec![NS_PER_OP.to_owned()];
    for name in asked.chain(suite.subjects().map(|subject| &subject.metric)) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The axes on which the cells differ, the policy first.
#[must_use]
pub fn varying(cells: &[Cell]) -> Vec<String> {
    let keys: BTreeSet<&String> = cells.iter().flat_map(|cell| cell.values.keys()).collect();
    let differs =
        |key: &&&String| cells.iter().map(|cell| cell.values.get(**key)).collect::<BTreeSet<_>>().len() > 1;
    let mut varying: Vec<String> = keys.iter().filter(differs).map(|key| (*key).clone()).collect();
    varying.sort_by_key(|key| key != "policy");
    varying
}

/// One row a cell: the median over launches of each metric, with the range. Metrics that no cell has are
/// left out.
#[must_use]
pub fn cells(suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Table {
    chosen(suite, cells, groups, shown(suite))
}

/// The same with these metrics.
#[must_use]
pub fn chosen(suite: &Suite, cells: &[Cell], groups: &Groups<'_>, mut metrics: Vec<String>) -> Table {
    let axes = varying(cells);
    let group = |cell: &Cell| groups.get(&(cell.id.clone(), None));
    metrics.retain(|name| cells.iter().filter_map(group).any(|group| group.summary(name).is_some()));
    let mut columns: Vec<Column> = axes.iter().map(|axis| Column::text(axis.clone())).collect();
    // One launch has no range.
    let ranged = cells.iter().filter_map(group).any(|group| group.launches.len() > 1);
    for name in &metrics {
        columns.push(Column::number(name.clone(), Unit::None));
        columns.extend(ranged.then(|| Column::number("range", Unit::None)));
    }
    columns.extend([Column::number("launches", Unit::None), Column::text("")]);
    let mut table = Table::new(format!("{}: {}", suite.name, suite.title), columns);
    let nothing = Group::default();
    for cell in cells {
        let group = groups.get(&(cell.id.clone(), None)).unwrap_or(&nothing);
        let axis = |axis: &String| cell.values.get(axis).map_or(Value::Missing, |v| Value::Text(v.clone()));
        let mut row: Vec<Value> = axes.iter().map(axis).collect();
        for name in &metrics {
            row.extend(numbers(group.summary(name)).into_iter().take(if ranged { 2 } else { 1 }));
        }
        row.extend([Value::Count(group.launches.len() as u64), Value::Text(remark(group))]);
        table.push(row);
    }
    let range = if ranged { "; range from least to most" } else { "" };
    table.notes.push(format!("Median over process launches of each process's median{range}."));
    table.notes.extend(interface(cells.iter().filter_map(group)));
    table.notes.extend(reasons(cells, groups));
    table
}

/// What calls of an outside policy cost by themselves, where there is one: a sentence.
fn interface<'g>(groups: impl Iterator<Item = &'g Group<'g>>) -> Option<String> {
    let costs: Vec<f64> =
        groups.filter_map(|group| group.summary(INTERFACE)).map(|summary| summary.median).collect();
    median(&costs).map(interface_note)
}

/// The sentence on `ns` of a round trip that are not the allocator's.
pub(super) fn interface_note(ns: f64) -> String {
    format!(
        "Of each round trip of an `ext:` policy {ns:.1} ns (median over its cells) are the calls into its library; they are not subtracted."
    )
}

fn numbers(summary: Option<Summary>) -> [Value; 2] {
    let Some(s) = summary else { return [Value::Missing, Value::Missing] };
    let decimals = decimals(s.median);
    let range = format!("{:.decimals$} to {:.decimals$}", s.least, s.most);
    [Value::Real(s.median, decimals), Value::Text(range)]
}

/// Three significant digits, and no more than three decimals.
#[must_use]
pub fn decimals(x: f64) -> usize {
    match x.abs() {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        _ => 3,
    }
}

fn remark(group: &Group<'_>) -> String {
    let mut remarks = Vec::new();
    if !group.void.is_empty() {
        remarks.push(format!("{} void", group.void.len()));
    }
    if group.oversubscribed() {
        remarks.push("oversubscribed".to_owned());
    }
    if group.unpinned() {
        remarks.push("unpinned".to_owned());
    }
    remarks.join(", ")
}

/// Why launches are void, each reason once, with the cell where it is or how many there are.
fn reasons(cells: &[Cell], groups: &Groups<'_>) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cell in cells {
        let group = groups.get(&(cell.id.clone(), None));
        let void = group.map(|group| group.void.as_slice()).unwrap_or_default();
        for why in void.iter().filter_map(|record| record.void.as_deref()) {
            let of = reasons.entry(why).or_default();
            if of.last() != Some(&cell.id.as_str()) {
                of.push(&cell.id);
            }
        }
    }
    let told = |(why, of): (&str, Vec<&str>)| match of.as_slice() {
        [one] => format!("Void: {why} ({one})"),
        several => format!("Void: {why} ({} cells)", several.len()),
    };
    reasons.into_iter().map(told).take(10).collect()
}

/// What became of a suite's expectations and claims; nothing where it has none.
#[must_use]
pub fn verdicts(suite: &Suite, cells: &[Cell], groups: &Groups<'_>) -> Option<Table> {
    if suite.expects.is_empty() && suite.claims.is_empty() {
        return None;
    }
    let columns = ["expected", "wanted", "found", "verdict"].map(Column::text);
    let mut table = Table::new(format!("{}: expected and found", suite.name), columns.to_vec());
    let text = |texts: [String; 4]| texts.map(Value::Text).to_vec();
    for expect in &suite.expects {
        let compared = verdict::compared(&expect.subject, cells, groups);
        let verdict = match verdict::judge(expect, &compared) {
            Verdict::NoNumbers => why_none(&expect.subject, cells, groups),
            verdict => verdict.to_string(),
        };
        let wanted = format!("{} {}", quantity(&expect.subject), expect.test);
        table.push(text([expect.says.clone(), wanted, found(&compared), verdict]));
    }
    for claim in &suite.claims {
        let compared = verdict::compared(&claim.subject, cells, groups);
        let verdict = match verdict::examine(claim, cells, groups) {
            Ending::NoNumbers => why_none(&claim.subject, cells, groups),
            ending => ending.to_string(),
        };
        let side = if claim.sign == Sign::Lower { "lower" } else { "higher" };
        let wanted = format!("{} {side} by {} % or more", quantity(&claim.subject), claim.smallest * 100.0);
        table.push(text([format!("{}: {}", claim.id, claim.says), wanted, found(&compared), verdict]));
        table.notes.extend(claim.undecidable.iter().map(|why| format!("{}: {why}", claim.id)));
    }
    Some(table)
}

/// Why a statement has no numbers: its cells are not in this run, or wanted more cores, or have none.
fn why_none(subject: &Subject, cells: &[Cell], groups: &Groups<'_>) -> String {
    if let Some(cores) = verdict::wants_cores(subject, cells, groups) {
        return Ending::WantsCores(cores).to_string();
    }
    let tested: Vec<&Cell> = cells.iter().filter(|cell| subject.tests(cell)).collect();
    let paired = subject.against.is_none() || tested.iter().any(|c| subject.base(c, cells).is_some());
    if tested.is_empty() || !paired {
        return "no numbers: its cells are not in this run".to_owned();
    }
    Ending::NoNumbers.to_string()
}

fn quantity(subject: &Subject) -> String {
    let what = if subject.against.is_some() { "ratio of " } else { "" };
    format!("{what}{}", subject.metric)
}

/// The comparisons in a few words: one with its interval, several as a span of medians.
fn found(compared: &[Compared]) -> String {
    match compared {
        [] => "-".to_owned(),
        [one] => estimate(one.estimate),
        many => {
            let medians = many.iter().map(|c| c.estimate.median);
            let (least, most) = medians.fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
            format!("{least:.3} to {most:.3} in {} cells", many.len())
        }
    }
}

/// `0.482 [0.471, 0.490]`, or the number alone where it is exact.
#[must_use]
pub fn estimate(e: Estimate) -> String {
    match e.interval {
        Some((low, high, _)) if low >= high => format!("{:.3}", e.median),
        Some((low, high, _)) => format!("{:.3} [{low:.3}, {high:.3}]", e.median),
        None => format!("{:.3} (n {})", e.median, e.n),
    }
}
