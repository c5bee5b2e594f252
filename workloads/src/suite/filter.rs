//! Choosing cells: `policy=lock-*,pools>=64,position=head|tail`.
//!
//! Terms are joined by commas and all have to hold. A term is `key=pattern`, `key!=pattern` (patterns
//! may hold `*` and `?`, and `|` joins several), `key<value`, `key<=value`, `key>value`, `key>=value`; a
//! term without a key is a pattern that the whole id has to hold somewhere.

use super::error::{Place, unknown};
use super::value::Quantity;
use std::collections::BTreeMap;
use wildmatch::WildMatch;

/// A condition on cells; without terms it chooses all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: Option<String>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Any(Vec<String>),
    None(Vec<String>),
    Bound(&'static str, Quantity),
}

/// Longest first, so that `<=` is not read as `<`.
const OPERATORS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let terms = text.split(',').map(str::trim).filter(|t| !t.is_empty());
        Ok(Self { terms: terms.map(term).collect::<Result<_, _>>()?, place: None })
    }

    /// One term `key=value` for each pair.
    #[must_use]
    pub fn equal<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let term = |(key, value): (&str, String)| Term {
            key: Some(key.to_owned()),
            test: Test::Any(value.split('|').map(str::to_owned).collect()),
        };
        Self { terms: pairs.into_iter().map(term).collect(), place: None }
    }

    /// The same condition, written at `place` of a suite file.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Where it is written, if it is in a suite file.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.place
    }

    /// The first pattern that fits none of its key's values, in words with the nearest ones. Keys that
    /// `values` lacks are passed over.
    #[must_use]
    pub fn stranger(&self, values: &BTreeMap<String, Vec<String>>) -> Option<String> {
        self.terms.iter().find_map(|term| {
            let (Test::Any(patterns) | Test::None(patterns)) = &term.test else { return None };
            let key = term.key.as_ref()?;
            let there = values.get(key)?;
            let strange = patterns.iter().find(|pattern| !there.iter().any(|value| fits(pattern, value)))?;
            Some(unknown(key, strange, there.iter().map(String::as_str)))
        })
    }

    /// The keys that it asks about.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|term| term.key.as_deref())
    }

    /// Whether a cell with this id and these values is chosen. A key that the cell lacks is no match,
    /// and no mismatch for `!=`.
    #[must_use]
    pub fn matches(&self, id: &str, values: &BTreeMap<String, String>) -> bool {
        self.terms.iter().all(|term| {
            let value = match &term.key {
                None => Some(id),
                Some(key) => values.get(key).map(String::as_str),
            };
            match (&term.test, value) {
                (Test::None(_), None) => true,
                (_, None) => false,
                (Test::Any(patterns), Some(value)) => patterns.iter().any(|p| fits(p, value)),
                (Test::None(patterns), Some(value)) => !patterns.iter().any(|p| fits(p, value)),
                (Test::Bound(operator, bound), Some(value)) => within(operator, *bound, value),
            }
        })
    }
}

fn term(text: &str) -> Result<Term, String> {
    let found = OPERATORS.iter().filter_map(|op| text.find(op).map(|at| (at, *op)));
    let Some((at, operator)) = found.min_by_key(|&(at, op)| (at, usize::MAX - op.len())) else {
        let pattern = format!("*{text}*");
        return Ok(Term { key: None, test: Test::Any(vec![pattern]) });
    };
    let (key, value) = (text[..at].trim(), text[at + operator.len()..].trim());
    if key.is_empty() || value.is_empty() {
        return Err(format!("`{}` is no condition: write key=value", text.escape_debug()));
    }
    let patterns = || value.split('|').map(|p| p.trim().to_owned()).collect();
    let test = match operator {
        "=" => Test::Any(patterns()),
        "!=" => Test::None(patterns()),
        bound => {
            let read = Quantity::parse(value);
            let error = || format!("`{}` is no number to compare with", value.escape_debug());
            Test::Bound(bound, read.ok_or_else(error)?)
        }
    };
    Ok(Term { key: Some(key.to_owned()), test })
}

fn fits(pattern: &str, value: &str) -> bool {
    let same = Quantity::parse(pattern).is_some_and(|p| Quantity::parse(value) == Some(p));
    same || WildMatch::new(pattern).matches(value)
}

fn within(operator: &str, bound: Quantity, value: &str) -> bool {
    let Some(value) = Quantity::parse(value).filter(|v| v.unit == bound.unit) else { return false };
    match operator {
        "<" => value.number < bound.number,
        "<=" => value.number <= bound.number,
        ">" => value.number > bound.number,
        _ => value.number >= bound.number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(filter: &str) -> bool {
        let values = [("policy", "lock-ticket"), ("pools", "64"), ("size", "4KiB")];
        let values = values.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        Filter::parse(filter).expect(filter).matches("s/policy=lock-ticket,pools=64", &values)
    }

    #[test]
    fn terms_have_to_hold_all() {
        for filter in [
            "",
            "policy=lock-*",
            "policy=kernel|lock-ticket",
            "pools>=64",
            "pools<65,pools>63",
            "pools!=1",
            "size=4096B",
            "size<=4KiB",
            "pools=64",
            "ticket,pools",
            "absent!=1",
            " policy = lock-ticket ",
        ] {
            assert!(chosen(filter), "{filter}");
        }
        for filter in ["policy=kernel", "pools>64", "absent=1", "policy=lock-*,pools=1", "size>4", "std"] {
            assert!(!chosen(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for filter in ["=1", "pools=", "pools<many"] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
