//! `find_pool` against the number of pools, where a suite varies it.

use super::charts::charts;
use super::points::{number, points, varies};
use super::{Drawn, Given, title};
use plots::find_pool::{Series, by_pools};
use plots::measured::Measured;
use workloads::suite::keys::Sort;

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    if given.suite.scenario.sort != Sort::FindPool || !varies(given, "pools") {
        return;
    }
    let place = |cell: &_| number(cell, "pools").map(|n| (f64::from(n), Vec::new())).into_iter().collect();
    for chart in charts(&points(given, drawn, "ns_per_op", "pools", place)) {
        let curves: Vec<(&str, Vec<(u32, Measured)>)> =
            chart.curves.iter().map(|(name, points)| (name.as_str(), counted(points))).collect();
        let series: Vec<Series<'_>> = curves.iter().map(|(name, points)| Series { name, points }).collect();
        let title = title(given, "find_pool by number of pools", &chart.common);
        let svg = by_pools(&title, &series);
        drawn.take(title, svg);
    }
}

/// Places that are counts, as counts.
pub(super) fn counted(points: &[(f64, Measured)]) -> Vec<(u32, Measured)> {
    let count = |x: f64| u32::try_from(plots::label::whole(x)).unwrap_or(u32::MAX);
    points.iter().map(|(x, y)| (count(*x), *y)).collect()
}
