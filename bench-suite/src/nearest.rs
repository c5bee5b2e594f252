//! How alike two names are, for messages about a name that is not known.

/// Letters to insert, drop or change to make `a` of `b` (Levenshtein distance). Compares at most 100 letters of
/// each: names come from command lines.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    const MOST: usize = 100;
    let b: Vec<char> = b.chars().take(MOST).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(MOST).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_to_change() {
        let cases =
            [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)];
        for (a, b, n) in cases {
            assert_eq!(distance(a, b), n, "{a} {b}");
        }
    }
}
