//! The memory that one machine after another stands on. Fresh memory costs a fault for each page, which took
//! more time than everything else; memory that is used again costs only the bytes that were dirtied.
//!
//! Invariant: after [`Ground::cleaned`] every byte is zero. So whoever lets bytes be written says where.

use core::cell::RefCell;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::{HugePages, PhysMemory};
use swiotlb_core::rules::PAGE_SIZE;

/// Windows that are kept; a ground with more is replaced.
const MAX_WINDOWS: usize = 48;

/// Ranges that are remembered; ground with more is replaced.
const MAX_DIRTY: usize = 1 << 16;

/// Memory, and where it may not be zero.
pub struct Ground {
    /// The memory.
    pub memory: Arc<PhysMemory>,
    dirty: RefCell<Vec<(PhysAddr, u64)>>,
}

impl Default for Ground {
    fn default() -> Self {
        Self { memory: Arc::new(PhysMemory::with_hint(HugePages::Always)), dirty: RefCell::default() }
    }
}

impl Ground {
    /// Says that `[addr, addr + bytes)` may be written, and the pages around it.
    pub fn dirty(&self, addr: PhysAddr, bytes: u64) {
        let start = PhysAddr(addr.0.saturating_sub(PAGE_SIZE));
        let mut dirty = self.dirty.borrow_mut();
        if dirty.len() < MAX_DIRTY {
            dirty.push((start, bytes.saturating_add(2 * PAGE_SIZE)));
        }
    }

    /// The same ground, all zero. What the host refuses to clean is replaced by new memory.
    pub fn cleaned(self) -> Self {
        let Self { memory, dirty } = self;
        let dirty = dirty.into_inner();
        let clean = dirty.len() < MAX_DIRTY
            && dirty.into_iter().all(|(addr, bytes)| memory.zero(addr, bytes).is_ok());
        if clean && memory.mapped_windows() <= MAX_WINDOWS {
            Self { memory, dirty: RefCell::default() }
        } else {
            Self::default()
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn what_was_dirtied_is_zero_again() {
        let ground = Ground::default();
        ground.dirty(PhysAddr(0x2000), 8);
        ground.memory.write(PhysAddr(0x2004), &[7; 0x1000]).unwrap();
        let ground = ground.cleaned();
        let mut seen = [1; 0x2000];
        ground.memory.read(PhysAddr(0x2000), &mut seen).unwrap();
        assert!(seen.iter().all(|&byte| byte == 0));
        assert_eq!(ground.memory.mapped_windows(), 1);
    }

    #[test]
    fn ground_with_too_much_to_clean_is_replaced() {
        let ground = Ground::default();
        ground.memory.ensure(PhysAddr(0), 1).unwrap();
        (0..MAX_DIRTY + 1).for_each(|_| ground.dirty(PhysAddr(0), 1));
        assert_eq!(ground.cleaned().memory.mapped_windows(), 0);
    }

    #[test]
    fn ground_that_cannot_be_cleaned_is_replaced() {
        let ground = Ground::default();
        ground.memory.ensure(PhysAddr(0), 1).unwrap();
        ground.dirty(PhysAddr(u64::MAX), 1);
        assert_eq!(ground.cleaned().memory.mapped_windows(), 0);
    }
}
