//! `find_pool` against the number of pools, where a suite varies it.

use super::charts::charts;
use super::points::{by_count, varies};
use super::{Drawn, Given, title};
use crate::measure::metrics::NS_PER_OP;
use plots::find_pool::{Series, by_pools};
use workloads::suite::keys::Sort;

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    if given.suite.scenario.sort != Sort::FindPool || !varies(given, "pools") {
        return;
    }
    for chart in charts(&by_count(given, drawn, NS_PER_OP, "pools")) {
        let curves = chart.counted();
        let series: Vec<Series<'_>> = curves.iter().map(|(name, points)| Series { name, points }).collect();
        let title = title(given, "find_pool by number of pools", &chart.common);
        let svg = by_pools(&title, &series);
        drawn.take(title, svg);
    }
}
