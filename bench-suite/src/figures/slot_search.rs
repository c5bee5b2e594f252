//! Slot search against the occupancy of its area: time, and slots stepped over.
//!
//! A state `taken-90` is 90 % of a curve of its own kind; an empty area is where the curves of all kinds begin.

use super::charts::charts;
use super::points::{Places, points, varies};
use super::{Drawn, Given, title};
use crate::measure::metrics::NS_PER_OP;
use plots::slot_search::{Series, What, by_occupancy};
use workloads::suite::Cell;
use workloads::suite::keys::Sort;

/// The axis.
const STATE: &str = "state";
/// What names the curves of a kind, beside a cell's own values.
const KIND: &str = "";

pub(super) fn draw(given: &Given<'_>, drawn: &mut Drawn) {
    if given.suite.scenario.sort != Sort::SlotSearch || !varies(given, STATE) {
        return;
    }
    let kinds = kinds(given.cells);
    for (what, metric, words) in [
        (What::RoundTrip, NS_PER_OP, "time by occupancy"),
        (What::Steps, "slots_scanned_per_op", "steps by occupancy"),
    ] {
        for chart in charts(&points(given, drawn, metric, STATE, |cell| places(cell, &kinds))) {
            let series: Vec<Series<'_>> =
                chart.curves.iter().map(|(name, points)| Series { name, points }).collect();
            let title = title(given, words, &chart.common);
            let svg = by_occupancy(&title, what, &series);
            drawn.take(title, svg);
        }
    }
}

/// The kinds of states that have a percentage.
fn kinds(cells: &[Cell]) -> Vec<String> {
    let states = cells.iter().filter_map(|cell| cell.values.get(STATE));
    let mut kinds: Vec<String> =
        states.filter_map(|state| Some(state.rsplit_once('-')?.0.to_owned())).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn places(cell: &Cell, kinds: &[String]) -> Places {
    let place = |percent: f64, kind: &str| (percent, vec![(KIND, kind.to_owned())]);
    let Some(state) = cell.values.get(STATE) else { return Vec::new() };
    if state == "empty" {
        return kinds.iter().map(|kind| place(0.0, kind)).collect();
    }
    let percent = state.rsplit_once('-').and_then(|(kind, n)| Some(place(n.parse().ok()?, kind)));
    percent.into_iter().collect()
}
