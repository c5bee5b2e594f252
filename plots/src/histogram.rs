//! Sizes and lifetimes of a trace's mappings, as histograms.
//!
//! Counts of a trace are exact; what is uncertain is whether another hour would look alike. Each bar therefore
//! has the spread between the trace's quarters: four times the lowest and the highest of them. Mappings that
//! were still there at the end have no lifetime; they are told and not guessed.

use plotters::element::Rectangle;
use plotters::style::Color;

use crate::axis::{Axis, MANY};
use crate::label;
use crate::measured::{Measured, check_number};
use crate::page::{Entry, Key, Page};
use crate::panel::{MARGINS, Panel};
use crate::svg::refused;
use crate::theme::{self, look};
use crate::{PlotError, check_count};

/// Bins of one histogram.
const BINS: usize = 400;

/// Mappings of a range of sizes or lifetimes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Its lower end, bytes or ns, part of it.
    pub from: f64,
    /// Its upper end, above the lower.
    pub to: f64,
    /// How many mappings, in each quarter of the trace.
    pub quarters: [u64; 4],
}

impl Bin {
    /// How many mappings.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.quarters.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    fn measured(&self) -> Measured {
        let end = |n: Option<&u64>| *n.unwrap_or(&0) as f64 * 4.0;
        let ends = (end(self.quarters.iter().min()), end(self.quarters.iter().max()));
        let value = self.count() as f64;
        Measured { value, interval: Some((ends.0.min(value), ends.1.max(value))), n: self.count() }
    }
}

/// The figure, as SVG text: `sizes` in bytes above `lifetimes` in ns; `unfinished` mappings were still there
/// at the end of the trace.
///
/// # Errors
/// [`PlotError`] for no bins, too many of them, and bins whose ends are not finite or not in order.
pub fn of_trace(title: &str, sizes: &[Bin], lifetimes: &[Bin], unfinished: u64) -> Result<String, PlotError> {
    check(sizes, "sizes")?;
    check(lifetimes, "lifetimes")?;
    let page = Page {
        title,
        kind: "Histograms of sizes and lifetimes of mappings",
        panels: vec![360, 360],
        legend: legend(sizes, lifetimes, unfinished),
        notes: vec!["Bar: whole trace. Whisker: four times its lowest and its highest quarter.".to_owned()],
    };
    page.draw(|areas| {
        let (least, most) = ends(sizes);
        let x = (Axis::powers_of_two(least, most, MANY - 1, label::bytes), "size of a mapping, log scale");
        draw(&areas[0], 0, x, sizes)?;
        let (least, most) = ends(lifetimes);
        let x = (Axis::log(least, most, label::time), "lifetime of a mapping, log scale");
        draw(&areas[1], 4, x, lifetimes)
    })
}

fn check(bins: &[Bin], what: &'static str) -> Result<(), PlotError> {
    check_count(what, bins.len(), BINS)?;
    for bin in bins {
        let (from, to) = (check_number(bin.from, what)?, check_number(bin.to, what)?);
        if from < 0.0 || to <= from {
            return Err(PlotError::Number {
                what: what.to_owned(),
                number: to.to_string(),
                wanted: "above the bin's start",
            });
        }
        bin.measured().check(what)?;
    }
    check_count(what, usize::try_from(total(bins)).unwrap_or(usize::MAX).min(1), 1)
}

fn total(bins: &[Bin]) -> u64 {
    bins.iter().fold(0, |sum, bin| sum.saturating_add(bin.count()))
}

/// The least end above zero and the greatest.
fn ends(bins: &[Bin]) -> (f64, f64) {
    let most = bins.iter().map(|bin| bin.to).fold(0.0, f64::max);
    let all = bins.iter().flat_map(|bin| [bin.from, bin.to]);
    (all.filter(|v| *v > 0.0).fold(most, f64::min), most)
}

fn draw(area: &crate::svg::Sheet<'_>, i: usize, x: (Axis, &str), bins: &[Bin]) -> Result<(), PlotError> {
    let most = bins.iter().map(|bin| bin.measured().high()).fold(1.0, f64::max);
    let y_title = format!("mappings (count), log, N {}", reports::units::count(total(bins)));
    let panel = Panel::draw(area, MARGINS, x, (Axis::counts(most), &y_title))?;
    for bin in bins.iter().filter(|bin| bin.count() > 0) {
        let measured = bin.measured();
        let ((left, top), (right, bottom)) = (panel.at((bin.from, measured.value)), panel.at((bin.to, 0.0)));
        let corners = [(left, top), (right.max(left + 2), bottom)];
        panel
            .area()
            .draw(&Rectangle::new(corners, look(i).colour.mix(theme::TINT).filled()))
            .map_err(refused)?;
        panel.area().draw(&Rectangle::new(corners, look(i).colour.stroke_width(2))).map_err(refused)?;
        let centre = i32::midpoint(left, right);
        let ends = [panel.at((0.0, measured.low())).1, panel.at((0.0, measured.high())).1];
        let half = ((right - left) / 4).clamp(2, 6);
        panel.path(ends.map(|y| (centre, y)).into(), theme::INK.stroke_width(2))?;
        for y in ends {
            panel.path(vec![(centre - half, y), (centre + half, y)], theme::INK.stroke_width(2))?;
        }
    }
    Ok(())
}

fn legend(sizes: &[Bin], lifetimes: &[Bin], unfinished: u64) -> Vec<Entry> {
    let entry = |i, words: &str, n| Entry {
        key: Key::Band(look(i)),
        words: format!("{words}: N {}", reports::units::count(n)),
    };
    let mut legend = vec![entry(0, "sizes", total(sizes)), entry(4, "lifetimes", total(lifetimes))];
    if unfinished > 0 {
        let words =
            format!("still mapped at the end, lifetime not known: {}", reports::units::count(unfinished));
        legend.push(Entry { key: Key::Nothing, words });
    }
    legend
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

    fn bin(from: f64, to: f64, quarters: [u64; 4]) -> Bin {
        Bin { from, to, quarters }
    }

    #[test]
    fn both_panels_have_their_units_and_counts() {
        let sizes = [bin(2_048.0, 4_096.0, [10, 20, 30, 40]), bin(4_096.0, 8_192.0, [0, 0, 0, 0])];
        let lifetimes = [bin(1_000.0, 10_000.0, [20, 20, 20, 20]), bin(10_000.0, 1e9, [1, 2, 3, 9])];
        let svg = of_trace("trace", &sizes, &lifetimes, 5).unwrap();
        assert_says(
            &svg,
            &["size of a mapping, log scale", "2 KiB", "lifetime of a mapping, log scale", "10.0 ms"],
        );
        assert_says(&svg, &["mappings (count), log, N 100", "mappings (count), log, N 95", "sizes: N 100"]);
        assert_says(&svg, &["still mapped at the end, lifetime not known: 5"]);
        assert_eq!(
            tags(&svg).iter().filter(|tag| *tag == "rect").count(),
            1 + 3 * 2 + 2,
            "three bars, the ground, the keys"
        );
        assert_eq!(sizes[0].measured().interval, Some((40.0, 160.0)));
    }

    #[test]
    fn hostile_names_are_text() {
        let bins = [bin(1.0, 2.0, [1; 4])];
        HOSTILE.iter().for_each(|name| assert_harmless(&of_trace(name, &bins, &bins, 0).unwrap()));
    }

    #[test]
    fn any_bin_is_drawn_or_refused() {
        let good = [bin(1.0, 2.0, [1; 4])];
        assert_eq!(of_trace("t", &[], &good, 0), Err(PlotError::Empty("sizes")));
        assert_eq!(of_trace("t", &good, &[bin(1.0, 2.0, [0; 4])], 0), Err(PlotError::Empty("lifetimes")));
        for (from, to) in
            [(0.0, 1e-300), (0.0, 1e18), (2.0, 2.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)]
        {
            for quarters in [[1, 0, 0, 0], [u64::MAX; 4]] {
                let bins = [bin(from, to, quarters)];
                let drawn = of_trace("t", &bins, &bins, u64::MAX);
                drawn.map_or_else(
                    |e| assert!(matches!(e, PlotError::Number { .. })),
                    |svg| assert_harmless(&svg),
                );
            }
        }
    }
}
