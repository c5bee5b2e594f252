//! An area on cache lines of its own, so that neighbours' locks and counts do not share one.

use super::{AreaNames, AreaSlots, Hold};
use crate::probe::Probe;
use crate::search::{AreaRange, InWindow, SlotRequest};
use crossbeam_utils::CachePadded;

/// `A`, padded to whole cache lines (two of them where the processor fetches lines in pairs).
pub struct Padded<A>(CachePadded<A>);

impl<A: AreaSlots> AreaSlots for Padded<A> {
    type Table = A::Table;
    const KEEPS_PLACEMENT: bool = A::KEEPS_PLACEMENT;
    const METERED: bool = A::METERED;

    fn names() -> AreaNames {
        AreaNames { layout: "padded", ..A::names() }
    }

    fn new(slots: &A::Table, range: AreaRange) -> Self {
        Self(CachePadded::new(A::new(slots, range)))
    }

    #[inline(always)]
    fn find_slots<C: Probe>(
        &self,
        slots: &A::Table,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32> {
        self.0.find_slots(slots, range, at, req, probe)
    }

    #[inline]
    fn release_slots<C: Probe>(&self, slots: &A::Table, range: AreaRange, first: u32, n: u32, probe: &C) {
        self.0.release_slots(slots, range, first, n, probe);
    }

    fn claim_at(&self, slots: &A::Table, range: AreaRange, first: u32, req: &SlotRequest) -> bool {
        self.0.claim_at(slots, range, first, req)
    }

    fn peek(&self, slots: &A::Table, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32> {
        self.0.peek(slots, range, at, req)
    }

    fn free_run(&self, slots: &A::Table, slot: u32) -> u32 {
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

    #[inline]
    fn is_over(&self) -> bool {
        self.0.is_over()
    }

    fn hold(&self) -> impl Sized {
        self.0.hold()
    }

    fn allow(&self, slots: u64) {
        self.0.allow(slots);
    }
}

impl<A: Hold> Hold for Padded<A> {
    fn hold_still(&self) -> impl Sized {
        self.0.hold_still()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Locked;
    use crate::lock::QueuedSpin;
    use crate::search::FreeRunList;

    #[test]
    fn no_two_areas_share_a_line() {
        type Area = Padded<Locked<QueuedSpin, FreeRunList>>;
        assert!(size_of::<Area>().is_multiple_of(64) && align_of::<Area>() >= 64);
        assert_eq!(Area::names().layout, "padded");
    }
}
