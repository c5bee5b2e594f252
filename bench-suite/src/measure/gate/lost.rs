//! Launches of a pair that are void, and when they are more than blocks may lose.
//!
//! A block with a void launch is discarded, and a busy host loses some on either side. What is none of the host's doing
//! is said here: a process that failed or was killed, one side void far more often than the other, too large a
//! share of either. Such a pair has no number, whatever the blocks say that are left.

use super::super::launch::has_failed;
use super::super::paired::Paired;
use reports::stats::binomial::{MOST, probability_at_most};

/// The largest share of a side's launches that may be void.
const MOST_SHARE: f64 = 0.25;
/// Void launches lie on one side where they would so seldom, were both sides alike, both directions together.
const ONE_SIDED: f64 = 0.01;

/// What the timed launches of a pair lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// A's launches, the null arm's among them: how many, and how many are void.
    a: (usize, usize),
    /// B's.
    b: (usize, usize),
    /// How many ended without a record of their own: the process failed, or was killed.
    failed: usize,
    /// Why the first of those is void; else the first that is.
    why: Option<String>,
}

impl Lost {
    /// What was lost of a pair.
    #[must_use]
    pub fn of(paired: &Paired<'_>) -> Self {
        let (mut lost, mut first, mut first_failed) = (Self::default(), None, None);
        for (arm, record) in paired.in_blocks() {
            let side = if arm == "B" { &mut lost.b } else { &mut lost.a };
            side.0 += 1;
            let Some(why) = &record.void else { continue };
            side.1 += 1;
            first.get_or_insert(why);
            if has_failed(record) {
                lost.failed += 1;
                first_failed.get_or_insert(why);
            }
        }
        lost.why = first_failed.or(first).cloned();
        lost
    }

    /// Whether the pair has no number for it.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        let share = |(all, void): (usize, usize)| void as f64 > MOST_SHARE * all as f64;
        self.failed > 0 || share(self.a) || share(self.b) || self.is_one_sided()
    }

    /// Whether one side is void far more often than the other. Both have as many launches.
    fn is_one_sided(&self) -> bool {
        let tosses = |void: usize| u32::try_from(void).unwrap_or(u32::MAX).min(MOST);
        let (more, fewer) = (self.a.1.max(self.b.1), self.a.1.min(self.b.1));
        let at_most = probability_at_most(tosses(more.saturating_add(fewer)), tosses(fewer));
        at_most.is_some_and(|p| 2.0 * p <= ONE_SIDED)
    }

    /// `void: A 0 of 24, B 12 of 24: the process failed (signal: 11)`; nothing where none is.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let why = self.why.as_ref()?;
        let ((all_a, void_a), (all_b, void_b)) = (self.a, self.b);
        // One line of what may be a page.
        let why = why.lines().next().unwrap_or_default().trim();
        Some(format!("void launches: A {void_a} of {all_a}, B {void_b} of {all_b}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(a: usize, b: usize, failed: usize) -> bool {
        Lost { a: (48, a), b: (48, b), failed, why: None }.is_too_much()
    }

    #[test]
    fn a_host_may_spoil_some_on_either_side_and_no_process_may_fail() {
        assert!(!lost(0, 0, 0) && !lost(12, 12, 0) && !lost(0, 7, 0) && !lost(3, 10, 0));
        assert!(lost(0, 1, 1), "a process failed");
        assert!(lost(13, 13, 0), "more than a quarter");
        assert!(lost(0, 8, 0) && lost(8, 0, 0) && lost(1, 11, 0), "one side");
    }
}
