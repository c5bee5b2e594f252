//! What is looked for: how many slots in a row, and where they may start.

use swiotlb_core::device::DeviceLimits;

use super::pool::{Pool, SLOT};

const PAGE: u64 = 4096;

/// A search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) nslots: usize,
    /// Slots from one place that is aligned and does not serve to the next that is looked at.
    pub(super) stride: u64,
    /// Address bits that are 0.
    align: u64,
    /// Address bits that are the original's.
    keep: u64,
    orig: u64,
    boundary_mask: u64,
}

/// Slots that hold so many bytes.
pub(super) fn nr_slots(bytes: u64) -> u64 {
    bytes.div_ceil(SLOT)
}

impl Want {
    /// Slots for an allocation of `bytes` bytes, 256 KiB at most.
    pub(super) fn new(limits: &DeviceLimits, orig: u64, bytes: u64, alloc_align_mask: u64) -> Self {
        let min = limits.min_align_mask;
        let to_a_page = alloc_align_mask == 0 && min == 0 && bytes >= PAGE;
        let align = (SLOT - 1) | if to_a_page { PAGE - 1 } else { alloc_align_mask };
        let keep = min & !align;
        Self {
            nslots: usize::try_from(nr_slots(bytes)).unwrap_or(usize::MAX),
            stride: (align.max(keep) / SLOT) + 1,
            align,
            keep,
            orig,
            boundary_mask: limits.seg_boundary_mask,
        }
    }

    /// Where the pool starts in the device's boundary window.
    fn start(&self, pool: &Pool) -> u64 {
        pool.base & self.boundary_mask
    }

    /// Whether a slot's address has the bits that are asked for.
    pub(super) fn may_start_at(&self, pool: &Pool, slot: usize) -> bool {
        let addr = self.start(pool) + slot as u64 * SLOT;
        let keeps = self.orig == 0 || addr & self.keep == self.orig & self.keep;
        addr & self.align == 0 && keeps
    }

    /// Whether slots from this one on would cross a boundary of the device.
    pub(super) fn crosses_boundary(&self, pool: &Pool, slot: usize) -> bool {
        let window = (self.boundary_mask / SLOT) + 1;
        let place = (nr_slots(self.start(pool)) + slot as u64) % window;
        place + self.nslots as u64 > window
    }
}
