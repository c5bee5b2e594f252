//! A compared with B: one row for each benchmark, with its interval, its floor and its verdict.
//!
//! The band around zero is the floor, below which a change does not count; it may differ from row to row,
//! since it is learned from each benchmark's own history. Verdicts differ by marker as well as by colour.

use crate::measured::{Measured, check_number};
use crate::page::{Entry, Key, Page};
use crate::rows::{self, Row};
use crate::theme::{self, Look, Marker, look};
use crate::{PlotError, check_count, label};

/// Rows of one figure.
const ROWS: usize = 200;

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Slower beyond the floor.
    Regressed,
    /// Faster beyond the floor.
    Improved,
    /// The interval lies inside the floor.
    Equivalent,
    /// None of these can be said.
    Inconclusive,
}

/// One benchmark's comparison.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// The benchmark.
    pub name: &'a str,
    /// Change from A to B in percent, above zero for more; `n` counts blocks.
    pub change: Measured,
    /// Below this many percent a change does not count.
    pub floor: f64,
    /// As it was judged; the figure judges nothing.
    pub verdict: Verdict,
}

/// The figure, as SVG text; `quantity` is what changes, such as `time of a round trip`.
///
/// # Errors
/// [`PlotError`] for no comparisons, too many of them, and numbers that are not finite.
pub fn plot(title: &str, quantity: &str, comparisons: &[Comparison<'_>]) -> Result<String, PlotError> {
    check_count("comparisons", comparisons.len(), ROWS)?;
    for comparison in comparisons {
        comparison.change.check(comparison.name)?;
        check_number(comparison.floor, comparison.name)?;
    }
    let page = Page {
        title,
        kind: "Change from A to B with intervals",
        panels: vec![rows::height(comparisons.len())],
        legend: legend(comparisons),
        notes: notes(comparisons),
    };
    let samples = label::samples(comparisons.iter().map(|c| c.change.n));
    let x_title = format!("change of {} from A to B (%), {samples} blocks", theme::fit(quantity, 26));
    let rows: Vec<_> = comparisons.iter().map(row).collect();
    page.draw(|areas| rows::draw(&areas[0], &x_title, &rows))
}

fn row<'a>(comparison: &Comparison<'a>) -> Row<'a> {
    Row {
        name: comparison.name,
        change: Some((comparison.change, look_of(comparison.verdict))),
        floor: comparison.floor.max(0.0),
        words: rows::words(comparison.change),
    }
}

fn look_of(verdict: Verdict) -> Look {
    let (colour, marker) = match verdict {
        Verdict::Regressed => (look(4).colour, Marker::Triangle),
        Verdict::Improved => (look(0).colour, Marker::Disc),
        Verdict::Equivalent => (look(5).colour, Marker::Square),
        Verdict::Inconclusive => (theme::INK, Marker::Ring),
    };
    Look { colour, dash: (1, 0), marker }
}

fn legend(comparisons: &[Comparison<'_>]) -> Vec<Entry> {
    let all = [
        (Verdict::Regressed, "regressed"),
        (Verdict::Improved, "improved"),
        (Verdict::Equivalent, "equivalent"),
        (Verdict::Inconclusive, "inconclusive"),
    ];
    let entry = |(verdict, words)| {
        let count = comparisons.iter().filter(|c| c.verdict == verdict).count();
        Entry { key: Key::Marker(look_of(verdict)), words: format!("{words}: {count}") }
    };
    all.map(entry).into()
}

fn notes(comparisons: &[Comparison<'_>]) -> Vec<String> {
    let mut note =
        "Bar: the interval of the median over blocks; grey band: the floor of each row.".to_owned();
    if comparisons.iter().any(|c| c.change.interval.is_none()) {
        note += " (?): too few blocks for an interval.";
    }
    vec![note]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says, tags};

    fn of(name: &str, value: f64, verdict: Verdict) -> Comparison<'_> {
        let change = Measured { value, interval: Some((value - 1.0, value + 1.5)), n: 12 };
        Comparison { name, change, floor: 2.0, verdict }
    }

    #[test]
    fn rows_have_their_numbers_and_verdicts() {
        let few = Measured { value: 0.4, interval: None, n: 3 };
        let rows = [
            of("find_pool, 64 pools", 4.25, Verdict::Regressed),
            of("map", -6.0, Verdict::Improved),
            Comparison { change: few, ..of("unmap", 0.4, Verdict::Inconclusive) },
        ];
        let svg = plot("A and B", "time of a round trip", &rows).unwrap();
        assert_says(
            &svg,
            &["change of time of a round trip from A to B (%), N 3 to 12 blocks", "find_pool, 64 pools"],
        );
        assert_says(
            &svg,
            &["+4.25 %, N 12", "-6 %, N 12", "+0.4 % (?), N 3", "regressed: 1", "equivalent: 0"],
        );
        assert!(tags(&svg).iter().filter(|tag| *tag == "rect").count() >= 4, "the ground and three floors");
    }

    #[test]
    fn hostile_names_are_text() {
        let rows: Vec<_> = HOSTILE.iter().map(|name| of(name, 1.0, Verdict::Equivalent)).collect();
        HOSTILE.iter().for_each(|name| assert_harmless(&plot(name, name, &rows).unwrap()));
    }

    #[test]
    fn any_number_is_drawn_or_refused() {
        assert_eq!(plot("t", "q", &[]), Err(PlotError::Empty("comparisons")));
        for value in [0.0, 1e-300, 1e18, -1e17, f64::NAN, f64::INFINITY] {
            for floor in [2.0, 0.0, -1.0, value] {
                let one = Comparison { floor, ..of("a", value, Verdict::Improved) };
                let drawn = plot("t", "q", &[one]);
                drawn.map_or_else(
                    |e| assert!(matches!(e, PlotError::Number { .. })),
                    |svg| assert_harmless(&svg),
                );
            }
        }
    }
}
