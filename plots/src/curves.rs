//! Curves of measured points, as several families draw them.
//!
//! Each point stands with its interval. Points of one place on the horizontal axis are moved a few px apart,
//! so that no interval hides another. A point that does not belong to its curve (`apart`, such as more
//! threads than CPUs) is joined to nothing.

use plotters::style::text_anchor::{HPos, VPos};

use crate::measured::{self, Measured};
use crate::page::{Entry, Key};
use crate::panel::Panel;
use crate::svg::refused;
use crate::theme::{self, look};
use crate::{PlotError, check_count, label};

/// Series in one panel beyond which nobody tells them apart.
pub const SERIES: usize = 14;
/// Points of a series.
pub const POINTS: usize = 1_000;

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Its place on the horizontal axis.
    pub x: f64,
    /// The number measured there.
    pub y: Measured,
    /// Not part of the curve.
    pub apart: bool,
}

/// A named row of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<'a> {
    /// The name in the legend; shortened where it is long.
    pub name: &'a str,
    /// In rising order of `x`.
    pub points: Vec<Point>,
}

impl<'a> Curve<'a> {
    /// A curve of points that all belong to it.
    pub fn new(name: &'a str, points: impl IntoIterator<Item = (f64, Measured)>) -> Self {
        Self::with_apart(name, points.into_iter().map(|(x, y)| (x, y, false)))
    }

    /// A curve of points some of which stand apart.
    pub fn with_apart(name: &'a str, points: impl IntoIterator<Item = (f64, Measured, bool)>) -> Self {
        let mut points: Vec<_> = points.into_iter().map(|(x, y, apart)| Point { x, y, apart }).collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Self { name, points }
    }

    /// How many launches its points have.
    #[must_use]
    pub fn samples(&self) -> String {
        label::samples(self.points.iter().map(|p| p.y.n))
    }
}

/// Refuses what cannot be drawn on a log axis of heights.
///
/// # Errors
/// [`PlotError`] with the name and the number.
pub fn check(curves: &[Curve<'_>]) -> Result<(), PlotError> {
    check_count("series", curves.len(), SERIES)?;
    check_count("points", points(curves).count(), POINTS * SERIES)?;
    for curve in curves {
        check_count("points of one series", curve.points.len().max(1), POINTS)?;
        for point in &curve.points {
            measured::check_number(point.x, curve.name)?;
            point.y.check_positive(curve.name)?;
        }
    }
    Ok(())
}

/// All points of all curves.
pub fn points<'c>(curves: &'c [Curve<'_>]) -> impl Iterator<Item = &'c Point> {
    curves.iter().flat_map(|curve| &curve.points)
}

/// The least and the greatest place on the horizontal axis.
#[must_use]
pub fn extent_across(curves: &[Curve<'_>]) -> (f64, f64) {
    points(curves)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), p| (least.min(p.x), most.max(p.x)))
}

/// The lowest and the highest interval end above zero.
#[must_use]
pub fn extent_up(curves: &[Curve<'_>]) -> (f64, f64) {
    measured::extent_above_zero(points(curves).map(|p| &p.y)).unwrap_or((1.0, 10.0))
}

/// `N 12`, of all points.
#[must_use]
pub fn samples(curves: &[Curve<'_>]) -> String {
    label::samples(points(curves).map(|p| p.y.n))
}

/// Draws lines, intervals and markers.
///
/// # Errors
/// [`PlotError::Draw`].
pub fn draw(panel: &Panel<'_, '_>, curves: &[Curve<'_>]) -> Result<(), PlotError> {
    let unsure = unsure(curves);
    for (i, curve) in curves.iter().enumerate() {
        let aside = aside(i, curves.len(), panel.across().1 - panel.across().0);
        let place = |p: &Point| {
            let (x, y) = panel.at((p.x, p.y.value));
            (x + aside, y)
        };
        let joined: Vec<_> = curve.points.iter().filter(|p| !p.apart).map(place).collect();
        if joined.len() > 1 {
            look(i).draw_line(panel.area(), joined).map_err(refused)?;
        }
        for point in &curve.points {
            panel.whisker(look(i), (point.x, point.y), aside)?;
            look(i).draw_marker(panel.area(), place(point)).map_err(refused)?;
            if point.y.interval.is_none() && unsure == Unsure::Some {
                let (x, y) = place(point);
                panel.text("?", (x, y - 8), (HPos::Center, VPos::Bottom))?;
            }
        }
    }
    Ok(())
}

/// By how many px series `i` of `of` is moved: at most 15 either way, and less in a narrow panel.
#[must_use]
pub fn aside(i: usize, of: usize, width: i32) -> i32 {
    let (i, of) = (i32::try_from(i).unwrap_or(0), i32::try_from(of).unwrap_or(1).max(1));
    let step = (width / 25).min(30) / of;
    step.min(8) * (2 * i - (of - 1)) / 2
}

/// One entry for each curve, with its count of launches.
#[must_use]
pub fn legend(curves: &[Curve<'_>]) -> Vec<Entry> {
    let entry = |(i, curve): (usize, &Curve<'_>)| Entry {
        key: if curve.points.is_empty() { Key::Nothing } else { Key::Curve(look(i)) },
        words: format!("{}: {}", theme::fit(curve.name, theme::NAME_COLUMNS), curve.samples()),
    };
    curves.iter().enumerate().map(entry).collect()
}

/// What a reader has to know of the intervals.
#[must_use]
pub fn notes(curves: &[Curve<'_>]) -> Vec<String> {
    let mut note =
        "Points: medians of launches; bars: intervals, inside the marker where none is seen.".to_owned();
    match unsure(curves) {
        Unsure::None => {}
        Unsure::Some => note += " ?: too few launches for an interval.",
        Unsure::All => "Points: medians of launches, which are too few for an interval at any of them."
            .clone_into(&mut note),
    }
    vec![note]
}

/// How many points have no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsure {
    None,
    Some,
    /// Then a mark at each would tell them apart from nothing.
    All,
}

fn unsure(curves: &[Curve<'_>]) -> Unsure {
    match points(curves).filter(|p| p.y.interval.is_none()).count() {
        0 => Unsure::None,
        n if n == points(curves).count() => Unsure::All,
        _ => Unsure::Some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_moved_apart_and_stay_near() {
        for of in 1..=SERIES {
            let places: Vec<_> = (0..of).map(|i| aside(i, of, 790)).collect();
            assert!(places.windows(2).all(|w| w[1] > w[0]), "{places:?}");
            assert!(places.iter().all(|at| at.abs() <= 15), "{places:?}");
            assert!((0..of).all(|i| aside(i, of, 300).abs() <= 6), "{of}");
        }
        assert_eq!(aside(0, 1, 790), 0);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let of = |x, y| [Curve::new("a", [(x, Measured::exact(y, 1))])];
        assert_eq!(check(&of(1.0, 2.0)), Ok(()));
        for (x, y) in
            [(f64::NAN, 2.0), (1.0, f64::NAN), (1.0, 0.0), (1.0, -1.0), (1.0, 1e30), (f64::INFINITY, 1.0)]
        {
            assert!(matches!(check(&of(x, y)), Err(PlotError::Number { .. })), "{x} {y}");
        }
        assert_eq!(check(&[]), Err(PlotError::Empty("series")));
        assert_eq!(check(&[Curve::new("a", [])]), Err(PlotError::Empty("points")));
        let many = vec![Curve::new("a", [(1.0, Measured::exact(1.0, 1))]); SERIES + 1];
        assert_eq!(check(&many), Err(PlotError::TooMany { what: "series", given: 15, most: 14 }));
    }

    #[test]
    fn a_mark_tells_points_without_an_interval_from_the_others() {
        let (sure, not) = (Measured::exact(1.0, 12), Measured { interval: None, ..Measured::exact(1.0, 3) });
        let note = |a, b| notes(&[Curve::new("a", [(1.0, a), (2.0, b)])]).concat();
        assert!(!note(sure, sure).contains("too few"));
        assert!(note(sure, not).contains("?: too few"));
        assert!(note(not, not).contains("too few for an interval at any"));
    }

    #[test]
    fn points_are_put_in_order() {
        let one = Measured::exact(1.0, 1);
        let curve = Curve::new("a", [(3.0, one), (1.0, one), (2.0, one)]);
        assert!(curve.points.is_sorted_by(|a, b| a.x <= b.x));
    }
}
