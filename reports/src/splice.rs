//! Parts of a report between markers of another file.
//!
//! `<!-- swiotlb-bench:begin NAME -->` and `<!-- swiotlb-bench:end NAME -->` stand on lines of their own; what is
//! between them is replaced, and nothing else of the file changes. NAME may be several words, of which the end need
//! say the first only. A file whose markers do not pair is refused whole.

use std::fmt;

const BEGIN: &str = "<!-- swiotlb-bench:begin ";
const END: &str = "<!-- swiotlb-bench:end ";
const CLOSE: &str = " -->";

/// Why a file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SpliceError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: Wrong,
}

/// What is wrong with a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// A part begins inside another.
    Nested(String),
    /// A part that never ends.
    Open(String),
    /// An end without its beginning.
    Stray(String),
    /// A part that is there twice.
    Twice(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nested(name) => write!(f, "`{name}` begins inside another part: end that one first"),
            Self::Open(name) => write!(f, "`{name}` begins here and never ends: add `{END}{name}{CLOSE}`"),
            Self::Stray(name) => write!(f, "`{name}` ends here and has not begun"),
            Self::Twice(name) => write!(f, "`{name}` begins here a second time: keep one"),
        }
    }
}

/// A file with its parts replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spliced {
    /// The new text.
    pub text: String,
    /// Names of the parts that were replaced.
    pub replaced: Vec<String>,
    /// Names of those that were left as they are, since nothing is called so.
    pub left: Vec<String>,
}

/// `text` with what stands between the markers of each NAME replaced by `part(NAME)`, where that is something.
///
/// # Errors
/// [`SpliceError`] with the first line whose marker does not pair.
pub fn splice(text: &str, mut part: impl FnMut(&str) -> Option<String>) -> Result<Spliced, SpliceError> {
    let mut done =
        Spliced { text: String::with_capacity(text.len()), replaced: Vec::new(), left: Vec::new() };
    let mut open: Option<(&str, usize, bool)> = None;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let wrong = |what: fn(String) -> Wrong, name: &str| {
            Err(SpliceError { line: i + 1, what: what(crate::text::visible(name)) })
        };
        match (marker(line, BEGIN), marker(line, END), open) {
            (Some(name), _, Some(_)) => return wrong(Wrong::Nested, name),
            (Some(name), _, None) => {
                if done.replaced.iter().chain(&done.left).any(|seen| seen == name) {
                    return wrong(Wrong::Twice, name);
                }
                open = Some((name, i + 1, done.begin(line, name, part(name))));
            }
            (None, Some(name), Some((opened, ..))) if name == opened || is_first_word(name, opened) => {
                done.text.push_str(line);
                open = None;
            }
            (None, Some(name), _) => return wrong(Wrong::Stray, name),
            (None, None, Some((_, _, true))) => {}
            (None, None, _) => done.text.push_str(line),
        }
    }
    match open {
        Some((name, line, _)) => Err(SpliceError { line, what: Wrong::Open(crate::text::visible(name)) }),
        None => Ok(done),
    }
}

impl Spliced {
    /// Takes a part's first line, and its new text if there is one; says whether the old one goes.
    fn begin(&mut self, line: &str, name: &str, new: Option<String>) -> bool {
        self.text.push_str(line);
        let Some(new) = new else {
            self.left.push(name.to_owned());
            return false;
        };
        self.replaced.push(name.to_owned());
        self.text.push_str(&new);
        if !new.is_empty() && !new.ends_with('\n') {
            self.text.push('\n');
        }
        true
    }
}

fn is_first_word(word: &str, words: &str) -> bool {
    words.split_whitespace().next() == Some(word)
}

/// The name in a line that is a marker of this kind and nothing else.
fn marker<'t>(line: &'t str, kind: &str) -> Option<&'t str> {
    line.trim().strip_prefix(kind)?.strip_suffix(CLOSE).map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    const FILE: &str = "\
head
<!-- swiotlb-bench:begin a -->
old
<!-- swiotlb-bench:end a -->
between
  <!-- swiotlb-bench:begin b -->
kept
<!-- swiotlb-bench:end b -->
no end";

    #[test]
    fn what_is_between_the_markers_is_replaced_and_nothing_else() {
        let new = |name: &str| (name == "a").then(|| "new".to_owned());
        let done = splice(FILE, new).unwrap();
        assert_eq!(done.text, FILE.replace("old", "new"));
        assert_eq!((done.replaced, done.left), (vec!["a".to_owned()], vec!["b".to_owned()]));
        assert_eq!(splice(&done.text, new).unwrap().text, done.text, "twice is once");
        assert_eq!(splice("no marker\r\n", new).unwrap().text, "no marker\r\n");
        let words = FILE.replacen("begin a", "begin a x=1 by y", 1);
        let new = |name: &str| (name == "a x=1 by y").then(|| "new".to_owned());
        assert_eq!(
            splice(&words, new).unwrap().text,
            words.replace("old", "new"),
            "the end says the first word"
        );
    }

    #[test]
    fn markers_that_do_not_pair_are_refused_with_their_line() {
        let says = |text: &str, what: &str| {
            let error = splice(text, |_| Some(String::new())).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        let (begin, end) = (|n: &str| format!("{BEGIN}{n}{CLOSE}\n"), |n: &str| format!("{END}{n}{CLOSE}\n"));
        says(&format!("x\n{}", begin("a")), "line 2: `a` begins here and never ends");
        says(&format!("{}{}{}", begin("a"), begin("b"), end("b")), "line 2: `b` begins inside another");
        says(&end("a"), "line 1: `a` ends here and has not begun");
        says(&format!("{}{}", begin("a"), end("b")), "line 2: `b` ends here");
        says(&format!("{0}{1}{0}{1}", begin("a"), end("a")), "line 3: `a` begins here a second time");
    }
}
