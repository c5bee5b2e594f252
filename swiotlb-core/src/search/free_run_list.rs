//! Linux's slot search: each descriptor holds the number of free slots from it to the next taken slot
//! or to the end of its segment (or pool); 0 means taken.
//!
//! Invariant, under the area's lock: `mark` of slot i equals [`SlotSearch::run`] of slot i.

use super::{AreaRange, InWindow, SlotRequest, SlotSearch, stepped_walk};
use crate::probe::Probe;
use crate::rules::{initial_run, segment_end, segment_start};
use crate::slot::{EachSlot, Slot, SlotTable};
use crate::sync::{AtomicU16, Ordering::Relaxed};

/// The free-run list (the `list` member of `struct io_tlb_slot`). Takes no memory of its own.
pub struct FreeRunList;

#[inline]
fn count(slot: &Slot<AtomicU16>) -> u16 {
    // Relaxed: all accesses come under the area's lock.
    slot.mark.load(Relaxed)
}

/// Counts the free slots before `first` in its segment up again, the nearest as `run` + 1.
#[inline]
fn extend_backwards(slots: &[Slot<AtomicU16>], first: u32, mut run: u16) -> u32 {
    let segment = &slots[segment_start(first) as usize..first as usize];
    let mut written = 0;
    for slot in segment.iter().rev() {
        if count(slot) == 0 {
            break;
        }
        run += 1;
        slot.mark.store(run, Relaxed);
        written += 1;
    }
    written
}

impl SlotSearch for FreeRunList {
    type Table = EachSlot<AtomicU16>;
    const NAME: &'static str = "list";
    const KEEPS_PLACEMENT: bool = true;

    fn new(slots: &Self::Table, area: AreaRange) -> Self {
        for i in area.first..area.first + area.len {
            // At most 128.
            let run = u16::try_from(initial_run(i, slots.nslabs())).unwrap_or(0);
            slots.slot(i).mark.store(run, Relaxed);
        }
        Self
    }

    #[inline]
    fn run(&self, slots: &Self::Table, index: u32) -> u32 {
        u32::from(count(slots.slot(index)))
    }

    #[inline(always)]
    fn find<C: Probe>(
        &self,
        slots: &Self::Table,
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let own = &slots.slots[area.first as usize..][..area.len as usize];
        // A request takes at most a segment's 128 slots.
        let wanted = u16::try_from(req.nslots).unwrap_or(u16::MAX);
        stepped_walk(area, at, req, from, probe, |within, _| count(&own[within as usize]) >= wanted)
    }

    #[inline]
    fn take(&self, slots: &Self::Table, first: u32, req: &SlotRequest) -> u32 {
        // Descriptor by descriptor, as Linux does: count and size in one pass.
        let slots = &slots.slots;
        for (i, slot) in (0..).zip(&slots[first as usize..(first + req.nslots) as usize]) {
            slot.mark.store(0, Relaxed);
            slot.set_alloc_size(req.left_at(i));
        }
        req.nslots + extend_backwards(slots, first, 0)
    }

    #[inline]
    fn give(&self, slots: &Self::Table, first: u32, n: u32) -> u32 {
        let nslabs = slots.nslabs();
        let slots = &slots.slots;
        let after = first + n;
        let mut run = if after < segment_end(first, nslabs) { count(&slots[after as usize]) } else { 0 };
        for slot in slots[first as usize..after as usize].iter().rev() {
            run += 1;
            slot.mark.store(run, Relaxed);
            slot.forget();
        }
        n + extend_backwards(slots, first, run)
    }
}
