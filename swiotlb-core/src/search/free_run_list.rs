//! Linux's slot search: each descriptor holds the number of free slots from it to the next taken slot
//! or to the end of its segment (or pool); 0 means taken.
//!
//! Invariant, under the area's lock: `mark` of slot i equals [`SlotSearch::run`] of slot i.

use super::{AreaRange, InWindow, SlotRequest, SlotSearch, stepped_walk};
use crate::probe::Probe;
use crate::rules::{initial_run, segment_end, segment_start};
use crate::slot::Slot;
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
    type Mark = AtomicU16;
    const NAME: &'static str = "list";
    const KEEPS_PLACEMENT: bool = true;

    fn new(slots: &[Slot<AtomicU16>], area: AreaRange) -> Self {
        let nslabs = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        for i in area.first..area.first + area.len {
            // At most 128.
            let run = u16::try_from(initial_run(i, nslabs)).unwrap_or(0);
            slots[i as usize].mark.store(run, Relaxed);
        }
        Self
    }

    #[inline]
    fn run(&self, slots: &[Slot<AtomicU16>], index: u32) -> u32 {
        u32::from(count(&slots[index as usize]))
    }

    #[inline(always)]
    fn find<C: Probe>(
        &self,
        slots: &[Slot<AtomicU16>],
        area: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        from: u32,
        probe: &C,
    ) -> Option<u32> {
        let own = &slots[area.first as usize..][..area.len as usize];
        // A request takes at most a segment's 128 slots.
        let wanted = u16::try_from(req.nslots).unwrap_or(u16::MAX);
        stepped_walk(area, at, req, from, probe, |within, _| count(&own[within as usize]) >= wanted)
    }

    #[inline]
    fn take(
        &self,
        slots: &[Slot<AtomicU16>],
        first: u32,
        n: u32,
        each: impl Fn(&Slot<AtomicU16>, u32),
    ) -> u32 {
        for (i, slot) in (0..).zip(&slots[first as usize..(first + n) as usize]) {
            slot.mark.store(0, Relaxed);
            each(slot, i);
        }
        n + extend_backwards(slots, first, 0)
    }

    #[inline]
    fn give(&self, slots: &[Slot<AtomicU16>], first: u32, n: u32, each: impl Fn(&Slot<AtomicU16>)) -> u32 {
        let nslabs = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let after = first + n;
        let mut run = if after < segment_end(first, nslabs) { count(&slots[after as usize]) } else { 0 };
        for slot in slots[first as usize..after as usize].iter().rev() {
            run += 1;
            slot.mark.store(run, Relaxed);
            each(slot);
        }
        n + extend_backwards(slots, first, run)
    }
}
