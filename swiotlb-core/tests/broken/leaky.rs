//! An area that frees a mapping from its buffer's first slot on, and so leaks the padding slots before it.

use swiotlb_core::area::{AreaNames, AreaSlots, Locked};
use swiotlb_core::lock::QueuedSpin;
use swiotlb_core::probe::Probe;
use swiotlb_core::search::{AreaRange, Bitmap, InWindow, SlotRequest};
use swiotlb_core::slot::{EachSlot, SlotTable, SlotView};

/// A bitmap under a lock, but for its release.
pub struct LeakyPadding(Locked<QueuedSpin, Bitmap>);

impl AreaSlots for LeakyPadding {
    type Table = EachSlot;
    const KEEPS_PLACEMENT: bool = true;

    fn names() -> AreaNames {
        AreaNames { search: "leaky-padding", ..Locked::<QueuedSpin, Bitmap>::names() }
    }

    fn new(slots: &EachSlot, range: AreaRange) -> Self {
        Self(Locked::new(slots, range))
    }

    fn find_slots<C: Probe>(
        &self,
        slots: &EachSlot,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32> {
        self.0.find_slots(slots, range, at, req, probe)
    }

    fn release_slots<C: Probe>(&self, slots: &EachSlot, range: AreaRange, first: u32, n: u32, probe: &C) {
        let starts = |&pad: &u32| slots.slot(first + pad).start().is_some();
        let pad = (0..n).find(starts).unwrap_or(0);
        self.0.release_slots(slots, range, first + pad, n - pad, probe);
    }

    fn claim_at(&self, slots: &EachSlot, range: AreaRange, first: u32, req: &SlotRequest) -> bool {
        self.0.claim_at(slots, range, first, req)
    }

    fn peek(&self, slots: &EachSlot, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32> {
        self.0.peek(slots, range, at, req)
    }

    fn free_run(&self, slots: &EachSlot, slot: u32) -> u32 {
        self.0.free_run(slots, slot)
    }

    fn used(&self) -> u64 {
        self.0.used()
    }

    fn index(&self) -> u32 {
        self.0.index()
    }

    fn set_index(&self, range: AreaRange, index: u32) {
        self.0.set_index(range, index);
    }
}
