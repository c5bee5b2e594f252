//! What is wrong with a suite, and where.

use std::fmt;

/// Line and column in a file, both counted from 1.
pub type Place = (usize, usize);

/// A mistake in a suite file, or in what a command line changes of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SuiteError {
    /// The file, or the flag.
    pub source_name: String,
    /// Where; absent where there is no text.
    pub place: Option<Place>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for SuiteError {
    /// `suites/areas.toml:12:3: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.source_name, self.message),
            None => write!(f, "{}: {}", self.source_name, self.message),
        }
    }
}

/// Line and column of a byte of `text`, counted from 1, columns in characters.
#[must_use]
pub fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// How many names a message suggests.
const SUGGESTIONS: usize = 3;
/// How many it names where none is near.
const NAMED: usize = 20;

/// "there is no WHAT `name`", with the nearest known names, or the first of them where none is near.
#[must_use]
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(name, &known);
    let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    if known.is_empty() {
        return format!("there is no {what} `{shown}`");
    }
    if near.is_empty() {
        let more = known.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return format!(
            "there is no {what} `{shown}`; there are {}{more}",
            known[..known.len().min(NAMED)].join(", ")
        );
    }
    let verb = if near.len() == 1 { "is" } else { "are" };
    format!("there is no {what} `{shown}`; the nearest {verb} {}", near.join(", "))
}

/// The known names that are few edits away, nearest first.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let length = name.chars().count();
    let most = (length / 3).max(2);
    // Each edit changes the length by one at most: a name of a megabyte is compared with none.
    let alike = |k: &str| k.chars().count().abs_diff(length) <= most || k.contains(name);
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .filter(|&&k| alike(k))
        .map(|&k| (strsim::osa_distance(name, k), k))
        .filter(|&(edits, k)| edits <= most || (name.len() >= 3 && k.contains(name)))
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, k)| k).take(SUGGESTIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a\nbé c\n";
        assert_eq!([place(text, 0), place(text, 2), place(text, 6)], [(1, 1), (2, 1), (2, 4)]);
        assert_eq!(place(text, 999), (3, 1));
    }

    #[test]
    fn the_nearest_names_are_listed() {
        let known = ["kernel", "lock-ticket", "lookup-sorted"];
        let message = unknown("policy", "kernal", known);
        assert_eq!(message, "there is no policy `kernal`; the nearest is kernel");
        assert!(unknown("policy", "zzzzzz", known).contains("there are kernel, lock-ticket"));
        assert_eq!(unknown("policy", "lokup-sorted", known).rsplit(' ').next(), Some("lookup-sorted"));
        assert_eq!(nearest("ticket", &known), ["lock-ticket"]);
        let long = "lookup-sorted".repeat(100_000);
        assert_eq!(nearest(&long, &["lookup-sorted"; 1_000]), [""; 0]);
    }
}
