//! Lock strategies by threads, a panel for each of a suite's other values: a larger buffer is held for longer.

use super::charts::{Chart, charts};
use super::points::{Point, by_count};
use super::{Drawn, Given, title};
use crate::measure::metrics::NS_PER_OP;
use plots::locks::{Hold, Series, by_threads_and_hold};
use std::collections::BTreeSet;
use workloads::suite::keys::Sort;

/// Panels of one figure.
const PANELS: usize = 8;

/// Whether the suite sets locks beside each other.
pub(super) fn compares(given: &Given<'_>) -> bool {
    let records = given.groups.values().flat_map(|group| group.launches.values());
    let locks: BTreeSet<&String> = records
        .filter(|record| record.suite.as_ref() == Some(&given.suite.name))
        .filter_map(|record| record.policy.axes.get("lock"))
        .collect();
    given.suite.scenario.sort == Sort::Model && locks.len() > 1
}

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    if !compares(given) {
        return;
    }
    for part in parts(&by_count(given, drawn, NS_PER_OP, "threads")) {
        let panels: Vec<_> = part.iter().map(Chart::counted).collect();
        let series: Vec<Vec<Series<'_>>> = panels
            .iter()
            .map(|panel| panel.iter().map(|(name, points)| Series { name, points }).collect())
            .collect();
        let holds: Vec<Hold<'_>> =
            part.iter().zip(&series).map(|(panel, series)| Hold { name: &panel.common, series }).collect();
        let title = title(given, "an operation by threads and lock", "");
        let svg = by_threads_and_hold(&title, given.cpus, &holds);
        drawn.take(title, svg);
    }
}

/// Panels by everything but the policy, and no more in a figure than it has room for.
fn parts(points: &[Point]) -> Vec<Vec<Chart>> {
    let keys = |point: &Point| {
        let mut keys = point.keys.clone();
        keys.remove("policy");
        keys
    };
    let mut panels: Vec<(_, Vec<Point>)> = Vec::new();
    for point in points {
        match panels.iter_mut().find(|(known, _)| *known == keys(point)) {
            Some((_, panel)) => panel.push(point.clone()),
            None => panels.push((keys(point), vec![point.clone()])),
        }
    }
    let all: Vec<_> = panels.iter().map(|(keys, _)| keys).collect();
    let differs = |key: &String, value: &String| all.iter().any(|other| other.get(key) != Some(value));
    let name = |keys: &std::collections::BTreeMap<String, String>| {
        let words = keys.iter().filter(|(key, value)| differs(key, value));
        words.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    // Each panel's curves are those of all policies; of too many, the first ones.
    let panel = |(keys, points): &(_, Vec<Point>)| {
        let curves = charts(points).into_iter().next().unwrap_or_default().curves;
        Chart { common: name(keys), curves }
    };
    panels.iter().map(panel).collect::<Vec<_>>().chunks(PANELS).map(<[Chart]>::to_vec).collect()
}
