//! Time or steps of a slot search against the occupancy of its area: one curve for each size or strategy.

use crate::axis::{Axis, MANY};
use crate::curves::{self, Curve};
use crate::measured::{Measured, check_number};
use crate::page::Page;
use crate::panel::{MARGINS, Panel};
use crate::{PlotError, label, theme};

/// What is measured of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A map and its unmap, in ns.
    RoundTrip,
    /// Slots that a search steps over: an exact count, in slots.
    Steps,
}

/// Searches of one size or strategy.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The size, the state of the area and the strategy, such as `32 slots, taken`.
    pub name: &'a str,
    /// Occupancy in percent, 0 to 100, and what was measured there.
    pub points: &'a [(f64, Measured)],
}

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError`] for no points, too many series, an occupancy that is no percentage, and numbers that have
/// no place on a log axis.
pub fn by_occupancy(title: &str, what: What, series: &[Series<'_>]) -> Result<String, PlotError> {
    let curves: Vec<_> = series.iter().map(|s| Curve::new(s.name, s.points.iter().copied())).collect();
    curves::check(&curves)?;
    for point in curves::points(&curves) {
        check_percent(point.x)?;
    }
    let (least, most) = curves::extent_up(&curves);
    let page = Page {
        title,
        kind: "Slot search by occupancy of the area",
        panels: vec![theme::PLOT_HEIGHT],
        legend: curves::legend(&curves),
        notes: curves::notes(&curves),
    };
    let (quantity, marks): (_, fn(f64) -> String) = match what {
        What::RoundTrip => ("time of a map and its unmap", label::time),
        What::Steps => ("stepped over in a search (slots)", label::number),
    };
    let y_title = format!("{quantity}, log scale, {} launches a point", curves::samples(&curves));
    page.draw(|areas| {
        let x = Axis::linear(0.0, 100.0, MANY + 2, label::number).with_room(0.03);
        let y = (Axis::log(least, most, marks), y_title.as_str());
        let panel = Panel::draw(&areas[0], MARGINS, (x, "occupancy of the area (% of its slots)"), y)?;
        curves::draw(&panel, &curves)
    })
}

/// Refuses what is not 0 to 100.
pub(crate) fn check_percent(percent: f64) -> Result<(), PlotError> {
    check_number(percent, "percentage")?;
    if (0.0..=100.0).contains(&percent) {
        return Ok(());
    }
    Err(PlotError::Number {
        what: "percentage".to_owned(),
        number: percent.to_string(),
        wanted: "from 0 to 100",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says};

    fn points(base: f64) -> [(f64, Measured); 3] {
        [0.0, 50.0, 90.0]
            .map(|f| (f, Measured { value: base + f, interval: Some((base, base + 2.0 * f)), n: 18 }))
    }

    #[test]
    fn the_figure_has_its_axes_units_and_counts() {
        let (one, many) = (points(97.0), points(215.0));
        let series =
            [Series { name: "1 slot, taken", points: &one }, Series { name: "128 slots", points: &many }];
        let svg = by_occupancy("search", What::RoundTrip, &series).unwrap();
        assert_says(
            &svg,
            &["occupancy of the area (% of its slots)", "N 18 launches a point", "100", "200 ns"],
        );
        assert_says(&svg, &["1 slot, taken: N 18", "128 slots: N 18"]);
        let svg = by_occupancy("search", What::Steps, &series).unwrap();
        assert_says(&svg, &["stepped over in a search (slots)", "200"]);
    }

    #[test]
    fn hostile_names_are_text() {
        let points = points(9.0);
        let series: Vec<_> = HOSTILE.iter().map(|name| Series { name, points: &points }).collect();
        HOSTILE.iter().for_each(|name| assert_harmless(&by_occupancy(name, What::Steps, &series).unwrap()));
    }

    #[test]
    fn no_percentage_is_refused() {
        for percent in [-1.0, 100.1, f64::NAN, f64::INFINITY] {
            let points = [(percent, Measured::exact(1.0, 1))];
            let drawn = by_occupancy("t", What::Steps, &[Series { name: "a", points: &points }]);
            assert!(matches!(drawn, Err(PlotError::Number { .. })), "{percent}");
        }
        assert_eq!(by_occupancy("t", What::Steps, &[]), Err(PlotError::Empty("series")));
    }
}
