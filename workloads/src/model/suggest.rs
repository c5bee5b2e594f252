//! The nearest known names to one that is unknown.

/// Up to three of `known` that are near to `name`, the nearest first: those that contain it or differ by
/// no more than a third of its letters (two at least).
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    let near = |candidate: &&'a str| {
        let edits = edits(name, candidate);
        let part = !name.is_empty() && candidate.contains(name);
        (edits <= limit || part).then_some((edits, *candidate))
    };
    let mut found: Vec<_> = known.iter().filter_map(near).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, candidate)| candidate).take(3).collect()
}

/// Letters to insert, delete, replace or swap with their neighbour to get from one to the other.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, &letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &other) in b.iter().enumerate() {
            let above = &rows[i];
            let mut best = (above[j] + usize::from(letter != other)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && letter == b[j - 1] && a[i - 1] == other {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn distances() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("nmve", "nvme"), 1);
    }

    #[test]
    fn typing_mistakes_find_their_model() {
        let near = |name| nearest(name, Model::names());
        assert_eq!(near("nmve"), ["nvme"]);
        assert_eq!(near("net-rx")[0], "net_rx");
        assert_eq!(near("net"), ["net_rx", "net_tx"]);
        assert_eq!(near("replay"), ["parallel_replay"]);
        assert!(near("quicksort").is_empty());
    }
}
