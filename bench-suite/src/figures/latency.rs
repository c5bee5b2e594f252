//! Latency by quantile, of those cells that have histograms.
//!
//! Of several policies, one operation under each, all else as in the first cell; of one, all operations of its
//! first cell. Beside them stands the empty loop of the same processes, where one ran.

use super::{Drawn, Given, title};
use crate::cell::EMPTY_LOOP;
use plots::latency::{Launches, by_quantile_of_launches};
use reports::latency::Latency;
use reports::record::RunRecord;
use std::collections::BTreeSet;
use workloads::suite::Cell;

/// Curves of the figure, the empty loop apart.
const CURVES: usize = 6;
/// Launches of a cell that are put together.
const LAUNCHES: usize = 24;
/// What is looked at first.
const FIRST: [&str; 3] = ["response", "map", "service"];

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    let cells = chosen(given.cells);
    let ids: BTreeSet<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
    let records = (given.whole)(&ids);
    let of = |cell: &Cell| {
        let launches = records.iter().filter(|record| record.scenario == cell.id && record.void.is_none());
        launches.take(LAUNCHES).collect::<Vec<_>>()
    };
    let Some((first, launches)) = cells.first().map(|cell| (cell, of(cell))) else { return };
    let Some(operation) = operation(&launches) else { return };
    let (what, mut series) = if cells.len() > 1 {
        let curve = |cell: &&Cell| (cell.policy.clone(), pick(&of(cell), &operation));
        (operation.clone(), cells.iter().map(curve).collect::<Vec<_>>())
    } else {
        let curve = |name: String| (name.clone(), pick(&launches, &name));
        ("operations".to_owned(), operations(&launches).into_iter().map(curve).collect())
    };
    series.retain(|(_, latencies)| !latencies.is_empty());
    let idle = pick(&launches, EMPTY_LOOP);
    let title = title(given, &format!("latency of {what}"), &values(first, given));
    let svg = figure(&title, series, idle);
    drawn.take(title, svg);
}

/// The figure of one record's operations; nothing where it has no histograms.
pub fn of_record(title: &str, record: &RunRecord) -> Drawn {
    let launches = [record];
    let series: Vec<_> =
        operations(&launches).into_iter().map(|name| (name.clone(), pick(&launches, &name))).collect();
    let mut drawn = Drawn::default();
    if !series.is_empty() {
        drawn.take(title.to_owned(), figure(title, series, pick(&launches, EMPTY_LOOP)));
    }
    drawn
}

/// The first cell, and the same under every other policy.
fn chosen(cells: &[Cell]) -> Vec<&Cell> {
    let Some(first) = cells.first() else { return Vec::new() };
    let same = |cell: &&Cell| {
        let mut values = cell.values.iter().filter(|(key, _)| *key != "policy");
        values.all(|(key, value)| first.values.get(key) == Some(value))
    };
    cells.iter().filter(same).take(CURVES).collect()
}

fn operations(launches: &[&RunRecord]) -> Vec<String> {
    let names: BTreeSet<&String> = launches.iter().flat_map(|record| record.latencies.keys()).collect();
    names.into_iter().filter(|name| *name != EMPTY_LOOP).take(CURVES).cloned().collect()
}

/// The operation that a figure of several policies is about.
fn operation(launches: &[&RunRecord]) -> Option<String> {
    let there = operations(launches);
    let first = FIRST.iter().find(|name| there.iter().any(|known| known == *name));
    first.map(|name| (*name).to_owned()).or_else(|| there.into_iter().next())
}

fn pick(launches: &[&RunRecord], operation: &str) -> Vec<Latency> {
    launches.iter().filter_map(|record| record.latencies.get(operation).cloned()).collect()
}

/// What the first cell was run with, as far as cells differ in it.
fn values(cell: &Cell, given: &Given<'_>) -> String {
    let keys = crate::measure::table::varying(given.cells).into_iter().filter(|key| key != "policy");
    let words = keys.filter_map(|key| Some(format!("{key}={}", cell.values.get(&key)?)));
    words.collect::<Vec<_>>().join(", ")
}

/// The series, and the empty loop beside them where it ran.
fn figure(
    title: &str,
    mut series: Vec<(String, Vec<Latency>)>,
    idle: Vec<Latency>,
) -> Result<String, plots::PlotError> {
    let mut together = Latency::new();
    idle.iter().for_each(|latency| together.merge(latency));
    let (named, known) = (series.len(), (together.samples() > 0).then_some(&together));
    series.extend(known.map(|_| ("empty loop (the machine)".to_owned(), idle)));
    let curves: Vec<Launches<'_>> = series
        .iter()
        .enumerate()
        .map(|(i, (name, launches))| Launches { name, launches, idle: known.filter(|_| i < named) })
        .collect();
    by_quantile_of_launches(title, &curves)
}
