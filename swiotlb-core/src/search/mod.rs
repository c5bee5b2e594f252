//! Slot search: which run of free slots of an area serves a request.
//!
//! The candidates, their order and the steps between them are Linux's and the same for every search
//! that keeps placement: [`stepped_walk`]. A search decides how it knows that a run is free.
//!
//! | search | when it wins |
//! |---|---|
//! | [`FreeRunList`] | Linux's: one look tells a run's length; claims and frees rewrite counts |
//! | [`Bitmap`] | claims and frees of many slots touch two words; a run's length costs a scan of bits |
//! | [`Summary`] | full or fragmented areas: passes what cannot serve without looking slot by slot |
//! | [`Warm`] | large copies: hands out what was freed last, still in the cache; gives up Linux's placement |
//! | [`Offset`] | an allocator from outside as a peer: blocks by size bins; gives up Linux's placement |
//! | [`Lifo`] | single slots, by the list proposed in 2021; walks far for more; gives up Linux's placement |

mod bitmap;
mod free_run_list;
mod lifo;
pub(crate) mod mask;
mod offset;
#[cfg(test)]
mod offset_tests;
pub(crate) mod progression;
mod summary;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk_tests;
mod warm;

pub use bitmap::Bitmap;
pub use free_run_list::FreeRunList;
pub use lifo::Lifo;
pub use offset::Offset;
pub use summary::Summary;
pub use warm::Warm;

use crate::addr::PhysAddr;
use crate::device::DeviceLimits;
use crate::probe::Probe;
use crate::rules::{
    IO_TLB_SHIFT, IO_TLB_SIZE, MAX_POOL_SLABS, PAGE_SIZE, boundary_slots, nr_slots, spans_boundary,
};
use crate::slot::SlotTable;

/// The slots of one area: `[first, first + len)` of its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaRange {
    /// First slot.
    pub first: u32,
    /// Slots.
    pub len: u32,
}

/// One search, with all that does not depend on the area worked out before its lock is taken.
#[derive(Clone, Copy, Debug)]
pub struct SlotRequest {
    /// Slots wanted in a row.
    pub nslots: u32,
    /// Slots from one candidate to the next after one that is aligned but does not serve; at most 2^31.
    pub stride: u32,
    /// Address bits that must be 0.
    pub align: u64,
    /// Address bits that must equal [`SlotRequest::kept`]; none of them is in `align`.
    pub keep: u64,
    /// The original's address bits under `keep`.
    pub kept: u64,
    /// Slots between two boundaries of the device.
    pub window: u64,
    /// The device's boundary mask.
    pub boundary_mask: u64,
    /// Bytes of the whole allocation.
    pub alloc_size: u64,
    /// Bytes by which the buffer starts inside its first slot.
    pub slot_offset: u64,
    /// The CPU that asks; of use only to areas that spread their callers.
    pub cpu: u32,
}

/// A longer stride leads past the end of any area, as this one does.
const MAX_STRIDE: u32 = 1 << 31;
const _: () = assert!(MAX_POOL_SLABS < MAX_STRIDE as u64);

impl SlotRequest {
    /// The search for `alloc_size` bytes (1 byte to 256 KiB) for a buffer at `orig`, by CPU 0.
    #[inline]
    #[must_use]
    pub fn new(
        limits: &DeviceLimits,
        orig: PhysAddr,
        alloc_size: u64,
        alloc_align_mask: u64,
        offset: u64,
    ) -> Self {
        let min = limits.min_align_mask;
        // A page or more without any mask is page aligned (rule 4 of the search).
        let unmasked_page = alloc_align_mask == 0 && min == 0 && alloc_size >= PAGE_SIZE;
        let alloc_align_mask = if unmasked_page { PAGE_SIZE - 1 } else { alloc_align_mask };
        let align = alloc_align_mask | (IO_TLB_SIZE - 1);
        let keep = min & !align;
        let stride = (align.max(keep) >> IO_TLB_SHIFT).saturating_add(1).min(u64::from(MAX_STRIDE));
        Self {
            // At most 128: `alloc_size` is at most a segment.
            nslots: saturating_u32(nr_slots(alloc_size)),
            stride: saturating_u32(stride),
            align,
            // An original at 0 matches every candidate.
            keep: if orig.0 == 0 { 0 } else { keep },
            kept: if orig.0 == 0 { 0 } else { orig.0 & keep },
            window: boundary_slots(limits.seg_boundary_mask),
            boundary_mask: limits.seg_boundary_mask,
            alloc_size,
            slot_offset: offset & (IO_TLB_SIZE - 1),
            cpu: 0,
        }
    }

    /// Bytes of the allocation from slot `i` of the claim on (its buffer byte: where the original's offset lies in it), modulo 2^64: the
    /// allocation may end in its last slot before that byte, and then it is negative.
    #[inline]
    #[must_use]
    pub const fn left_at(&self, i: u32) -> u64 {
        self.alloc_size.wrapping_sub(self.slot_offset + ((i as u64) << IO_TLB_SHIFT))
    }

    /// Where a pool at `start` lies within the device's boundary window.
    #[inline]
    #[must_use]
    pub const fn in_window(&self, start: PhysAddr) -> InWindow {
        let base = start.0 & self.boundary_mask;
        InWindow { base, shift: nr_slots(base) }
    }

    /// Whether slot `index` has the address bits that are asked for.
    #[inline]
    #[must_use]
    pub const fn aligned(&self, at: InWindow, index: u32) -> bool {
        let addr = at.base.wrapping_add((index as u64) << IO_TLB_SHIFT);
        // Both conditions in one, because the bits are disjoint.
        addr & (self.align | self.keep) == self.kept
    }

    /// Whether the run from slot `index` would cross a boundary of the device.
    #[inline]
    #[must_use]
    pub const fn crosses(&self, at: InWindow, index: u32) -> bool {
        spans_boundary(index as u64, self.nslots as u64, at.shift, self.window)
    }
}

/// A pool's start as the device's boundary window sees it.
#[derive(Clone, Copy, Debug)]
pub struct InWindow {
    /// The pool's start modulo the window, in bytes; whole slots, as a pool starts on a page.
    pub base: u64,
    /// The same in slots, rounded up.
    pub shift: u64,
}

#[inline]
const fn saturating_u32(value: u64) -> u32 {
    if value > u32::MAX as u64 {
        u32::MAX
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "compared above")]
        let narrow = value as u32;
        narrow
    }
}

/// What an area asks of a search. All calls for one area come under its lock.
pub trait SlotSearch: Send + Sync + 'static {
    /// The descriptor table that goes with it. Of its own the search keeps there what the table has room for.
    type Table: SlotTable;
    /// The name in policy labels.
    const NAME: &'static str;
    /// Whether every answer equals Linux's.
    const KEEPS_PLACEMENT: bool;

    /// The search of an area whose slots are all free. `slots` is always the whole pool's table.
    fn new(slots: &Self::Table, area: AreaRange) -> Self;

    /// Free slots from `index` to the next taken one, or to the end of the segment or the pool.
    fn run(&self, slots: &Self::Table, index: u32) -> u32;

    /// The first slot of a free run for `req`, looked for from slot `from` (within the area) on.
    /// Nothing is claimed.
    fn find<C: Probe>(
        &self,
        slots: &Self::Table,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32>;

    /// [`SlotSearch::find`], then [`SlotSearch::take`] of what was found.
    #[inline(always)]
    fn claim<C: Probe>(
        &self,
        slots: &Self::Table,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let first = self.find(slots, area, at, req, from, probe)?;
        probe.written_at_map(self.take(slots, first, req));
        Some(first)
    }

    /// Claims the free run from `first` on for `req`, in the table too ([`SlotTable::claim`]). Returns
    /// entries of the search structure that were written.
    fn take(&self, slots: &Self::Table, first: u32, req: &SlotRequest) -> u32;

    /// Gives the claimed run `[first, first + n)` back, in the table too ([`SlotTable::forget`]). Returns
    /// entries of the search structure that were written.
    fn give(&self, slots: &Self::Table, first: u32, n: u32) -> u32;
}

/// Linux's walk over the candidates of an area: from `from`, wrapping to the area's first slot, until as
/// many slots were stepped over as the area has. A candidate that is not aligned costs one slot, one
/// that is aligned but does not serve costs a stride; a step to or past the end goes to the first slot
/// and still counts in full, so that with an alignment the last candidates may stay unseen.
/// `run_is(within, n)` says whether at least `n` slots are free from slot `within` of the area on.
///
/// The same questions as [`SlotRequest::aligned`] and [`SlotRequest::crosses`], asked in slots instead of
/// bytes, and with all that does not change worked out before the loop: a pool and so each of its slots
/// starts at a multiple of a slot, hence both ask about the low bits of one number. Inlined, so that all of
/// it stays in registers.
#[inline(always)]
pub fn stepped_walk<C: Probe>(
    area: AreaRange,
    at: InWindow,
    req: &SlotRequest,
    from: u32,
    probe: &C,
    run_is: impl Fn(u32, u32) -> bool,
) -> Option<u32> {
    debug_assert!(at.base.is_multiple_of(IO_TLB_SIZE) && req.window.is_power_of_two());
    let SlotRequest { nslots, stride, .. } = *req;
    let origin = at.shift.wrapping_add(u64::from(area.first));
    let (fixed, kept) = ((req.align | req.keep) >> IO_TLB_SHIFT, req.kept >> IO_TLB_SHIFT);
    let in_window = req.window - 1;
    // Negative if no place in the window is far enough from its end. Both fit: a window is at most 2^53.
    let last = req.window.cast_signed() - i64::from(nslots);
    let mut within = from;
    let mut stepped = 0;
    while stepped < area.len {
        let place = origin.wrapping_add(u64::from(within));
        let mut step = 1;
        if place & fixed == kept {
            let crosses = (place & in_window).cast_signed() > last;
            if !crosses && run_is(within, nslots) {
                debug_assert!(req.aligned(at, area.first + within) && !req.crosses(at, area.first + within));
                probe.slots_scanned(stepped);
                return Some(area.first + within);
            }
            step = stride;
        }
        // Below 2^32: an area has at most 2^25 slots, a stride at most 2^31.
        stepped += step;
        within += step;
        if within >= area.len {
            // A branch that is taken once a round: as a conditional move it would lengthen every step.
            core::hint::cold_path();
            within = 0;
        }
    }
    probe.slots_scanned(stepped);
    None
}
