//! How much each value of a sweep matters by itself: every cell that differs from the first in one value only.
//!
//! The first cell is the one that a suite's own order puts first; a ratio is paired by launch.

use super::{Drawn, Given, title};
use crate::measure::table::{shown, varying};
use crate::measure::verdict::compared;
use plots::measured::Measured;
use plots::sensitivity::{Level, Measure, Parameter, of_parameters};
use workloads::suite::Cell;
use workloads::suite::expect::Subject;
use workloads::suite::filter::Filter;
use workloads::suite::keys::Sort;

/// Values that a figure has to have beside the first cell's.
const FEWEST: usize = 3;

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    let axes: Vec<String> = varying(given.cells).into_iter().filter(|key| key != "policy").collect();
    let sweep = matches!(given.suite.scenario.sort, Sort::Model | Sort::Virtual | Sort::Replay);
    let Some(first) = given.cells.first().filter(|_| sweep && axes.len() > 1) else { return };
    let Some(metric) = metric(given, first) else { return };
    let parameters: Vec<(&String, Vec<(String, Measured)>)> =
        axes.iter().map(|axis| (axis, levels(given, first, axis, &metric))).collect();
    if parameters.iter().map(|(_, levels)| levels.len()).sum::<usize>() < FEWEST {
        return;
    }
    let levels: Vec<(&String, Vec<Level<'_>>)> =
        parameters.iter().map(|(axis, all)| (*axis, with_first(first, axis, all))).collect();
    let mut parameters: Vec<Parameter<'_>> =
        levels.iter().map(|(name, levels)| Parameter { name, levels }).collect();
    parameters.sort_by(|a, b| b.span().total_cmp(&a.span()));
    let title = title(given, "each value by itself", &first.policy);
    let measure = Measure { name: &metric, unit: "%", samples: "launches" };
    let svg = of_parameters(&title, measure, &parameters);
    drawn.take(title, svg);
}

/// The first of the suite's metrics that the first cell has.
fn metric(given: &Given<'_>, first: &Cell) -> Option<String> {
    let group = given.groups.get(&(first.id.clone(), None))?;
    shown(given.suite).into_iter().find(|name| group.summary(name).is_some_and(|s| s.median > 0.0))
}

/// Changes in percent of the cells that differ from the first on this axis alone.
fn levels(given: &Given<'_>, first: &Cell, axis: &str, metric: &str) -> Vec<(String, Measured)> {
    let alone = |cell: &&Cell| {
        let others =
            |c: &Cell| c.values.clone().into_iter().filter(|(key, _)| key != axis).collect::<Vec<_>>();
        cell.id != first.id && others(cell) == others(first)
    };
    let level = |cell: &Cell| {
        let value = cell.values.get(axis)?.clone();
        let same = first.values.clone().into_iter().filter(|(key, _)| key != axis);
        let same: Vec<(String, String)> = same.collect();
        let subject = Subject {
            metric: metric.to_owned(),
            place: None,
            compare: Filter::equal([(axis, value.clone())]),
            against: Some(Filter::equal([(axis, first.values.get(axis)?.clone())])),
            within: Filter::equal(same.iter().map(|(key, value)| (key.as_str(), value.clone()))),
        };
        let found = compared(&subject, given.cells, given.groups).into_iter().find(|c| c.cell == cell.id)?;
        Some((value, percent(Measured::of(found.estimate))))
    };
    given.cells.iter().filter(alone).filter_map(level).collect()
}

fn percent(ratio: Measured) -> Measured {
    let of = |ratio: f64| 100.0 * (ratio - 1.0);
    Measured { value: of(ratio.value), interval: ratio.interval.map(|(a, b)| (of(a), of(b))), n: ratio.n }
}

/// The first cell's value, which changes nothing, before the others.
fn with_first<'a>(first: &'a Cell, axis: &str, all: &'a [(String, Measured)]) -> Vec<Level<'a>> {
    let n = all.iter().map(|(_, change)| change.n).max().unwrap_or(0);
    let own = first.values.get(axis).map_or("", String::as_str);
    let base = Level { label: own, change: Measured::exact(0.0, n), default: true };
    let other = |(label, change): &'a (String, Measured)| Level { label, change: *change, default: false };
    std::iter::once(base).chain(all.iter().map(other)).collect()
}
