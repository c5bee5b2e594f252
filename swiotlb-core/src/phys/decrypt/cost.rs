//! A cost without an effect: the time that a page-attribute change takes, as numbers to choose.
//!
//! Invariant: both directions cost the same, `fixed_spins` plus `per_page_spins` for every page begun, and
//! never fail. There is no clock here: how long a spin takes is measured by whoever reports.

use super::Decrypt;
use crate::addr::PhysAddr;
use crate::error::AttributeError;
use crate::phys::PhysMemory;
use crate::rules::PAGE_SIZE;
use core::hint::black_box;

/// Spins per call and per page. One spin is one step of a chain of dependent multiplications, a few cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostModel {
    /// Spins for a call, however many pages it changes (flushing caches and translations).
    pub fixed_spins: u64,
    /// Spins for each page (walking and changing its entry).
    pub per_page_spins: u64,
}

impl CostModel {
    /// Spins that a call for `bytes` bytes costs.
    #[must_use]
    pub const fn spins(&self, bytes: u64) -> u64 {
        let pages = bytes.div_ceil(PAGE_SIZE);
        self.fixed_spins.saturating_add(self.per_page_spins.saturating_mul(pages))
    }
}

/// Burns `spins` steps. Each needs the result of the one before, and `black_box` hides both ends, so the
/// chain is neither shortened nor run side by side.
fn spin(spins: u64) -> u64 {
    let mut value = black_box(1_u64);
    for _ in 0..spins {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    black_box(value)
}

impl Decrypt for CostModel {
    const ENCRYPTED: bool = true;

    fn decrypt(&self, _memory: &PhysMemory, _base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        spin(self.spins(bytes));
        Ok(())
    }

    fn encrypt(&self, _memory: &PhysMemory, _base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        spin(self.spins(bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_begun_count_in_full() {
        let model = CostModel { fixed_spins: 100, per_page_spins: 7 };
        assert_eq!([0, 1, 4096, 4097].map(|bytes| model.spins(bytes)), [100, 107, 107, 114]);
        let costly = CostModel { fixed_spins: 1, per_page_spins: u64::MAX };
        assert_eq!(costly.spins(8192), u64::MAX);
    }

    #[test]
    fn every_spin_is_a_step_of_the_chain() {
        let step = |value: u64| value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        assert_eq!(spin(0), 1);
        assert_eq!(spin(3), step(step(step(1))));
    }
}
