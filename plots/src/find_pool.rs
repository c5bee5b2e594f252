//! Time of `find_pool` against the number of pools: one curve for each strategy.
//!
//! Both axes are logarithmic: a list is a straight line of slope one, a sorted array nearly flat. Hits and
//! misses are curves of their own.

use crate::axis::{Axis, MANY};
use crate::curves::{self, Curve};
use crate::measured::Measured;
use crate::page::Page;
use crate::panel::{MARGINS, Panel};
use crate::{PlotError, label, theme};

/// One strategy's lookups.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The strategy, and which pool is looked for, such as `rcu list, last pool`.
    pub name: &'a str,
    /// Number of pools, one at least, and the time of a lookup in ns.
    pub points: &'a [(u32, Measured)],
}

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError`] for no points, too many series, and numbers that have no place on a log axis.
pub fn by_pools(title: &str, series: &[Series<'_>]) -> Result<String, PlotError> {
    let points = |s: &Series<'_>| {
        s.points.iter().map(|(pools, ns)| (f64::from((*pools).max(1)), *ns)).collect::<Vec<_>>()
    };
    let curves: Vec<_> = series.iter().map(|s| Curve::new(s.name, points(s))).collect();
    curves::check(&curves)?;
    let ((first, last), (least, most)) = (curves::extent_across(&curves), curves::extent_up(&curves));
    let page = Page {
        title,
        kind: "Time of find_pool by number of pools",
        panels: vec![theme::PLOT_HEIGHT],
        legend: curves::legend(&curves),
        notes: curves::notes(&curves),
    };
    let y_title = format!("time of a lookup, log scale, {} launches a point", curves::samples(&curves));
    page.draw(|areas| {
        let x = Axis::powers_of_two(first, last, MANY, label::number);
        let y = Axis::log(least, most, label::time);
        let panel = Panel::draw(&areas[0], MARGINS, (x, "pools (count), log scale"), (y, &y_title))?;
        curves::draw(&panel, &curves)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

    fn ns(value: f64) -> Measured {
        Measured { value, interval: Some((value * 0.9, value * 1.1)), n: 12 }
    }

    #[test]
    fn the_figure_has_its_axes_units_and_counts() {
        let list = [1, 4, 16, 1_024].map(|pools| (pools, ns(f64::from(pools) * 1.7)));
        let array = [1, 4, 16, 1_024].map(|pools| (pools, Measured { interval: None, ..ns(5.0) }));
        let series =
            [Series { name: "rcu list", points: &list }, Series { name: "sorted array", points: &array }];
        let svg = by_pools("lookups", &series).unwrap();
        assert_says(
            &svg,
            &["pools (count), log scale", "log scale, N 12 launches a point", "1,024", "100 ns"],
        );
        assert_says(&svg, &["rcu list: N 12", "sorted array: N 12", "?: too few launches for an interval"]);
        assert_eq!(tags(&svg).iter().filter(|tag| *tag == "circle").count(), 5, "four points and the legend");
    }

    #[test]
    fn hostile_names_are_text() {
        let points = [(1, ns(2.0))];
        let series: Vec<_> = HOSTILE.iter().map(|name| Series { name, points: &points }).collect();
        HOSTILE.iter().for_each(|name| assert_harmless(&by_pools(name, &series).unwrap()));
    }

    #[test]
    fn any_number_is_drawn_or_refused() {
        for value in [0.0, 1e-300, 1.0, 1e18, 1e300, f64::NAN, f64::INFINITY, -1.0] {
            for pools in [0, 1, u32::MAX] {
                let points = [(pools, ns(value)), (pools, Measured { interval: None, ..ns(value) })];
                let drawn = by_pools("t", &[Series { name: "a", points: &points }]);
                drawn.map_or_else(
                    |e| assert!(matches!(e, PlotError::Number { .. })),
                    |svg| assert_harmless(&svg),
                );
            }
        }
        assert_eq!(by_pools("t", &[]), Err(PlotError::Empty("series")));
    }
}
