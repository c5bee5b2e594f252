//! Names that a form can hold, made of names that come from records and may hold anything.
//!
//! Invariant: two names that differ stay different. What can be kept is kept as it is; where anything had to be
//! replaced or cut, the name's hash stands at its end.

use crate::fingerprint::fnv_1a;

/// Which characters a form keeps, and how many bytes it holds.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Whether a character may stand in the name.
    pub keeps: fn(char) -> bool,
    /// Bytes of the longest name.
    pub most: usize,
}

/// Bytes of a hash and the mark before it.
const HASH: usize = 17;

/// A name of a file or folder, as criterion makes them: at most 64 bytes, nothing that any file system forbids.
pub const FILE: Rule = Rule {
    keeps: |c| !c.is_control() && !matches!(c, '?' | '"' | '/' | '\\' | '*' | '<' | '>' | ':' | '|' | '^'),
    most: 64,
};

/// One word of a text whose fields are split at white space.
pub const WORD: Rule = Rule { keeps: |c| !c.is_control() && !c.is_whitespace(), most: 1_024 };

impl Rule {
    /// `name` by this rule. A name that begins with a dot, or is empty, counts as one that cannot be kept.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        let fits = name.len() <= self.most && name.chars().all(self.keeps);
        if fits && !name.is_empty() && !name.starts_with('.') {
            return name.to_owned();
        }
        let kept = name.trim_start_matches('.').chars().map(|c| if (self.keeps)(c) { c } else { '_' });
        let mut out = String::new();
        for c in kept {
            if out.len() + c.len_utf8() + HASH > self.most {
                break;
            }
            out.push(c);
        }
        format!("{out}-{:016x}", fnv_1a(name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_fits_is_kept() {
        for name in ["slot-search", "policy=kernel,slots=1,state=empty", "größer", "a.b"] {
            assert_eq!(FILE.name(name), name);
        }
        assert_eq!(WORD.name("ext:/a/x.so"), "ext:/a/x.so");
    }

    #[test]
    fn what_does_not_stays_different_and_leads_nowhere() {
        let long = "x".repeat(65);
        let names = ["", ".", "..", "../x", "/x", "a/b", "a_b", "a:b", "a\0b", "a\nb", &long, &long[1..]];
        let safe: BTreeSet<String> = names.iter().map(|name| FILE.name(name)).collect();
        assert_eq!(safe.len(), names.len());
        for name in &safe {
            assert!(name.len() <= 64 && !name.contains('/') && !name.starts_with('.'), "{name}");
        }
        let words = ["a b", "a\tb", "a\u{a0}b", "a_b"].map(|name| WORD.name(name));
        assert!(words.iter().all(|name| !name.contains(char::is_whitespace)), "{words:?}");
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn cutting_counts_bytes_and_splits_no_character() {
        let name = FILE.name(&"漢".repeat(40));
        assert!(name.len() <= 64 && name.starts_with("漢漢"), "{name}");
    }
}
