//! What a fallback costs: one bar for each case, stacked by part.
//!
//! Parts differ by hatching as well as by colour. The interval of each part stands below its end, that of the
//! whole, which is measured apart, at the diamond
//! above; medians of parts need not add up to it.

use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::{Axis, MANY};
use crate::measured::{Measured, check_positive};
use crate::page::{Entry, Key, Page};
use crate::panel::{Margins, Panel};
use crate::svg::refused;
use crate::texture::texture;
use crate::theme::{self, Look, Marker, look};
use crate::{PlotError, check_count, label};

/// Height of a bar's row, px.
const ROW: u32 = 88;
/// Bars of one figure.
const CASES: usize = 40;
/// Parts of a bar.
const PARTS: usize = 14;
/// Columns of a case's name.
const COLUMNS: usize = 25;

/// One way to serve a request.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Its name.
    pub name: &'a str,
    /// The whole, ns.
    pub total: Measured,
    /// Each part, ns, zero at least, in the order of the parts' names.
    pub parts: &'a [Measured],
}

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError`] for no cases or parts, too many of them, and times that are below zero.
pub fn stacked(title: &str, parts: &[&str], cases: &[Case<'_>]) -> Result<String, PlotError> {
    check_count("cases", cases.len(), CASES)?;
    check_count("parts", parts.len(), PARTS)?;
    cases.iter().try_for_each(|case| check(case, parts.len()))?;
    let page = Page {
        title,
        kind: "Cost by part",
        panels: vec![ROW * u32::try_from(cases.len()).unwrap_or(u32::MAX) + 90],
        legend: legend(parts, cases),
        notes: vec![
            "Bars: medians of launches; below them the interval of each part, in its colour.".to_owned(),
        ],
    };
    let most = cases.iter().map(end).fold(1.0, f64::max);
    let samples = label::samples(cases.iter().map(|case| case.total.n));
    let x_title = format!("time a request, {samples} launches a bar");
    page.draw(|areas| {
        let names = cases.iter().rev().map(|case| theme::fit(case.name, COLUMNS));
        let margins = Margins { left: 290, right: 120, top: 10, bottom: 70 };
        let x = (Axis::between(0.0, most, MANY, label::time), x_title.as_str());
        let panel = Panel::draw(&areas[0], margins, x, (Axis::names(names), ""))?;
        for (i, case) in cases.iter().rev().enumerate() {
            draw_case(&panel, i as f64, case)?;
        }
        Ok(())
    })
}

fn check(case: &Case<'_>, parts: usize) -> Result<(), PlotError> {
    check_positive(case.total.check(case.name)?.value, case.name)?;
    check_count("parts of a case", case.parts.len(), parts)?;
    for part in case.parts {
        if part.check(case.name)?.value < 0.0 {
            check_positive(part.value, case.name)?;
        }
    }
    Ok(())
}

/// How far to the right a case reaches.
fn end(case: &Case<'_>) -> f64 {
    let mut from = 0.0;
    let mut most = case.total.high();
    for part in case.parts {
        most = most.max(from + part.high());
        from += part.value;
    }
    most
}

fn total_look() -> Look {
    Look { colour: theme::INK, dash: (1, 0), marker: Marker::Diamond }
}

fn draw_case(panel: &Panel<'_, '_>, row: f64, case: &Case<'_>) -> Result<(), PlotError> {
    let mut from = 0.0;
    for (i, part) in case.parts.iter().enumerate() {
        let (left, y) = panel.at((from, row));
        let right = panel.at((from + part.value, row)).0;
        if right > left {
            texture(i).draw(panel.area(), [(left, y - 20), (right, y + 12)])?;
        }
        if let Some((low, high)) = part.interval.filter(|(_, high)| *high > 0.0) {
            // Neighbours alternate between two heights.
            let lane = y + if i % 2 == 0 { 21 } else { 34 };
            panel.whisker_across(look(i).colour.stroke_width(2), (from + low, from + high), lane)?;
        }
        from += part.value;
    }
    let (x, y) = panel.at((case.total.value, row));
    if let Some(ends) = case.total.interval {
        panel.whisker_across(theme::INK.stroke_width(2), ends, y - 30)?;
    }
    total_look().draw_marker(panel.area(), (x, y - 30)).map_err(refused)?;
    let right = panel.at((end(case), row)).0 + 12;
    panel.text(&label::time(case.total.value), (right, y - 8), (HPos::Left, VPos::Center))
}

fn legend(parts: &[&str], cases: &[Case<'_>]) -> Vec<Entry> {
    let part = |(i, name): (usize, &&str)| {
        let counts = cases.iter().filter_map(|case| case.parts.get(i)).map(|part| part.n);
        let words = format!("{}: {}", theme::fit(name, theme::NAME_COLUMNS), label::samples(counts));
        Entry { key: Key::Box(texture(i)), words }
    };
    let total = Entry { key: Key::Marker(total_look()), words: "the whole, with its interval".to_owned() };
    parts.iter().enumerate().map(part).chain([total]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says};

    fn ns(value: f64) -> Measured {
        Measured { value, interval: Some((value * 0.9, value * 1.1)), n: 12 }
    }

    #[test]
    fn the_figure_has_its_axes_units_and_counts() {
        let parts = [ns(300.0), ns(900.0), ns(0.0)];
        let cases = [
            Case { name: "transient", total: ns(1_250.0), parts: &parts },
            Case { name: "grown", total: ns(150.0), parts: &parts[..1] },
        ];
        let svg = stacked("fallback", &["search", "pages", "free"], &cases).unwrap();
        assert_says(
            &svg,
            &["transient", "grown", "time a request, N 12 launches a bar", "1,250 ns", "200 ns"],
        );
        assert_says(&svg, &["search: N 12", "pages: N 12", "free: N 12", "the whole, with its interval"]);
    }

    #[test]
    fn hostile_names_are_text() {
        let parts = [ns(1.0); HOSTILE.len()];
        let cases = HOSTILE.map(|name| Case { name, total: ns(9.0), parts: &parts });
        HOSTILE.iter().for_each(|name| assert_harmless(&stacked(name, &HOSTILE, &cases).unwrap()));
    }

    #[test]
    fn any_number_is_drawn_or_refused() {
        for value in [0.0, 1e-300, 1.0, 1e18, f64::NAN, f64::INFINITY, -1.0] {
            for (total, part) in [(ns(1.0), ns(value)), (ns(value), ns(1.0))] {
                let (total, parts) =
                    (Measured { interval: None, ..total }, [Measured { interval: None, ..part }]);
                let drawn = stacked("t", &["p"], &[Case { name: "a", total, parts: &parts }]);
                drawn.map_or_else(
                    |e| assert!(matches!(e, PlotError::Number { .. })),
                    |svg| assert_harmless(&svg),
                );
            }
        }
        assert_eq!(stacked("t", &["p"], &[]), Err(PlotError::Empty("cases")));
        assert_eq!(
            stacked("t", &[], &[Case { name: "a", total: ns(1.0), parts: &[] }]),
            Err(PlotError::Empty("parts"))
        );
    }
}
