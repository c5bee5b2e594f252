//! Throughput against threads, where a workload on real threads varies them.

use super::charts::charts;
use super::find_pool::counted;
use super::points::{number, points, varies};
use super::{Drawn, Given, locks, title};
use plots::measured::Measured;
use plots::throughput::{Series, by_threads};
use workloads::suite::keys::Sort;

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    let threads = given.suite.scenario.sort == Sort::Model && varies(given, "threads");
    if !threads || locks::compares(given) {
        return;
    }
    let place = |cell: &_| number(cell, "threads").map(|n| (f64::from(n), Vec::new())).into_iter().collect();
    for chart in charts(&points(given, drawn, "ops_per_s", "threads", place)) {
        let curves: Vec<(&str, Vec<(u32, Measured)>)> =
            chart.curves.iter().map(|(name, points)| (name.as_str(), counted(points))).collect();
        let series: Vec<Series<'_>> = curves.iter().map(|(name, points)| Series { name, points }).collect();
        let title = title(given, "throughput by threads", &chart.common);
        let svg = by_threads(&title, given.cpus, &series);
        drawn.take(title, svg);
    }
}
