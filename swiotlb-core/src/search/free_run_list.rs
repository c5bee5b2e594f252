//! Linux's slot search: each descriptor holds the number of free slots from it to the next taken slot
//! or to the end of its segment (or pool); 0 means taken.
//!
//! Invariant, under the area's lock: `mark` of slot i equals [`SlotSearch::run`] of slot i.

use super::{AreaRange, InWindow, SlotRequest, SlotSearch, stepped_walk};
use crate::probe::Probe;
use crate::rules::{initial_run, segment_end, segment_start};
use crate::slot::{Count, EachSlot, Slot, SlotTable};
use crate::sync::{AtomicU16, Ordering::Relaxed};
use core::marker::PhantomData;

/// The free-run list (the `list` member of `struct io_tlb_slot`). Takes no memory of its own; its counts stand in the
/// descriptors as `M`.
pub struct FreeRunList<M = AtomicU16>(PhantomData<M>);

#[inline]
fn count<M: Count>(slot: &Slot<M>) -> u16 {
    // Relaxed: all accesses come under the area's lock.
    slot.mark.count().load(Relaxed)
}

#[inline]
fn set_count<M: Count>(slot: &Slot<M>, run: u16) {
    // Relaxed: as above.
    slot.mark.count().store(run, Relaxed);
}

/// Counts the free slots before `first` in its segment up again, the nearest as `run` + 1.
#[inline]
fn extend_backwards<M: Count>(slots: &[Slot<M>], first: u32, mut run: u16) -> u32 {
    let segment = &slots[segment_start(first) as usize..first as usize];
    let mut written = 0;
    for slot in segment.iter().rev() {
        if count(slot) == 0 {
            break;
        }
        run += 1;
        set_count(slot, run);
        written += 1;
    }
    written
}

impl<M: Count> SlotSearch for FreeRunList<M> {
    type Table = EachSlot<M>;
    const NAME: &'static str = "list";
    const KEEPS_PLACEMENT: bool = true;

    fn new(slots: &Self::Table, area: AreaRange) -> Self {
        for i in area.first..area.first + area.len {
            // At most 128.
            let run = u16::try_from(initial_run(i, slots.nslabs())).unwrap_or(0);
            set_count(slots.slot(i), run);
        }
        Self(PhantomData)
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
            set_count(slot, 0);
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
            set_count(slot, run);
            slot.forget();
        }
        n + extend_backwards(slots, first, run)
    }
}
