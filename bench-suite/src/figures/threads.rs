//! Throughput against threads, where a workload on real threads varies them.

use super::charts::charts;
use super::points::{by_count, varies};
use super::{Drawn, Given, locks, title};
use plots::throughput::{Series, by_threads};
use workloads::suite::keys::Sort;

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    let threads = given.suite.scenario.sort == Sort::Model && varies(given, "threads");
    if !threads || locks::compares(given) {
        return;
    }
    for chart in charts(&by_count(given, drawn, "ops_per_s", "threads")) {
        let curves = chart.counted();
        let series: Vec<Series<'_>> = curves.iter().map(|(name, points)| Series { name, points }).collect();
        let title = title(given, "throughput by threads", &chart.common);
        let svg = by_threads(&title, given.cpus, &series);
        drawn.take(title, svg);
    }
}
