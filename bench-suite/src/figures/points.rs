//! Measured points: a cell's place on the horizontal axis, its other values, and a metric with its interval.

use super::{Drawn, Given};
use crate::measure::groups::Group;
use plots::measured::Measured;
use reports::stats::sign_test::{ALPHA, estimate};
use std::collections::{BTreeMap, BTreeSet};
use workloads::suite::Cell;

/// A point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// Its place.
    pub x: f64,
    /// Everything else that its cell was run with.
    pub keys: BTreeMap<String, String>,
    /// What was measured.
    pub y: Measured,
}

/// Where a cell stands: places, each with values to put beside the cell's own.
pub(super) type Places = Vec<(f64, Vec<(&'static str, String)>)>;

/// The median over launches of a metric, with its exact interval; in virtual time the number itself.
pub(super) fn measured(group: &Group<'_>, metric: &str) -> Option<Measured> {
    let numbers: Vec<f64> = group.numbers(metric).into_values().collect();
    let found = Measured::of(estimate(&numbers, ALPHA)?);
    let simulated = group.launches.values().all(|r| r.clock.as_ref().is_some_and(|c| c.name == "virtual"));
    Some(if simulated { Measured::exact(found.value, found.n) } else { found })
}

/// A point for each place of each cell that has the metric; `axis` is what the place is made of. What is zero has no
/// place on the axes of these figures, which are logarithmic, and is told in a note.
pub(super) fn points(
    given: &Given<'_>,
    drawn: &mut Drawn,
    metric: &str,
    axis: &str,
    places: impl Fn(&Cell) -> Places,
) -> Vec<Point> {
    let (mut all, mut zero) = (Vec::new(), 0_usize);
    for cell in given.cells {
        let group = given.groups.get(&(cell.id.clone(), None));
        let Some(y) = group.and_then(|group| measured(group, metric)) else { continue };
        if y.value <= 0.0 || y.low() <= 0.0 {
            zero += 1;
            continue;
        }
        for (x, beside) in places(cell) {
            let mut keys = cell.values.clone();
            keys.remove(axis);
            keys.extend(beside.into_iter().map(|(key, value)| (key.to_owned(), value)));
            all.push(Point { x, keys, y });
        }
    }
    if zero > 0 && !all.is_empty() {
        drawn
            .notes
            .push(format!("{zero} cells with {metric} 0 have no place on a log axis and are not drawn."));
    }
    all
}

/// The same of cells whose place is the count that they have on `axis`.
pub(super) fn by_count(given: &Given<'_>, drawn: &mut Drawn, metric: &str, axis: &str) -> Vec<Point> {
    let place = |cell: &Cell| number(cell, axis).map(|n| (f64::from(n), Vec::new())).into_iter().collect();
    points(given, drawn, metric, axis, place)
}

/// A cell's number on an axis.
pub(super) fn number(cell: &Cell, axis: &str) -> Option<u32> {
    cell.values.get(axis)?.parse().ok()
}

/// Whether the cells have several values on an axis.
pub(super) fn varies(given: &Given<'_>, axis: &str) -> bool {
    given.cells.iter().filter_map(|cell| cell.values.get(axis)).collect::<BTreeSet<_>>().len() > 1
}
