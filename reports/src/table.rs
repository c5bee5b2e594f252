//! A table without a form: columns, rows, and values that know what they are.
//!
//! Every row has as many values as there are columns. Text in a table is as it came from outside; the forms
//! ([`crate::terminal`], [`crate::markdown`], [`crate::csv`]) make it safe, each in its own way.

use crate::quantile::Cell;
use crate::text;
use crate::units;

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the table shows.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows; see [`Table::push`].
    rows: Vec<Vec<Value>>,
    /// Sentences below it.
    pub notes: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// The unit of its values.
    pub unit: Unit,
    /// On which side its values line up.
    pub align: Align,
}

/// The unit of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// None: names, counts.
    None,
    /// Nanoseconds. People read each value with a fitting unit, programs read plain nanoseconds.
    Time,
    /// Any other, shown in the heading.
    Named(String),
}

/// On which side a column lines up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text from anywhere.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A time in ns.
    Ns(u64),
    /// A quantile, or why there is none.
    Quantile(Cell),
    /// Any other number, with so many decimals.
    Real(f64, usize),
    /// Nothing to show.
    Missing,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), unit: Unit::None, align: Align::Left }
    }

    /// A column of numbers in `unit`.
    #[must_use]
    pub fn number(name: impl Into<String>, unit: Unit) -> Self {
        Self { name: name.into(), unit, align: Align::Right }
    }

    /// The heading that people read; not yet safe.
    #[must_use]
    pub fn heading(&self) -> String {
        match &self.unit {
            Unit::None | Unit::Time => self.name.clone(),
            Unit::Named(unit) => format!("{} ({unit})", self.name),
        }
    }
}

impl Value {
    /// What people read, on one line: separators, units, `n/a (N)`, and `-` for nothing.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Text(name) => text::visible(name),
            Self::Count(n) => units::count(*n),
            Self::Ns(ns) => units::time(*ns),
            Self::Quantile(cell) => cell.to_string(),
            Self::Real(x, decimals) if x.is_finite() => format!("{x:.decimals$}"),
            Self::Real(..) | Self::Missing => "-".to_owned(),
        }
    }
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { title: title.into(), columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row; values that lack are [`Value::Missing`], and none may be left over.
    pub fn push(&mut self, mut row: Vec<Value>) {
        debug_assert!(row.len() <= self.columns.len(), "{} has more values than columns", self.title);
        row.resize(self.columns.len(), Value::Missing);
        self.rows.push(row);
    }

    /// The rows, each with one value for every column.
    #[must_use]
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_filled_up() {
        let mut table = Table::new("t", vec![Column::text("a"), Column::number("b", Unit::None)]);
        table.push(vec![Value::Text("x".into())]);
        assert_eq!(table.rows(), [[Value::Text("x".into()), Value::Missing]]);
    }

    #[test]
    fn values_as_people_read_them() {
        let shown = |v: Value| v.shown();
        assert_eq!(shown(Value::Text("a\n\u{202e}b".into())), "a\\n\\u{202e}b");
        assert_eq!(
            (shown(Value::Count(12_345)), shown(Value::Ns(12_345))),
            ("12,345".into(), "12.3 us".into())
        );
        assert_eq!(shown(Value::Quantile(Cell::TooFew(7))), "n/a (7)");
        assert_eq!(
            (shown(Value::Real(1.25, 1)), shown(Value::Real(f64::NAN, 1))),
            ("1.2".into(), "-".into())
        );
        assert_eq!(Column::number("size", Unit::Named("KiB".into())).heading(), "size (KiB)");
    }
}
