//! One value of a table as a page shows it and sorts it.

use super::leading::leading;
use crate::latency::MAX_NS;
use crate::quantile;
use crate::table::{Align, Value};

/// Bytes of a text that is never broken but at blanks.
const SHORT: usize = 24;

/// A value on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// What people read; one line, not escaped, in pieces between which a long word of many parts (a cell's id) may
    /// be broken.
    pub pieces: Vec<String>,
    /// What it is sorted by, where it is or begins with a number; empty for words, which are sorted as they read.
    pub key: String,
    /// Whether it lines up at the right.
    pub right: bool,
}

impl Cell {
    /// `value` in a column of this alignment.
    pub(super) fn of(value: &Value, align: Align) -> Self {
        Self { pieces: pieces(&value.shown()), key: key(value), right: align == Align::Right }
    }
}

/// Pieces that each end in what parts an id; the whole, where that is short.
fn pieces(shown: &str) -> Vec<String> {
    if shown.len() <= SHORT {
        return vec![shown.to_owned()];
    }
    shown.split_inclusive([',', '/', '=']).map(str::to_owned).collect()
}

/// The number behind a value. What is too long for a histogram comes after everything in it.
fn key(value: &Value) -> String {
    match value {
        Value::Count(n) | Value::Ns(n) | Value::Quantile(quantile::Cell::Value(n)) => n.to_string(),
        Value::Quantile(quantile::Cell::Above(ns)) => ns.saturating_add(1).max(MAX_NS).to_string(),
        Value::Real(x, _) if x.is_finite() => short(*x),
        Value::Text(text) => leading(text).map(|number| number.to_string()).unwrap_or_default(),
        Value::Real(..) | Value::Missing | Value::Quantile(quantile::Cell::TooFew(_)) => String::new(),
    }
}

/// Seven significant digits: enough to sort by, and a third of the bytes.
fn short(x: f64) -> String {
    format!("{x:.6e}").parse().unwrap_or(x).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_themselves_and_not_by_how_they_read() {
        let cell = |value: &Value| (Cell::of(value, Align::Right).pieces.concat(), key(value));
        let both = |shown: &str, key: &str| (shown.to_owned(), key.to_owned());
        assert_eq!(cell(&Value::Count(12_345)), both("12,345", "12345"));
        assert_eq!(cell(&Value::Ns(12_345)), both("12.3 us", "12345"));
        assert_eq!(cell(&Value::Quantile(quantile::Cell::Above(60_000_000_000))).1, "60000000001");
        assert_eq!(cell(&Value::Quantile(quantile::Cell::TooFew(3))), both("n/a (3)", ""));
        assert_eq!(cell(&Value::Real(-1.25, 1)), both("-1.2", "-1.25"));
        assert_eq!((cell(&Value::Real(f64::NAN, 1)), cell(&Value::Missing)), (both("-", ""), both("-", "")));
        assert_eq!(key(&Value::Real(0.018_587_473_638_370_808, 3)), "0.01858747");
        assert_eq!(cell(&Value::Text("a\nb".into())), both("a\\nb", ""));
        assert_eq!(cell(&Value::Text("64KiB".into())), both("64KiB", "65536"));
    }

    #[test]
    fn long_ids_may_be_broken_between_their_parts() {
        assert_eq!(pieces("swiotlb=8192,4"), ["swiotlb=8192,4"]);
        let id = "find-pool/policy=kernel,pools=1024";
        assert_eq!(pieces(id), ["find-pool/", "policy=", "kernel,", "pools=", "1024"]);
        assert_eq!(pieces(id).concat(), id);
    }
}
