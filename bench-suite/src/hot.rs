//! Where the measured loops lie in this program, so that `ci/hot_paths.sh` can look at their instructions.
//!
//! Every loop that runs a batch between two readings of the clock is a function of its own, never inlined, and
//! is called once per batch. Invariant: the addresses are those of the functions that the runs call; a policy
//! cannot be in the registry without them.

use crate::policies;
use std::fmt::Write as _;

/// A loop: its name, and its first instruction.
pub(crate) type Loop = (&'static str, *const ());

/// A line for each loop of each policy: how many bytes it lies after this function, the policy, the loop. A
/// distance, because the program is loaded anywhere.
#[inline(never)]
#[must_use]
pub fn loops() -> String {
    let here = (loops as *const ()).addr();
    let mut text = String::new();
    for entry in policies::ALL {
        for (name, at) in entry.runs.loops() {
            let distance = at.addr().wrapping_sub(here).cast_signed();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{distance} {} {name}", entry.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_policy_has_every_loop_once() {
        let text = loops();
        let named: BTreeSet<_> =
            text.lines().filter_map(|line| line.split_once(' ')).map(|at| at.1).collect();
        let each = policies::KERNEL.runs.loops().len();
        assert_eq!(each, 11);
        assert_eq!((named.len(), text.lines().count()), (each * policies::ALL.len(), named.len()));
    }
}
