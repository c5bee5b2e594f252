//! Why a cell's time moved: the step counters that differ, the largest relative change first.
//!
//! A terminal gets a few of each cell, in a table of their own; every other form gets all of them. Invariant: the
//! histogram of steps per section comes after all others, which tell the same: it moves to where its steps went, in both
//! directions.

use super::paired::{Paired, Steps};
use reports::table::{Column, Table, Unit, Value};
use std::cmp::Ordering;

/// The most steps of one cell that a terminal shows.
const MOST: usize = 3;

/// A step counter: its name, A's number and B's.
pub type Step = (String, f64, f64);

/// What the counters of both sides say.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// These differ; none where all are the same.
    Differ(Vec<Step>),
    /// One side counts nothing at all, or, where none is named, neither does.
    NotCounted(Option<&'static str>),
}

impl Why {
    /// What the launches of a pair say. One step that a side does not count is no difference.
    #[must_use]
    pub fn of(paired: &Paired<'_>) -> Self {
        let steps = paired.steps();
        let counts = |side: fn(&Steps) -> bool| steps.iter().any(side);
        match (counts(|(_, a, _)| a.is_some()), counts(|(_, _, b)| b.is_some())) {
            (true, true) => {
                let both = steps.into_iter().filter_map(|(name, a, b)| Some((name, a?, b?)));
                Self::Differ(by_size(both.filter(differs).collect()))
            }
            (true, false) => Self::NotCounted(Some("B")),
            (false, true) => Self::NotCounted(Some("A")),
            (false, false) => Self::NotCounted(None),
        }
    }

    /// All of it in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Differ(steps) if steps.is_empty() => "none".to_owned(),
            Self::Differ(steps) => listed(steps),
            Self::NotCounted(Some(side)) => format!("not counted by {side}"),
            Self::NotCounted(None) => "not counted".to_owned(),
        }
    }
}

fn differs((_, a, b): &Step) -> bool {
    (a - b).abs() > f64::EPSILON * a.abs().max(b.abs())
}

/// The same steps, the largest relative change first; those of sections last.
#[must_use]
pub fn by_size(mut steps: Vec<Step>) -> Vec<Step> {
    // From nothing, or to nothing, is larger than any factor.
    let size = |(_, a, b): &Step| (b / a).ln().abs();
    let order = |x: &Step, y: &Step| -> Ordering {
        let sections = is_of_sections(&x.0).cmp(&is_of_sections(&y.0));
        sections.then(size(y).total_cmp(&size(x))).then(x.0.cmp(&y.0))
    };
    steps.sort_by(order);
    steps
}

/// Whether a counter is one of the histogram of steps per section.
#[must_use]
pub fn is_of_sections(name: &str) -> bool {
    name.starts_with("sections_")
}

/// Steps in words: `slots_scanned 2 -> 126; written_at_map 1 -> 65`.
#[must_use]
pub fn listed(steps: &[Step]) -> String {
    let one = |(name, a, b): &Step| format!("{name} {} -> {}", digits(*a), digits(*b));
    steps.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A count in at most six significant digits.
fn digits(count: f64) -> f64 {
    format!("{count:.5e}").parse().unwrap_or(count)
}

/// The few largest of each cell, for a terminal; nothing where none differs.
#[must_use]
pub fn few<'c>(cells: impl IntoIterator<Item = (&'c str, Why)>) -> Option<Table> {
    let mut columns = ["cell", "step"].map(Column::text).to_vec();
    columns.extend(["A", "B", "B / A"].map(|name| Column::number(name, Unit::None)));
    let mut table = Table::new("Steps that differ", columns);
    let mut left_out = false;
    for (cell, why) in cells {
        match why {
            Why::Differ(steps) => {
                left_out |= steps.len() > MOST;
                rows(cell, &steps).into_iter().for_each(|row| table.push(row));
            }
            Why::NotCounted(Some(_)) => {
                table.push(vec![Value::Text(cell.to_owned()), Value::Text(why.words())]);
            }
            Why::NotCounted(None) => {}
        }
    }
    if left_out {
        table.notes.push(format!(
            "At most {MOST} of a cell, the largest changes first: --markdown FILE has all of them, and so have the records."
        ));
    }
    (!table.rows().is_empty()).then_some(table)
}

/// A cell's first few steps, one a row, and how many more there are.
fn rows(cell: &str, steps: &[Step]) -> Vec<Vec<Value>> {
    let text = |text: &str| Value::Text(text.to_owned());
    let one = |(number, (name, a, b)): (usize, &Step)| {
        let cell = if number == 0 { cell } else { "" };
        let count = |count: f64| Value::Text(digits(count).to_string());
        vec![text(cell), text(name), count(*a), count(*b), Value::Text(times(*a, *b))]
    };
    let mut rows: Vec<_> = steps.iter().enumerate().take(MOST).map(one).collect();
    if steps.len() > MOST {
        let more = format!("and {} more", steps.len() - MOST);
        rows.push(["", &more, "", "", ""].map(text).into());
    }
    rows
}

/// B / A, where A is something.
fn times(a: f64, b: f64) -> String {
    if a == 0.0 { "from nothing".to_owned() } else { format!("{:.3}", b / a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(all: &[(&str, f64, f64)]) -> Vec<Step> {
        by_size(all.iter().map(|(name, a, b)| ((*name).to_owned(), *a, *b)).collect())
    }

    const ALL: [(&str, f64, f64); 6] = [
        ("areas_tried", 2.0, 1.0),
        ("sections_to_1024_steps", 1.0, 900.0),
        ("locks_taken", 2.0, 2.5),
        ("retries", 0.0, 0.25),
        ("slots_scanned", 1.114_257_812_5, 18.9375),
        ("written_at_map", 1.0, 0.0),
    ];

    #[test]
    fn the_largest_change_comes_first_and_sections_last() {
        let names: Vec<String> = steps(&ALL).into_iter().map(|(name, ..)| name).collect();
        let expected = [
            "retries",
            "written_at_map",
            "slots_scanned",
            "areas_tried",
            "locks_taken",
            "sections_to_1024_steps",
        ];
        assert_eq!(names, expected);
        assert_eq!(listed(&steps(&ALL[4..])), "written_at_map 1 -> 0; slots_scanned 1.11426 -> 18.9375");
    }

    #[test]
    fn a_terminal_gets_a_few_and_is_told_of_the_rest() {
        let cells = [
            ("s/x=1", Why::Differ(steps(&ALL))),
            ("s/x=2", Why::Differ(Vec::new())),
            ("s/x=3", Why::NotCounted(Some("B"))),
            ("s/x=4", Why::NotCounted(None)),
            ("s/x=5", Why::Differ(steps(&ALL[..1]))),
        ];
        let shown = reports::terminal::render(&few(cells).unwrap_or_else(|| panic!("steps differ")));
        let expected = "\
Steps that differ

 cell  | step             |       A |       B |        B / A
-------+------------------+---------+---------+--------------
 s/x=1 | retries          |       0 |    0.25 | from nothing
       | written_at_map   |       1 |       0 |        0.000
       | slots_scanned    | 1.11426 | 18.9375 |       16.996
       | and 3 more       |         |         |
 s/x=3 | not counted by B |       - |       - |            -
 s/x=5 | areas_tried      |       2 |       1 |        0.500
At most 3 of a cell, the largest changes first: --markdown FILE has all of them, and so have the records.
";
        assert_eq!(shown, expected);
        assert_eq!(few([("s/x=2", Why::Differ(Vec::new())), ("s/x=4", Why::NotCounted(None))]), None);
    }
}
