//! What can be booted with: sizes, areas, growth and policies to try.
//!
//! Sizes are powers of two, because the kernel rounds up to one where an area count is set. The smallest is the
//! one that holds an eighth of what the load wants at once, the largest holds it four times; each area is a
//! segment at least.

use crate::policies;
use std::fmt;
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SIZE};

/// Least and most slots of any candidate: 1 MiB and 1 GiB.
const SLOTS: (u64, u64) = (512, 1 << 19);

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Slots of the default pool.
    pub nslabs: u64,
    /// Its areas.
    pub nareas: u32,
    /// Whether the allocator grows (`CONFIG_SWIOTLB_DYNAMIC`).
    pub grow: bool,
    /// The policy's name.
    pub policy: &'static str,
}

impl Candidate {
    /// The boot parameter.
    #[must_use]
    pub fn boot(&self) -> String {
        format!("swiotlb={},{}", self.nslabs, self.nareas)
    }

    /// Bytes of the default pool.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.nslabs * IO_TLB_SIZE
    }

    /// The same with half the slots, if the areas still are a segment each.
    #[must_use]
    pub fn one_smaller(&self) -> Option<Self> {
        let nslabs = self.nslabs / 2;
        let fits = nslabs >= u64::from(self.nareas) * u64::from(IO_TLB_SEGSIZE) && nslabs >= SLOTS.0;
        fits.then(|| Self { nslabs, ..self.clone() })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.boot())?;
        f.write_str(if self.grow { " growing" } else { "" })?;
        if self.policy == "kernel" { Ok(()) } else { write!(f, " {}", self.policy) }
    }
}

/// The candidates for a load that wants `high_water` slots at once on `cpus` CPUs, by rising memory.
#[must_use]
pub fn candidates(high_water: u64, cpus: u32, policies: &[&'static str]) -> Vec<Candidate> {
    let cap = |slots: u64| slots.clamp(SLOTS.0, SLOTS.1).next_power_of_two();
    let (least, most) = (cap(high_water / 8), cap(high_water.saturating_mul(4)));
    let mut all = Vec::new();
    let mut nslabs = least;
    while nslabs <= most {
        for nareas in areas(cpus) {
            if nslabs >= u64::from(nareas) * u64::from(IO_TLB_SEGSIZE) {
                for grow in [false, true] {
                    let able = policies.iter().filter(|policy| !grow || grows(policy));
                    all.extend(able.map(|&policy| Candidate { nslabs, nareas, grow, policy }));
                }
            }
        }
        nslabs *= 2;
    }
    all
}

/// Whether growth changes anything of a policy: a library may have no part of it.
fn grows(policy: &str) -> bool {
    policies::by_name(policy).is_ok_and(|entry| entry.build.abilities().grows)
}

/// One area, one for each CPU, and what lies between at steps of four.
fn areas(cpus: u32) -> Vec<u32> {
    let most = cpus.max(1).next_power_of_two();
    let mut areas = vec![1];
    while areas.last().is_some_and(|last| last * 4 < most) {
        areas.extend(areas.last().map(|last| last * 4));
    }
    if most > 1 {
        areas.push(most);
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_end_with_one_for_each_cpu() {
        assert_eq!(areas(1), [1]);
        assert_eq!(areas(2), [1, 2]);
        assert_eq!(areas(3), [1, 4]);
        assert_eq!(areas(24), [1, 4, 16, 32]);
    }

    #[test]
    fn sizes_are_powers_of_two_around_the_high_water_mark() {
        let all = candidates(3_000, 4, &["kernel"]);
        let (first, last) = (&all[0], &all[all.len() - 1]);
        assert_eq!((first.nslabs, last.nslabs), (512, 16_384));
        assert!(all.iter().all(|c| c.nslabs.is_power_of_two() && c.nslabs >= u64::from(c.nareas) * 128));
        assert_eq!(first.one_smaller(), None);
        assert_eq!(last.one_smaller().map(|c| c.boot()), Some("swiotlb=8192,4".to_owned()));
    }
}
