//! How much each tuning parameter matters: the change of one measure at each value of one parameter, with all
//! others left at their defaults.
//!
//! Parameters come in the order given; a caller that wants the widest first sorts them by [`Parameter::span`].

use crate::measured::Measured;
use crate::page::{Entry, Key, Page};
use crate::rows::{self, Row};
use crate::theme::{self, Look, Marker, look};
use crate::{PlotError, check_count, label};

/// Rows of one figure, headings included.
const ROWS: usize = 200;

/// What changes.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    /// Its name, such as `p99 of requests`.
    pub name: &'a str,
    /// What a change is counted in: `%`, or `% points` where it is a share itself.
    pub unit: &'a str,
    /// What a value was made of: `launches`, `requests`.
    pub samples: &'a str,
}

/// One value of a parameter.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The value with its unit, such as `64 MiB`.
    pub label: &'a str,
    /// Change of the measure against the default, in percent or points of it.
    pub change: Measured,
    /// Whether it is the default, whose change is zero.
    pub default: bool,
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its values, in rising order.
    pub levels: &'a [Level<'a>],
}

impl Parameter<'_> {
    /// How far apart its values' changes lie at least, percent: from the highest lower end to the lowest
    /// upper end, zero where intervals overlap.
    #[must_use]
    pub fn span(&self) -> f64 {
        let lowest = self.levels.iter().map(|l| l.change.high()).fold(f64::INFINITY, f64::min);
        let highest = self.levels.iter().map(|l| l.change.low()).fold(f64::NEG_INFINITY, f64::max);
        (highest - lowest).max(0.0)
    }
}

/// The figure, as SVG text.
///
/// # Errors
/// [`PlotError`] for no values, too many of them, and numbers that are not finite.
pub fn of_parameters(
    title: &str,
    measure: Measure<'_>,
    parameters: &[Parameter<'_>],
) -> Result<String, PlotError> {
    check_count("parameters", parameters.len(), ROWS)?;
    let levels = || parameters.iter().flat_map(|p| p.levels);
    check_count("values of parameters", levels().count(), ROWS - parameters.len())?;
    for level in levels() {
        level.change.check(level.label)?;
    }
    let heads: Vec<_> = parameters.iter().map(head).collect();
    let rows: Vec<_> =
        parameters.iter().zip(&heads).enumerate().flat_map(|(i, (p, head))| rows_of(i, p, head)).collect();
    let page = Page {
        title,
        kind: "Sensitivity of each parameter",
        panels: vec![rows::height(rows.len())],
        legend: vec![
            Entry { key: Key::Marker(look_of(0, true)), words: "the default".to_owned() },
            Entry {
                key: Key::Marker(look_of(0, false)),
                words: "another value, all else at its default".to_owned(),
            },
        ],
        notes: vec![
            "Bar: interval. Surely apart: how far the values' intervals lie apart at least.".to_owned(),
        ],
    };
    let samples = label::samples(levels().map(|l| l.change.n));
    let [name, unit, of] = [measure.name, measure.unit, measure.samples].map(|words| theme::fit(words, 26));
    let x_title = format!("change of {name} ({unit}), {samples} {of} a value");
    page.draw(|areas| rows::draw(&areas[0], &x_title, &rows))
}

fn head(parameter: &Parameter<'_>) -> String {
    format!("surely apart: {}", label::change(parameter.span()).trim_start_matches('+'))
}

fn rows_of<'a>(i: usize, parameter: &Parameter<'a>, head: &str) -> Vec<Row<'a>> {
    let head = Row { name: parameter.name, change: None, floor: 0.0, words: head.to_owned() };
    let level = |level: &Level<'a>| Row {
        name: level.label,
        change: Some((level.change, look_of(i, level.default))),
        floor: 0.0,
        words: rows::words(level.change),
    };
    [head].into_iter().chain(parameter.levels.iter().map(level)).collect()
}

fn look_of(i: usize, default: bool) -> Look {
    let colours = [look(0).colour, look(4).colour];
    Look { colour: colours[i % 2], dash: (1, 0), marker: if default { Marker::Ring } else { Marker::Disc } }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::markup::{HOSTILE, assert_harmless, assert_says, texts};

    /// Of launches, in percent.
    fn percent(name: &str) -> Measure<'_> {
        Measure { name, unit: "%", samples: "launches" }
    }

    fn level(label: &str, value: f64) -> Level<'_> {
        let change = Measured { value, interval: Some((value - 2.0, value + 2.0)), n: 12 };
        Level { label, change, default: value == 0.0 }
    }

    #[test]
    fn each_parameter_has_its_values() {
        let size = [level("32 MiB", 40.0), level("64 MiB", 0.0), level("128 MiB", -5.0)];
        let areas = [level("1", 1.0), level("4", 0.0)];
        let parameters =
            [Parameter { name: "swiotlb size", levels: &size }, Parameter { name: "areas", levels: &areas }];
        let svg = of_parameters("t", percent("p99 of requests"), &parameters).unwrap();
        assert_says(
            &svg,
            &["change of p99 of requests (%), N 12 launches a value", "+40 %, N 12", "the default"],
        );
        assert_says(&svg, &["swiotlb size", "surely apart: 41 %", "surely apart: 0 %"]);
        assert!(texts(&svg).contains(&"128 MiB".to_owned()));
    }

    #[test]
    fn hostile_names_are_text() {
        let levels: Vec<_> = HOSTILE.iter().map(|label| level(label, 1.0)).collect();
        let parameters = HOSTILE.map(|name| Parameter { name, levels: &levels });
        HOSTILE.iter().for_each(|name| {
            assert_harmless(
                &of_parameters(name, Measure { name, unit: name, samples: name }, &parameters).unwrap(),
            );
        });
    }

    #[test]
    fn nothing_and_no_numbers_are_refused() {
        assert_eq!(of_parameters("t", percent("m"), &[]), Err(PlotError::Empty("parameters")));
        let none = [Parameter { name: "a", levels: &[] }];
        assert_eq!(of_parameters("t", percent("m"), &none), Err(PlotError::Empty("values of parameters")));
        let nan = [level("x", f64::NAN)];
        let drawn = of_parameters("t", percent("m"), &[Parameter { name: "a", levels: &nan }]);
        assert!(matches!(drawn, Err(PlotError::Number { .. })));
    }
}
