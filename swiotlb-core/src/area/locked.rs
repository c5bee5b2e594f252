//! An area as Linux has it: one lock around a slot search.
//!
//! With a lock of four bytes and a search without state it takes 16 bytes, four to a cache line, as
//! `struct io_tlb_area` does.

use super::{AreaNames, AreaSlots, Hold};
use crate::lock::{AreaLock, HoldLock};
use crate::probe::Probe;
use crate::search::{AreaRange, InWindow, SlotRequest, SlotSearch};
use crate::slot::SlotTable;
use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// A lock, the two numbers it protects, and a search.
#[repr(C)]
pub struct Locked<L, S> {
    // Relaxed throughout: written under the lock only. `used` is also read without it, by statistics,
    // which then see some recent value.
    used: AtomicU64,
    index: AtomicU32,
    lock: L,
    search: S,
}

impl<L: AreaLock, S: SlotSearch> Locked<L, S> {
    /// Under the lock: `n` more slots are in use.
    #[inline]
    fn claimed(&self, n: u32) {
        self.used.store(self.used.load(Relaxed) + u64::from(n), Relaxed);
    }
}

impl<L: AreaLock, S: SlotSearch> AreaSlots for Locked<L, S> {
    type Table = S::Table;
    const KEEPS_PLACEMENT: bool = S::KEEPS_PLACEMENT;

    fn names() -> AreaNames {
        AreaNames { lock: L::NAME, search: S::NAME, slots: S::Table::NAME, layout: "packed" }
    }

    fn new(slots: &S::Table, range: AreaRange) -> Self {
        Self {
            used: AtomicU64::new(0),
            index: AtomicU32::new(0),
            lock: L::default(),
            search: S::new(slots, range),
        }
    }

    // Part of the walk over areas: out of line, the request would go through memory.
    #[inline(always)]
    fn find_slots<C: Probe>(
        &self,
        slots: &S::Table,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32> {
        probe.area_tried();
        probe.lock_taken();
        self.lock.with(probe, || {
            let used = self.used.load(Relaxed);
            if u64::from(req.nslots) > u64::from(range.len) - used {
                return None;
            }
            let first = self.search.claim(slots, range, at, req, self.index.load(Relaxed), probe)?;
            let next = first + req.nslots - range.first;
            self.index.store(if next < range.len { next } else { 0 }, Relaxed);
            self.used.store(used + u64::from(req.nslots), Relaxed);
            Some(first)
        })
    }

    #[inline]
    fn release_slots<C: Probe>(&self, slots: &S::Table, _range: AreaRange, first: u32, n: u32, probe: &C) {
        probe.lock_taken();
        self.lock.with(probe, || {
            probe.written_at_unmap(self.search.give(slots, first, n));
            self.used.store(self.used.load(Relaxed) - u64::from(n), Relaxed);
        });
    }

    fn claim_at(&self, slots: &S::Table, range: AreaRange, first: u32, req: &SlotRequest) -> bool {
        self.lock.with(&(), || {
            let fits = first >= range.first
                && first + req.nslots <= range.first + range.len
                && self.search.run(slots, first) >= req.nslots;
            if fits {
                self.search.take(slots, first, req);
                self.claimed(req.nslots);
            }
            fits
        })
    }

    fn peek(&self, slots: &S::Table, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32> {
        // Without the early exit: more than is free has no run either.
        self.lock.with(&(), || self.search.find(slots, range, at, req, self.index.load(Relaxed), &()))
    }

    fn free_run(&self, slots: &S::Table, slot: u32) -> u32 {
        self.lock.with(&(), || self.search.run(slots, slot))
    }

    #[inline]
    fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    fn index(&self) -> u32 {
        self.index.load(Relaxed)
    }

    fn set_index(&self, range: AreaRange, index: u32) {
        self.lock.with(&(), || self.index.store(if index < range.len { index } else { 0 }, Relaxed));
    }
}

impl<L: HoldLock, S: SlotSearch> Hold for Locked<L, S> {
    fn hold_still(&self) -> impl Sized {
        self.lock.hold()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PhysAddr;
    use crate::device::DeviceLimits;
    use crate::lock::QueuedSpin;
    use crate::probe::Counters;
    use crate::rules::IO_TLB_SIZE;
    use crate::search::FreeRunList;
    use crate::slot::EachSlot;

    #[test]
    fn more_than_is_free_is_refused_before_any_slot_is_looked_at() {
        let range = AreaRange { first: 128, len: 128 };
        let slots = EachSlot::new(256);
        let area = Locked::<QueuedSpin, FreeRunList>::new(&slots, range);
        let at = InWindow { base: 0, shift: 0 };
        let request = |n| SlotRequest::new(&DeviceLimits::default(), PhysAddr(0), n * IO_TLB_SIZE, 0x7ff, 0);
        assert!(area.claim_at(&slots, range, 190, &request(4)));
        let looked = |n| {
            let counters = Counters::default();
            let found = area.find_slots(&slots, range, at, &request(n), &counters);
            (found, counters.get().slots_scanned)
        };
        assert_eq!((looked(125), looked(124)), ((None, 0), (None, 128)));
    }

    #[test]
    fn four_areas_share_a_cache_line_as_in_linux() {
        assert_eq!(size_of::<Locked<QueuedSpin, FreeRunList>>(), 16);
    }
}
